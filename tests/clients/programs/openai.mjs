// The official SDK for JavaScript: `openai`.

import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { ResponsesWS } from "openai/resources/responses/ws";
import { z } from "zod";
import * as c from "./cases.mjs";

const client = new OpenAI({ maxRetries: 0 });
const ask = (input, more = {}) => client.responses.create({ model: "demo", input, ...more });
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", name: "get_weather", parameters, strict: false }];
const Person = z.object({ name: z.string(), age: z.number() });

async function all(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

const deltas = (events, type) => events.filter((event) => event.type === type).map((event) => event.delta).join("");
const calls = (response) => response.output.filter((item) => item.type === "function_call");
const results = (response) =>
  calls(response).map(({ call_id, arguments: text }) => ({
    type: "function_call_output",
    call_id,
    output: c.weather(JSON.parse(text).city),
  }));

await c.run(["openai"], {
  async text() {
    c.equal((await ask(c.SAY)).output_text, c.SAID, "the answer");
  },

  async streaming() {
    const events = await all(await ask(c.SAY, { stream: true }));
    c.equal(deltas(events, "response.output_text.delta"), c.SAID, "the deltas");
    c.equal(events.at(-1).response.output[0].content[0].text, c.SAID, "the final answer");
  },

  async "responses.stream"() {
    const stream = client.responses.stream({ model: "demo", input: c.THINK, tools });
    const events = await all(stream);
    c.equal(deltas(events, "response.output_text.delta"), c.SAID, "the deltas");
    c.once(deltas(events, "response.reasoning_summary_text.delta"), c.THOUGHT, "the summary's deltas");
    c.equal((await stream.finalResponse()).output_text, c.SAID, "the final answer");
  },

  async reasoning() {
    for (const more of [{}, { reasoning: { effort: "low", summary: "auto" } }]) {
      const [item] = (await ask(c.THINK, more)).output;
      c.equal(item.type, "reasoning", "the first item");
      c.once(item.summary.map((part) => part.text).join(""), c.THOUGHT, "the summary");
    }
  },

  async refusal() {
    c.equal((await ask(c.REFUSE)).output[0].content[0].refusal, c.REFUSAL, "the refusal");
    const events = await all(client.responses.stream({ model: "demo", input: c.REFUSE }));
    c.equal(deltas(events, "response.refusal.delta"), c.REFUSAL, "the deltas");
  },

  async "parallel calls"() {
    const stream = client.responses.stream({ model: "demo", input: c.CALL, tools });
    await all(stream);
    const cities = calls(await stream.finalResponse()).map((call) => JSON.parse(call.arguments).city);
    c.equal(cities, c.CITIES, "the calls");
  },

  async "tool results"() {
    const first = await ask(c.CALL, { tools });
    const chained = await ask(results(first), { tools, previous_response_id: first.id });
    const whole = await ask([{ role: "user", content: c.CALL }, ...first.output, ...results(first)], { tools, store: false });
    for (const city of c.CITIES) {
      c.holds(chained.output_text, c.weather(city), "the answer to a chained response");
      c.holds(whole.output_text, c.weather(city), "the answer to a whole conversation");
    }
  },

  async conversation() {
    const first = await ask(c.NAMED);
    c.holds((await ask(c.NAME, { previous_response_id: first.id })).output_text, "Alice", "the answer");
    c.equal((await client.responses.retrieve(first.id)).output_text, first.output_text, "the stored response");
    await client.responses.delete(first.id);
    c.equal((await c.failureOf(client.responses.retrieve(first.id))).status, 404, "the status of a deleted response");
  },

  async failure() {
    const error = await c.failureOf(ask(c.FAIL));
    c.equal([error.status, error.code], [429, "demo_failure"], "the error");
    c.holds(error.message, c.FAILURE, "the message");
    const last = (await all(client.responses.stream({ model: "demo", input: c.FAIL }))).at(-1);
    c.equal([last.type, last.response.error.message], ["response.failed", c.FAILURE], "the last event");
  },

  async "structured output"() {
    const text = { format: zodTextFormat(Person, "person") };
    const response = await client.responses.parse({ model: "demo", input: c.PERSON, text });
    Person.parse(response.output_parsed);
    const stream = client.responses.stream({ model: "demo", input: c.PERSON, text });
    await all(stream);
    c.equal((await stream.finalResponse()).output_parsed, response.output_parsed, "what was parsed of the stream");
  },

  async WebSocket() {
    const socket = new ResponsesWS(client);
    const waiting = [];
    let wake = () => {};
    socket.on("event", (event) => (waiting.push(event), wake()));
    socket.on("error", () => wake()); // an `error` event is an event as well
    const turn = async (request) => {
      socket.send({ type: "response.create", model: "demo", ...request });
      const events = [];
      for (;;) {
        while (!waiting.length) await new Promise((resolve) => (wake = resolve));
        events.push(waiting.shift());
        if (/^(response\.(completed|failed|incomplete)|error)$/.test(events.at(-1).type)) return events;
      }
    };
    const first = (await turn({ input: c.CALL, tools, store: false })).at(-1).response;
    const again = { input: results(first), tools, store: false, previous_response_id: first.id };
    c.holds(deltas(await turn(again), "response.output_text.delta"), c.weather("London"), "the answer");
    c.equal((await turn({ input: c.FAIL })).at(-1).response.error.message, c.FAILURE, "the failure");
    socket.close();
  },
});
