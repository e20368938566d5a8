// The clouds' own clients for Node: Bedrock's runtime by the AWS SDK, Gemini by Google's.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  ServiceUnavailableException,
  ThrottlingException,
} from "@aws-sdk/client-bedrock-runtime";
import { ApiError, GoogleGenAI } from "@google/genai";

import { INPUT, OUTPUT, PROMPT, all, fails, start, tokens } from "./mocking.mjs";

const rows = await start("rows");
const CLAUDE = "us.anthropic.claude-sonnet-5-5";
const converse = { modelId: CLAUDE, messages: [{ role: "user", content: [{ text: PROMPT }] }] };
const bedrock = (mock) =>
  new BedrockRuntimeClient({
    region: "us-east-1",
    endpoint: mock("bedrock-claude"),
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "any" },
  });
// With an API key no project is in the path.
const gemini = (mock) =>
  new GoogleGenAI({ vertexai: true, apiKey: "any", httpOptions: { baseUrl: mock("vertex") } }).models;
const generate = { model: "gemini-4-argon", contents: PROMPT };

test("Bedrock: Converse answers, and streams", async () => {
  const answer = await bedrock(rows).send(new ConverseCommand(converse));
  assert.equal(tokens(answer.output.message.content[0].text), OUTPUT);
  assert.deepEqual([answer.stopReason, answer.usage.totalTokens], ["end_turn", INPUT + OUTPUT]);
  const events = await all((await bedrock(rows).send(new ConverseStreamCommand(converse))).stream);
  const text = events.map((event) => event.contentBlockDelta?.delta.text ?? "").join("");
  assert.equal(tokens(text), OUTPUT);
  assert.equal(events.at(-1).metadata.usage.outputTokens, OUTPUT);
});

test("Bedrock: a model is invoked in its own form", async () => {
  const body = { anthropic_version: "bedrock-2023-05-31", max_tokens: 2000, messages: [{ role: "user", content: PROMPT }] };
  const answer = await bedrock(rows).send(new InvokeModelCommand({ modelId: CLAUDE, body: JSON.stringify(body) }));
  assert.equal(JSON.parse(new TextDecoder().decode(answer.body)).usage.output_tokens, OUTPUT);
});

test("Bedrock: a refusal and an outage are the service's exceptions after three attempts", async () => {
  const used = bedrock(await start("used-up"));
  await used.send(new ConverseCommand(converse));
  for (const [client, kind] of [
    [used, ThrottlingException],
    [bedrock(await start("down-503")), ServiceUnavailableException],
  ]) {
    const error = await fails(client.send(new ConverseCommand(converse)), kind);
    assert.equal(error.$metadata.attempts, 3);
  }
});

test("Gemini answers, and streams", async () => {
  const answer = await gemini(rows).generateContent(generate);
  assert.equal(tokens(answer.text), OUTPUT);
  assert.equal(answer.usageMetadata.totalTokenCount, INPUT + OUTPUT);
  const chunks = await all(await gemini(rows).generateContentStream(generate));
  assert.equal(tokens(chunks.map((chunk) => chunk.text ?? "").join("")), OUTPUT);
  assert.equal(chunks.at(-1).usageMetadata.candidatesTokenCount, OUTPUT);
});

test("Gemini: a refusal is the client's error", async () => {
  const models = gemini(await start("used-up"));
  await models.generateContent(generate);
  const error = await fails(models.generateContent(generate), ApiError);
  assert.equal(error.status, 429);
});
