// A `tollgate mock` as a child process, and what the tests expect of its answers.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after } from "node:test";

const { SCENARIOS, TOLLGATE_BIN } = process.env;

// As in expected.py.
export const PROMPT = " tell me all".repeat(4);
export const [INPUT, OUTPUT, CAP] = [12, 24, 16];
export const TOOL = "look_up_weather";
export const TOOL_SCHEMA = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

process.once("SIGTERM", () => process.exit(143));

/** A mock of the variant, until the tests of the file are over: a function from an endpoint's name to its base URL. */
export async function start(variant) {
  const child = spawn(TOLLGATE_BIN, ["mock", `${SCENARIOS}/${variant}.toml`, "--listen", "127.0.0.1:0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const stop = () => child.kill("SIGINT");
  process.once("exit", stop);
  after(stop);
  let origin;
  for await (const line of createInterface({ input: child.stdout })) {
    origin ??= line.match(/http:\/\/127\.0\.0\.1:\d+/)?.[0];
    if (line.startsWith("ready")) return (endpoint) => `${origin}/${endpoint}`;
  }
  throw new Error(`the mock of ${variant} did not start`);
}

/** A `fetch` for the SDKs, and a list that grows by one with each request they send, retries included. */
export function recorder() {
  const sent = [];
  return { sent, fetch: (...call) => (sent.push(call), fetch(...call)) };
}

/** All that an asynchronous iterator gives. */
export async function all(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** How many tokens the mock's text has: each is a space and three letters. */
export function tokens(text) {
  assert.match(text, /^( \S{3})*$/);
  return text.length / 4;
}

/** That the promise fails with an error of this class; returns the error. */
export async function fails(promise, kind) {
  let caught;
  await assert.rejects(promise, (error) => ((caught = error), true));
  assert.ok(caught instanceof kind, `${caught} is no ${kind.name}`);
  return caught;
}
