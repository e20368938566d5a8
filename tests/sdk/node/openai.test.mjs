// OpenAI's client for Node: chat completions, Responses, embeddings, models; and Azure OpenAI by the same package.

import assert from "node:assert/strict";
import { test } from "node:test";

import OpenAI, { AzureOpenAI } from "openai";

import { CAP, INPUT, OUTPUT, PROMPT, TOOL, TOOL_SCHEMA, all, fails, recorder, start, tokens } from "./mocking.mjs";

const rows = await start("rows");
const openai = (mock, options) => new OpenAI({ baseURL: mock("openai"), apiKey: "any", ...options });
const chat = { model: "gpt-6-sol", messages: [{ role: "user", content: PROMPT }] };
const ask = { model: "gpt-6-sol", input: PROMPT };

const clients = {
  OpenAI: [openai(rows), chat],
  "Azure's deployments": [
    new AzureOpenAI({ endpoint: rows("azure"), apiKey: "any", apiVersion: "2024-10-21" }),
    { ...chat, model: "team-gpt" },
  ],
  "Azure's v1": [new OpenAI({ baseURL: rows("azure/openai/v1"), apiKey: "any" }), { ...chat, model: "team-gpt" }],
};

for (const [name, [client, chat]] of Object.entries(clients)) {
  test(`${name}: a chat answer is whole, or cut by its cap`, async () => {
    for (const [fields, output, reason] of [
      [{}, OUTPUT, "stop"],
      [{ max_completion_tokens: CAP }, CAP, "length"],
    ]) {
      const answer = await client.chat.completions.create({ ...chat, ...fields });
      assert.equal(tokens(answer.choices[0].message.content), output);
      assert.equal(answer.choices[0].finish_reason, reason);
      assertUsage(answer.usage, output);
    }
  });

  test(`${name}: a chat answer is streamed, and its usage with it`, async () => {
    const stream = client.chat.completions.stream({ ...chat, stream_options: { include_usage: true } });
    const deltas = [];
    stream.on("content", (delta) => deltas.push(delta));
    const answer = await stream.finalChatCompletion();
    assert.ok(deltas.length > 1);
    assert.equal(deltas.join(""), answer.choices[0].message.content);
    assert.equal(tokens(deltas.join("")), OUTPUT);
    assertUsage(await stream.totalUsage(), OUTPUT);
  });

  test(`${name}: a tool that must be called is called in deltas`, async () => {
    const tools = [{ type: "function", function: { name: TOOL, parameters: TOOL_SCHEMA } }];
    const answer = await client.chat.completions.stream({ ...chat, tools, tool_choice: "required" }).finalChatCompletion();
    const [call] = answer.choices[0].message.tool_calls;
    assert.deepEqual([answer.choices[0].finish_reason, call.function.name], ["tool_calls", TOOL]);
    assert.equal(typeof JSON.parse(call.function.arguments), "object");
  });

  test(`${name}: an unknown model is not found, and a bad request is one`, async () => {
    await fails(client.chat.completions.create({ ...chat, model: "no-such-model" }), OpenAI.NotFoundError);
    await fails(client.chat.completions.create({ ...chat, messages: [] }), OpenAI.BadRequestError);
  });
}

test("a response is whole, or cut by its cap", async () => {
  const answer = await openai(rows).responses.create(ask);
  assert.deepEqual([answer.status, tokens(answer.output_text)], ["completed", OUTPUT]);
  assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [INPUT, OUTPUT]);
  const cut = await openai(rows).responses.create({ ...ask, max_output_tokens: CAP });
  assert.deepEqual([cut.status, cut.incomplete_details.reason], ["incomplete", "max_output_tokens"]);
});

test("a response is streamed in named events", async () => {
  const stream = openai(rows).responses.stream(ask);
  const events = await all(stream);
  assert.equal(events[0].type, "response.created");
  assert.equal(events.at(-1).type, "response.completed");
  const deltas = events.filter((event) => event.type === "response.output_text.delta");
  assert.equal(tokens(deltas.map((event) => event.delta).join("")), OUTPUT);
  assert.equal((await stream.finalResponse()).usage.output_tokens, OUTPUT);
});

test("embeddings are read", async () => {
  const client = new OpenAI({ baseURL: rows("openai-embeddings"), apiKey: "any" });
  const answer = await client.embeddings.create({ model: "text-embedding-3-small", input: PROMPT });
  assert.equal(answer.data[0].embedding.length, 1536);
  assert.equal(answer.usage.prompt_tokens, INPUT);
});

test("the model is listed", async () => {
  assert.deepEqual((await all(openai(rows).models.list())).map((model) => model.id), ["gpt-6-sol"]);
});

test("a refused call is tried again when the service says", async () => {
  const { sent, fetch } = recorder();
  const client = openai(await start("throttled"), { fetch });
  const began = performance.now();
  await client.chat.completions.create(chat);
  await client.chat.completions.create(chat);
  assert.ok(performance.now() - began > 950);
  assert.equal(sent.length, 3);
});

test("a refusal is the rate limit error", async () => {
  const client = openai(await start("used-up"), { maxRetries: 0 });
  await client.chat.completions.create(chat);
  await fails(client.chat.completions.create({ ...chat, stream: true }), OpenAI.RateLimitError);
  await fails(client.responses.create(ask), OpenAI.RateLimitError);
});

test("an outage is the server error after two retries", async () => {
  const { sent, fetch } = recorder();
  const client = openai(await start("down-503"), { fetch });
  const error = await fails(client.chat.completions.create(chat), OpenAI.InternalServerError);
  assert.deepEqual([error.status, sent.length], [503, 3]);
});

test("a stream that is cut is the runtime's own error", async () => {
  const stream = await openai(await start("breaking")).chat.completions.create({ ...chat, stream: true });
  assert.match((await fails(all(stream), TypeError)).message, /terminated/);
});

function assertUsage(usage, output) {
  assert.deepEqual(
    [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens],
    [INPUT, output, INPUT + output],
  );
}
