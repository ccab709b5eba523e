// Vercel's AI SDK with its OpenAI provider: `ai` and `@ai-sdk/openai`.

import { openai } from "@ai-sdk/openai";
import { generateText, streamText } from "ai";
import { cases } from "./ai_sdk.mjs";
import * as c from "./cases.mjs";

const shared = cases(openai, {
  reasoning: { openai: { reasoningEffort: "low", reasoningSummary: "auto" } },
  failed: [c.FAILURE, "error", "error"],
});
await c.run(["@ai-sdk/openai", "ai"], {
  ...shared,
  async "previous_response_id"() {
    const first = await generateText({ model: openai("demo"), prompt: c.NAMED });
    const providerOptions = { openai: { previousResponseId: first.providerMetadata.openai.responseId } };
    const { text } = await generateText({ model: openai("demo"), prompt: c.NAME, providerOptions });
    c.holds(text, "Alice", "the answer");
  },
  async "a conversation that is not stored"() {
    const asked = {
      model: openai("demo"),
      providerOptions: { openai: { store: false, include: ["reasoning.encrypted_content"], reasoningEffort: "low" } },
    };
    const first = await generateText({ ...asked, prompt: c.THINK });
    const messages = [{ role: "user", content: c.THINK }, ...first.response.messages, { role: "user", content: c.SAY }];
    c.equal((await generateText({ ...asked, messages })).text, c.SAID, "the answer");
  },

  async refusal() {
    const asked = { model: openai("demo"), prompt: c.REFUSE };
    c.equal((await generateText(asked)).text, c.REFUSAL, "the answer");
    c.equal(await streamText(asked).text, c.REFUSAL, "the answer of a stream");
  },
});
