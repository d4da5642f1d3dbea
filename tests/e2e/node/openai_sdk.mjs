// One scenario of the npm `openai` SDK. Reads {scenario, baseURL, apiKey, model, tools} as JSON from
// stdin and prints what the SDK handed over, as JSON; an API error is printed as {error: {…}}.
import { text } from "node:stream/consumers";
import OpenAI from "openai";

const { scenario, baseURL, apiKey, model, tools } = JSON.parse(await text(process.stdin));
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "What does the fox do?" }];

/** What a stream delivers, put together, beside how it was delivered. */
async function collect(stream) {
  const seen = { text: "", usages: [], emptyChunks: 0, finish: null, calls: [] };
  for await (const chunk of stream) {
    if (chunk.usage) seen.usages.push(chunk.usage);
    if (chunk.choices.length === 0) seen.emptyChunks += 1;
    for (const { delta, finish_reason } of chunk.choices) {
      seen.text += delta.content ?? "";
      seen.finish = finish_reason ?? seen.finish;
      for (const { index, id, function: part } of delta.tool_calls ?? []) {
        seen.calls[index] ??= { id, name: part.name, arguments: "" };
        seen.calls[index].arguments += part.arguments ?? "";
      }
    }
  }
  return seen;
}

const scenarios = {
  chat: async () => {
    const answer = await client.chat.completions.create({ model, messages });
    return { ...answer, requestId: answer._request_id };
  },
  stream: async () => {
    const { data, response } = await client.chat.completions
      .create({ model, messages, stream: true })
      .withResponse();
    return { ...(await collect(data)), requestId: response.headers.get("x-request-id") };
  },
  streamWithUsage: async () =>
    collect(
      await client.chat.completions.create({
        model,
        messages,
        stream: true,
        stream_options: { include_usage: true },
      }),
    ),
  tools: async () => client.chat.completions.create({ model, messages, tools }),
  toolsStream: async () =>
    collect(await client.chat.completions.create({ model, messages, tools, stream: true })),
  // The SDK's own accumulator is stricter than any reader of chunks: it insists on ids, roles and ends.
  toolsAccumulated: async () =>
    client.chat.completions.stream({ model, messages, tools }).finalChatCompletion(),
  models: async () => {
    const ids = [];
    for await (const listed of client.models.list()) ids.push(listed.id);
    return { ids };
  },
  model: async () => client.models.retrieve(model),
  // Leaves the loop after the second chunk: the SDK aborts the request.
  hangUp: async () => {
    const { data, response } = await client.chat.completions
      .create({ model, messages, stream: true, max_tokens: 7000 })
      .withResponse();
    let chunks = 0;
    for await (const _ of data) {
      chunks += 1;
      if (chunks === 2) break;
    }
    return { chunks, requestId: response.headers.get("x-request-id") };
  },
};

try {
  console.log(JSON.stringify(await scenarios[scenario]()));
} catch (error) {
  if (!(error instanceof OpenAI.APIError)) throw error;
  const { status, code, type, message, requestID } = error;
  console.log(JSON.stringify({ error: { name: error.constructor.name, status, code, type, message, requestID } }));
}
