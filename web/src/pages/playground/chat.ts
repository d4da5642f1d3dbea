/** One answer of the playground: streamed or whole, with what it took. */

import { ApiError, call, request } from "@/api/http";
import type { RequestDetail } from "@/api/types";
import { EventReader } from "@/lib/sse";

export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface Question {
  client_id: string;
  model: string;
  messages: Message[];
  stream: boolean;
  temperature?: number;
  max_tokens?: number;
}

interface ChatChunk {
  choices?: {
    delta?: { content?: string | null; reasoning_content?: string | null };
    message?: { content?: string | null; reasoning_content?: string | null };
  }[];
  error?: { message?: string };
}

export interface Piece {
  content: string;
  reasoning: string;
}

function partOf({ choices = [] }: ChatChunk) {
  return choices[0]?.delta ?? choices[0]?.message;
}

export function pieceOf(data: string): Piece {
  const chunk = JSON.parse(data) as ChatChunk;
  if (chunk.error) throw new ApiError(502, "stream", chunk.error.message ?? "The stream broke off.");
  const part = partOf(chunk);
  return { content: part?.content ?? "", reasoning: part?.reasoning_content ?? "" };
}

/**
 * Asks, and tells each piece as it comes; returns the request's id.
 *
 * @throws ApiError; AbortError when it was stopped
 */
export async function ask(question: Question, signal: AbortSignal, onPiece: (piece: Piece) => void): Promise<string> {
  const response = await request("POST", "/playground/chat", { body: question, signal });
  const id = response.headers.get("x-request-id") ?? "";
  if (!response.headers.get("content-type")?.startsWith("text/event-stream") || !response.body) {
    onPiece(pieceOf(await response.text()));
    return id;
  }
  const events = new EventReader();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return id;
    for (const data of events.feed(value)) {
      if (data !== "[DONE]") onPiece(pieceOf(data));
    }
  }
}

const TRIES = 12;
const BETWEEN_MS = 250;

/** The request's row, which arrives a moment after its answer; null where it does not. */
export async function rowOf(id: string): Promise<RequestDetail | null> {
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      return await call("GET", "/requests/{request_id}", { path: { request_id: id } });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) return null;
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    }
  }
  return null;
}
