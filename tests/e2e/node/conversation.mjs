// The conversation of tests/conformance, held by each JavaScript SDK as its documentation says to.
// Reads {ways: [{caller, url, key, model, stream, stop}], said: {...}} as JSON from stdin and prints a list
// of outcomes, one for each way; one that failed is printed as {error}. An SDK is loaded where it is called:
// all of them take seconds.
import { text } from "node:stream/consumers";

globalThis.AI_SDK_LOG_WARNINGS = false; // they would go to stdout
const { ways, said } = JSON.parse(await text(process.stdin));
const { system, question, picture, tools, descriptions, results, maxTokens, temperature, stops } = said;
const names = Object.keys(tools);

/** Notes what the gateway said it dropped. */
let noting = new Set();
async function notingFetch(...asked) {
  const answer = await fetch(...asked);
  for (const name of (answer.headers.get("x-gateway-dropped") ?? "").split(",")) {
    if (name.trim()) noting.add(name.trim());
  }
  return answer;
}

function newOutcome() {
  return { calls: [], call_ids: [], thoughts: "", text: "", finish: [], usage: [], dropped: [] };
}

async function openaiChat(way, outcome) {
  const { default: OpenAI } = await import("openai");
  const client = new OpenAI({ baseURL: `${way.url}/v1`, apiKey: way.key, maxRetries: 0, fetch: notingFetch });
  const messages = [
    { role: "system", content: system },
    {
      role: "user",
      content: [
        { type: "text", text: question },
        { type: "image_url", image_url: { url: `data:image/png;base64,${picture}` } },
      ],
    },
  ];
  const turn = async () => {
    const asked = {
      model: way.model,
      messages,
      tools: names.map((name) => ({
        type: "function",
        function: { name, description: descriptions[name], parameters: tools[name] },
      })),
      max_completion_tokens: maxTokens,
      temperature,
      ...(way.stop ? { stop: stops } : {}),
    };
    const answer = way.stream
      ? await client.chat.completions
          .stream({ ...asked, stream_options: { include_usage: true } })
          .finalChatCompletion()
      : await client.chat.completions.create(asked);
    const { usage, choices } = answer;
    outcome.finish.push(choices[0].finish_reason);
    outcome.usage.push([
      usage.prompt_tokens,
      usage.prompt_tokens_details?.cached_tokens ?? 0,
      usage.completion_tokens,
    ]);
    return choices[0].message;
  };
  const message = await turn();
  outcome.thoughts = message.reasoning_content ?? "";
  messages.push(message);
  for (const call of message.tool_calls) {
    outcome.calls.push([call.function.name, JSON.parse(call.function.arguments)]);
    outcome.call_ids.push(call.id);
    messages.push({ role: "tool", tool_call_id: call.id, content: results[call.function.name] });
  }
  outcome.text = (await turn()).content;
}

async function openaiResponses(way, outcome) {
  const { default: OpenAI } = await import("openai");
  const client = new OpenAI({ baseURL: `${way.url}/v1`, apiKey: way.key, maxRetries: 0, fetch: notingFetch });
  const input = [
    {
      role: "user",
      content: [
        { type: "input_text", text: question },
        { type: "input_image", detail: "auto", image_url: `data:image/png;base64,${picture}` },
      ],
    },
  ];
  const turn = async () => {
    const asked = {
      model: way.model,
      instructions: system,
      input,
      tools: names.map((name) => ({
        type: "function",
        name,
        description: descriptions[name],
        parameters: tools[name],
        strict: false,
      })),
      max_output_tokens: maxTokens,
      temperature,
      store: false,
      include: ["reasoning.encrypted_content"],
    };
    const answer = way.stream
      ? await client.responses.stream(asked).finalResponse()
      : await client.responses.create(asked);
    outcome.finish.push(answer.status);
    const { input_tokens, input_tokens_details, output_tokens } = answer.usage;
    outcome.usage.push([input_tokens, input_tokens_details.cached_tokens, output_tokens]);
    return answer;
  };
  const first = await turn();
  input.push(...first.output);
  for (const item of first.output) {
    if (item.type === "function_call") {
      outcome.calls.push([item.name, JSON.parse(item.arguments)]);
      outcome.call_ids.push(item.call_id);
      input.push({ type: "function_call_output", call_id: item.call_id, output: results[item.name] });
    } else if (item.type === "reasoning") {
      outcome.thoughts += item.summary.map((part) => part.text).join("");
    }
  }
  outcome.text = (await turn()).output_text;
}

async function anthropic(way, outcome) {
  const { default: Anthropic } = await import("@anthropic-ai/sdk");
  const client = new Anthropic({ baseURL: way.url, authToken: way.key, maxRetries: 0, fetch: notingFetch });
  const source = { type: "base64", media_type: "image/png", data: picture };
  const messages = [
    {
      role: "user",
      content: [
        { type: "text", text: question },
        { type: "image", source },
      ],
    },
  ];
  const turn = async () => {
    const asked = {
      model: way.model,
      system,
      messages,
      tools: names.map((name) => ({ name, description: descriptions[name], input_schema: tools[name] })),
      max_tokens: maxTokens,
      temperature,
      ...(way.stop ? { stop_sequences: stops } : {}),
    };
    const answer = way.stream
      ? await client.messages.stream(asked).finalMessage()
      : await client.messages.create(asked);
    outcome.finish.push(answer.stop_reason);
    const { input_tokens, cache_read_input_tokens, output_tokens } = answer.usage;
    const cached = cache_read_input_tokens ?? 0;
    outcome.usage.push([input_tokens + cached, cached, output_tokens]);
    return answer;
  };
  const first = await turn();
  messages.push({ role: "assistant", content: first.content });
  const content = [];
  for (const block of first.content) {
    if (block.type === "tool_use") {
      outcome.calls.push([block.name, block.input]);
      outcome.call_ids.push(block.id);
      content.push({ type: "tool_result", tool_use_id: block.id, content: results[block.name] });
    } else if (block.type === "thinking") {
      outcome.thoughts += block.thinking;
    }
  }
  messages.push({ role: "user", content });
  const last = await turn();
  outcome.text = last.content.map((block) => block.text ?? "").join("");
}

