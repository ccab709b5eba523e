// What every program in JavaScript here does; `cases.py` says it for those in Python, word for word.

import { readFileSync } from "node:fs";

export const SAID = "Penstock lets the water through.";
export const SAY = `Say exactly: ${SAID}`;
export const THINK = `Think aloud. ${SAY}`;
export const THOUGHT = "The user says:";
export const REFUSE = "Refuse.";
export const REFUSAL = "I'm sorry, but I can't help with that.";
export const CALL = 'Call get_weather with {"city": "Paris"} and get_weather with {"city": "London"}.';
export const CITIES = ["Paris", "London"];
export const FAIL = "Fail after 3 tokens with too_many_requests.";
export const FAILURE = "The demo fails, as the prompt asks it to.";
export const NAMED = "My name is Alice.";
export const NAME = "What is my name?";
export const PERSON = 'Ada, whose name is "Ada", is 36 years old.';

export const weather = (city) => `18 degrees in ${city}`;

/** Fail unless `got` is what was wanted. */
export function equal(got, wanted, what) {
  const [left, right] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${what}: expected ${right}, got ${left}`);
}

/** Fail unless `wanted` is in `text`. */
export function holds(text, wanted, what) {
  if (!(text ?? "").includes(wanted)) throw new Error(`${what}: expected ${JSON.stringify(wanted)} in ${JSON.stringify(text)}`);
}

/** Fail unless `wanted` is in `text`, and no more than once. */
export function once(text, wanted, what) {
  holds(text, wanted, what);
  equal(text.split(wanted).length - 1, 1, `how often ${what} holds it`);
}

/** Return what `promise` fails with; fail if it does not. */
export async function failureOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

const tell = (said) => console.log(JSON.stringify(said));

const modules = new URL("../node_modules/", import.meta.url);
const version = (name) => JSON.parse(readFileSync(new URL(`${name}/package.json`, modules))).version;

/** Run the cases (objects of functions by name), and exit; `lacks` says what the client cannot do with any server. */
export async function run(packages, cases, lacks = {}) {
  tell({ versions: Object.fromEntries(packages.map((name) => [name, version(name)])) });
  for (const [name, reason] of Object.entries(lacks)) tell({ case: name, lacks: reason });
  let failed = false;
  for (const [name, check] of Object.entries(cases)) {
    try {
      await check();
      tell({ case: name });
    } catch (error) {
      failed = true;
      const at = /([\w.-]+\.mjs:\d+)/.exec(error.stack ?? "")?.[1];
      tell({ case: name, failed: `${error.name}: ${error.message} (${at})` });
    }
  }
  process.exit(failed ? 1 : 0);
}
