"""Clients that are not ours: the official SDKs, and Python's own HTTP client where an SDK would be too slow to time by."""

import functools
import http.client
import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import anthropic
import openai

import servers


@dataclass(frozen=True)
class Called:
    ttft_secs: float
    input: int
    output: int


def plain_chat(base_url: str, model: str, prompt: str, output: int) -> Called:
    """A streamed chat completion over a connection that is open already."""
    url = urlsplit(base_url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    connection.connect()
    body = chat(model, prompt, output) | {"stream": True, "stream_options": {"include_usage": True}}
    text, headers = json.dumps(body), {"content-type": "application/json"}
    sent, first, usage = time.perf_counter(), None, {}
    connection.request("POST", f"{url.path}/chat/completions", text, headers)
    for line in connection.getresponse():
        if line.startswith(b"data: {"):
            chunk = json.loads(line.removeprefix(b"data: "))
            if first is None and any(choice["delta"].get("content") for choice in chunk["choices"]):
                first = time.perf_counter()
            usage = chunk.get("usage") or usage
    connection.close()
    return Called(first - sent, usage["prompt_tokens"], usage["completion_tokens"])


def openai_chat(base_url: str, model: str, prompt: str, output: int, stream: bool) -> Called:
    """A chat completion by OpenAI's SDK."""
    client = openai_client(base_url)
    extra = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    sent, first, usage = time.perf_counter(), None, None
    answer = client.chat.completions.create(**chat(model, prompt, output), **extra)
    for chunk in answer if stream else [answer]:
        if first is None and (not stream or any(choice.delta.content for choice in chunk.choices)):
            first = time.perf_counter()
        usage = chunk.usage or usage
    return Called(first - sent, usage.prompt_tokens, usage.completion_tokens)


def anthropic_messages(base_url: str, model: str, prompt: str, output: int, stream: bool) -> Called:
    """A message by Anthropic's SDK."""
    client = anthropic_client(base_url)
    asked = {"model": model, "messages": [{"role": "user", "content": prompt}], "max_tokens": output}
    sent, first = time.perf_counter(), None
    if stream:
        with client.messages.stream(**asked) as answer:
            for _ in answer.text_stream:
                first = first or time.perf_counter()
            usage = answer.get_final_message().usage
    else:
        usage = client.messages.create(**asked).usage
        first = time.perf_counter()
    return Called(first - sent, usage.input_tokens, usage.output_tokens)


@functools.cache
def openai_client(base_url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=base_url, api_key=servers.KEY, max_retries=0)


@functools.cache
def anthropic_client(base_url: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=base_url, api_key=servers.KEY, max_retries=0)


def chat(model: str, prompt: str, output: int) -> dict:
    return {"model": model, "messages": [{"role": "user", "content": prompt}], "max_completion_tokens": output}