async function googleGenai(way, outcome) {
  const { GoogleGenAI } = await import("@google/genai");
  const client = new GoogleGenAI({ apiKey: way.key, httpOptions: { baseUrl: way.url, fetch: notingFetch } });
  const contents = [
    {
      role: "user",
      parts: [{ text: question }, { inlineData: { mimeType: "image/png", data: picture } }],
    },
  ];
  const turn = async () => {
    const asked = {
      model: way.model,
      contents,
      config: {
        systemInstruction: system,
        tools: [
          {
            functionDeclarations: names.map((name) => ({
              name,
              description: descriptions[name],
              parametersJsonSchema: tools[name],
            })),
          },
        ],
        maxOutputTokens: maxTokens,
        temperature,
        ...(way.stop ? { stopSequences: stops } : {}),
      },
    };
    const chunks = [];
    if (way.stream) {
      for await (const chunk of await client.models.generateContentStream(asked)) chunks.push(chunk);
    } else {
      chunks.push(await client.models.generateContent(asked));
    }
    const candidates = chunks.flatMap((chunk) => chunk.candidates ?? []);
    outcome.finish.push(...candidates.map((one) => one.finishReason).filter(Boolean));
    const usage = chunks.at(-1).usageMetadata;
    const out = (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0);
    outcome.usage.push([usage.promptTokenCount, usage.cachedContentTokenCount ?? 0, out]);
    return candidates.flatMap((one) => one.content?.parts ?? []);
  };
  const parts = await turn();
  contents.push({ role: "model", parts });
  const answers = [];
  for (const part of parts) {
    if (part.functionCall) {
      const { id, name, args } = part.functionCall;
      outcome.calls.push([name, args ?? {}]);
      outcome.call_ids.push(id ?? `position ${outcome.calls.length}`);
      answers.push({ functionResponse: { id, name, response: { result: results[name] } } });
    } else if (part.thought) {
      outcome.thoughts += part.text ?? "";
    }
  }
  contents.push({ role: "user", parts: answers });
  outcome.text = (await turn()).map((part) => (part.thought ? "" : (part.text ?? ""))).join("");
}

/** Vercel's AI SDK runs the tools itself. */
function vercel(modelOf) {
  return async (way, outcome) => {
    const { generateText, jsonSchema, stepCountIs, streamText, tool } = await import("ai");
    const asked = {
      model: await modelOf(way),
      system,
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: question },
            { type: "image", image: picture, mediaType: "image/png" },
          ],
        },
      ],
      tools: Object.fromEntries(
        names.map((name) => [
          name,
          tool({
            description: descriptions[name],
            inputSchema: jsonSchema(tools[name]),
            execute: async (input, { toolCallId }) => {
              outcome.calls.push([name, input]);
              outcome.call_ids.push(toolCallId);
              return results[name];
            },
          }),
        ]),
      ),
      maxOutputTokens: maxTokens,
      temperature,
      ...(way.stop ? { stopSequences: stops } : {}),
      maxRetries: 0,
      stopWhen: stepCountIs(3),
    };
    const failures = [];
    const answer = way.stream
      ? streamText({ ...asked, onError: ({ error }) => failures.push(error) })
      : await generateText(asked);
    if (way.stream) await answer.consumeStream();
    if (failures.length) throw failures[0];
    const steps = await answer.steps;
    outcome.text = await answer.text;
    for (const step of steps) {
      outcome.finish.push(step.finishReason);
      outcome.thoughts += step.reasoningText ?? "";
      const { inputTokens, inputTokenDetails, cachedInputTokens, outputTokens } = step.usage;
      const cached = inputTokenDetails?.cacheReadTokens ?? cachedInputTokens ?? 0;
      outcome.usage.push([inputTokens, cached, outputTokens]);
    }
  };
}

const callers = {
  "openai-chat": openaiChat,
  "openai-responses": openaiResponses,
  anthropic,
  "google-genai": googleGenai,
  "vercel-openai-compatible": vercel(async (way) => {
    const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
    return createOpenAICompatible({
      name: "gateway",
      baseURL: `${way.url}/v1`,
      apiKey: way.key,
      fetch: notingFetch,
      includeUsage: true,
    })(way.model);
  }),
  "vercel-anthropic": vercel(async (way) => {
    const { createAnthropic } = await import("@ai-sdk/anthropic");
    return createAnthropic({ baseURL: `${way.url}/v1`, apiKey: way.key, fetch: notingFetch })(way.model);
  }),
  "vercel-google": vercel(async (way) => {
    const { createGoogleGenerativeAI } = await import("@ai-sdk/google");
    return createGoogleGenerativeAI({ baseURL: `${way.url}/v1beta`, apiKey: way.key, fetch: notingFetch })(way.model);
  }),
};

const outcomes = [];
for (const way of ways) {
  noting = new Set();
  const outcome = newOutcome();
  try {
    await callers[way.caller](way, outcome);
    outcomes.push({ ...outcome, dropped: [...noting] });
  } catch (error) {
    outcomes.push({ error: `${error?.stack ?? error} ${JSON.stringify(error?.responseBody ?? error?.cause ?? "")}` });
  }
}
console.log(JSON.stringify(outcomes));
