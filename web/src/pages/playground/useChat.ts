import { useEffect, useRef, useState } from "react";

import { reason } from "@/api/http";
import { forget } from "@/api/queries";
import type { RequestDetail } from "@/api/types";
import type { Message, Question } from "@/pages/playground/chat";
import { ask, rowOf } from "@/pages/playground/chat";

export interface Turn extends Message {
  id: number;
  reasoning?: string;
  state: "done" | "running" | "stopped" | "failed";
  problem?: string;
  /** Of the request, once its row is there. */
  row?: RequestDetail | null;
  requestId?: string;
  firstMs?: number;
}

let last = 0;

export function useChat() {
  const [turns, setTurns] = useState<Turn[]>([]);
  const [busy, setBusy] = useState(false);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const change = (id: number, how: (turn: Turn) => Partial<Turn>) =>
    setTurns((all) => all.map((turn) => (turn.id === id ? { ...turn, ...how(turn) } : turn)));

  const run = async (id: number, question: Question) => {
    const abort = new AbortController();
    running.current = abort;
    setBusy(true);
    const start = performance.now();
    try {
      const requestId = await ask(question, abort.signal, (piece) =>
        change(id, (turn) => ({
          content: turn.content + piece.content,
          reasoning: (turn.reasoning ?? "") + piece.reasoning,
          firstMs: turn.firstMs ?? performance.now() - start,
        })),
      );
      change(id, () => ({ state: "done", requestId }));
      setBusy(false);
      const row = requestId ? await rowOf(requestId) : null;
      change(id, () => ({ row }));
      await forget("requests", "clients", "client");
    } catch (error) {
      const stopped = abort.signal.aborted;
      change(id, () => ({ state: stopped ? "stopped" : "failed", problem: stopped ? "" : reason(error) }));
    } finally {
      if (running.current === abort) {
        running.current = null;
        setBusy(false);
      }
    }
  };

  const send = (text: string, before: Message[], rest: Omit<Question, "messages">) => {
    const said = turns.filter((turn) => turn.content && turn.state !== "failed");
    const history = said.map(({ role, content }) => ({ role, content }));
    const user: Turn = { id: ++last, role: "user", content: text, state: "done" };
    const answer: Turn = { id: ++last, role: "assistant", content: "", state: "running" };
    setTurns([...turns, user, answer]);
    void run(answer.id, { ...rest, messages: [...before, ...history, { role: "user", content: text }] });
  };
  return { turns, busy, send, stop: () => running.current?.abort(), clear: () => setTurns([]) };
}
