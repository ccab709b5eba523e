// What the AI SDK's two providers are asked alike. `provider` makes a model of a name; `failed` is what a stream tells
// of a failure: the messages of its errors, why it says that it ended, and what the server said.

import { generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import * as c from "./cases.mjs";

const Person = z.object({ name: z.string(), age: z.number() });

export function cases(provider, { reasoning, failed }) {
  const model = provider("demo");
  const quiet = { model, maxRetries: 0, onError: () => {} };
  const asked = [];
  const tools = {
    get_weather: tool({
      description: "Tell the weather in a city.",
      inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } }, required: ["city"] }),
      execute: async ({ city }) => (asked.push(city), c.weather(city)),
    }),
  };

  return {
    async text() {
      const { text, usage } = await generateText({ ...quiet, prompt: c.SAY });
      c.equal(text, c.SAID, "the answer");
      if (!usage.outputTokens) throw new Error(`no usage: ${JSON.stringify(usage)}`);
    },

    async streaming() {
      const pieces = [];
      for await (const piece of streamText({ ...quiet, prompt: c.SAY }).textStream) pieces.push(piece);
      c.equal(pieces.join(""), c.SAID, "the text");
      if (pieces.length < 2) throw new Error("the text did not come in pieces");
    },

    async reasoning() {
      for (const providerOptions of [{}, reasoning]) {
        const { reasoningText } = await generateText({ ...quiet, prompt: c.THINK, providerOptions });
        c.once(reasoningText, c.THOUGHT, "the reasoning");
        let told = "";
        const stream = streamText({ ...quiet, prompt: c.THINK, providerOptions });
        for await (const part of stream.fullStream) if (part.type === "reasoning-delta") told += part.text;
        c.once(told, c.THOUGHT, "the reasoning while streaming");
        c.equal(await stream.text, c.SAID, "the answer");
      }
    },

    async "parallel calls"() {
      asked.length = 0;
      const { toolCalls } = await generateText({ ...quiet, prompt: c.CALL, tools });
      c.equal(toolCalls.map((call) => call.input.city), c.CITIES, "the calls");
      c.equal(asked, c.CITIES, "the calls made");
    },

    async "tool results"() {
      const more = { ...quiet, prompt: c.CALL, tools, stopWhen: stepCountIs(3) };
      for (const text of [(await generateText(more)).text, await streamText(more).text]) {
        for (const city of c.CITIES) c.holds(text, c.weather(city), "the answer");
      }
    },

    async conversation() {
      const first = await generateText({ ...quiet, prompt: c.NAMED });
      const messages = [{ role: "user", content: c.NAMED }, ...first.response.messages, { role: "user", content: c.NAME }];
      c.holds((await generateText({ ...quiet, messages })).text, "Alice", "the answer");
    },

    async failure() {
      const error = await c.failureOf(generateText({ ...quiet, prompt: c.FAIL }));
      c.equal(error.statusCode, 429, "the status");
      c.holds(error.message, c.FAILURE, "the message");
      const told = [];
      for await (const part of streamText({ ...quiet, prompt: c.FAIL }).fullStream) {
        if (part.type === "error") told.push(part.error.message);
        if (part.type === "finish") told.push(part.finishReason, part.rawFinishReason);
      }
      c.equal(told, failed, "what the stream tells of the failure");
    },

    async "structured output"() {
      const { object } = await generateObject({ ...quiet, prompt: c.PERSON, schema: Person });
      Person.parse(object);
    },
  };
}
