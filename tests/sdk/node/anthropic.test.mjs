// Anthropic's clients for Node: Messages at Anthropic, in Foundry, on Vertex AI and on Bedrock.

import assert from "node:assert/strict";
import { test } from "node:test";

import { AnthropicBedrock } from "@anthropic-ai/bedrock-sdk";
import { AnthropicFoundry } from "@anthropic-ai/foundry-sdk";
import Anthropic from "@anthropic-ai/sdk";
import { AnthropicVertex } from "@anthropic-ai/vertex-sdk";
import { OAuth2Client } from "google-auth-library";

import { CAP, INPUT, OUTPUT, PROMPT, TOOL, TOOL_SCHEMA, all, fails, recorder, start, tokens } from "./mocking.mjs";

const rows = await start("rows");
const anthropic = (mock, options) => new Anthropic({ baseURL: mock("anthropic"), apiKey: "any", ...options });
const call = { model: "claude-sonnet-5-5", messages: [{ role: "user", content: PROMPT }], max_tokens: 2000 };

const clients = {
  Anthropic: [anthropic(rows), call],
  Bedrock: [
    new AnthropicBedrock({
      baseURL: rows("bedrock-claude"),
      awsRegion: "us-east-1",
      awsAccessKey: "AKIDEXAMPLE",
      awsSecretKey: "any",
    }),
    { ...call, model: "us.anthropic.claude-sonnet-5-5" },
  ],
  Foundry: [
    new AnthropicFoundry({ baseURL: rows("foundry/anthropic"), apiKey: "any" }),
    { ...call, model: "team-claude" },
  ],
  Vertex: [
    new AnthropicVertex({
      baseURL: rows("vertex-claude/v1"),
      region: "us-east5",
      projectId: "team-project",
      authClient: Object.assign(new OAuth2Client(), { credentials: { access_token: "any" } }),
    }),
    call,
  ],
};

for (const [name, [client, call]] of Object.entries(clients)) {
  test(`${name}: an answer is whole, or cut by its cap`, async () => {
    for (const [fields, output, reason] of [
      [{}, OUTPUT, "end_turn"],
      [{ max_tokens: CAP }, CAP, "max_tokens"],
    ]) {
      const answer = await client.messages.create({ ...call, ...fields });
      assert.equal(tokens(answer.content[0].text), output);
      assert.equal(answer.stop_reason, reason);
      assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [INPUT, output]);
    }
  });

  test(`${name}: an answer is streamed, and its usage with it`, async () => {
    const stream = client.messages.stream(call);
    const deltas = [];
    stream.on("text", (delta) => deltas.push(delta));
    const answer = await stream.finalMessage();
    assert.ok(deltas.length > 1);
    assert.equal(deltas.join(""), answer.content[0].text);
    assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [INPUT, OUTPUT]);
  });

  test(`${name}: a tool that must be called is called in deltas`, async () => {
    const tools = [{ name: TOOL, input_schema: TOOL_SCHEMA }];
    const answer = await client.messages.stream({ ...call, tools, tool_choice: { type: "any" } }).finalMessage();
    const [block] = answer.content;
    assert.deepEqual([answer.stop_reason, block.type, block.name], ["tool_use", "tool_use", TOOL]);
    assert.equal(typeof block.input, "object");
  });

  test(`${name}: an unknown model is not found`, async () => {
    await fails(client.messages.create({ ...call, model: "no-such-model" }), Anthropic.NotFoundError);
  });
}

test("tokens are counted, and the model is listed", async () => {
  const { max_tokens, ...prompt } = call;
  assert.equal((await anthropic(rows).messages.countTokens(prompt)).input_tokens, INPUT);
  assert.deepEqual((await all(anthropic(rows).models.list())).map((model) => model.id), ["claude-sonnet-5-5"]);
});

test("a refused call is tried again when the service says", async () => {
  const { sent, fetch } = recorder();
  const client = anthropic(await start("throttled"), { fetch });
  const began = performance.now();
  await client.messages.create(call);
  await client.messages.create(call);
  assert.ok(performance.now() - began > 950);
  assert.equal(sent.length, 3);
});

test("a refusal is the rate limit error", async () => {
  const client = anthropic(await start("used-up"), { maxRetries: 0 });
  await client.messages.create(call);
  await fails(client.messages.create({ ...call, stream: true }), Anthropic.RateLimitError);
});

test("an overload is an error of its own after two retries", async () => {
  const { sent, fetch } = recorder();
  const client = anthropic(await start("down-529"), { fetch });
  const error = await fails(client.messages.create(call), Anthropic.InternalServerError);
  assert.deepEqual([error.status, error.constructor.name, sent.length], [529, "OverloadedError", 3]);
});

test("a stream that is cut is the runtime's own error", async () => {
  const stream = await anthropic(await start("breaking")).messages.create({ ...call, max_tokens: 9000, stream: true });
  assert.match((await fails(all(stream), TypeError)).message, /terminated/);
});
