// Vercel's AI SDK with its Open Responses provider: `ai` and `@ai-sdk/open-responses`.

import { createOpenResponses } from "@ai-sdk/open-responses";
import { cases } from "./ai_sdk.mjs";
import { run } from "./cases.mjs";

const { OPENAI_BASE_URL: url, OPENAI_API_KEY: apiKey } = process.env;
const provider = createOpenResponses({ name: "penstock", url: `${url}/responses`, apiKey });
const shared = cases(provider, {
  reasoning: { penstock: { reasoningSummary: "auto" } },
  // It tells the code of a failure that comes while it streams, not the message.
  failed: ["error", "demo_failure"],
});
await run(["@ai-sdk/open-responses", "ai"], shared, {
  refusal: "`generateText` throws a TypeError on every refusal, and `streamText` passes over it",
});
