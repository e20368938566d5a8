"""Amazon Bedrock by boto3: Converse and ConverseStream."""

import pytest
from botocore.exceptions import EventStreamError
from urllib3.exceptions import HTTPError

from bedrock import CLAUDE, OPENAI, PROFILE, assert_fails, runtime
from expected import CAP, INPUT, OUTPUT, PROMPT, REASONING, TOOL, TOOL_SCHEMA, assert_arguments, tokens

MESSAGES = [{"role": "user", "content": [{"text": PROMPT}]}]
TOOLS = [{"toolSpec": {"name": TOOL, "inputSchema": {"json": TOOL_SCHEMA}}}]
THINKING = {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}}
MODELS = pytest.mark.parametrize("model", [CLAUDE, OPENAI, PROFILE])


def converse(mock, model=CLAUDE, **fields):
    return runtime(mock, model).converse(modelId=model, messages=MESSAGES, **fields)


def converse_stream(mock, model=CLAUDE, **fields):
    """The events, each a name and its value."""
    answer = runtime(mock, model).converse_stream(modelId=model, messages=MESSAGES, **fields)
    return [next(iter(event.items())) for event in answer["stream"]]


@MODELS
def test_an_answer_is_whole(rows, model):
    answer = converse(rows, model)
    message = answer["output"]["message"]
    assert (message["role"], answer["stopReason"]) == ("assistant", "end_turn")
    assert tokens(message["content"][0]["text"]) == OUTPUT
    assert_usage(answer["usage"], OUTPUT)
    assert answer["metrics"]["latencyMs"] >= 20


@MODELS
def test_a_stream_has_its_events_in_order(rows, model):
    events = converse_stream(rows, model)
    names = [name for name, _ in events]
    deltas = [value["delta"] for name, value in events if name == "contentBlockDelta"]
    assert len(deltas) > 1 and names == [
        "messageStart",
        *["contentBlockDelta"] * len(deltas),
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert tokens("".join(delta["text"] for delta in deltas)) == OUTPUT
    assert events[-2][1]["stopReason"] == "end_turn"
    assert_usage(events[-1][1]["usage"], OUTPUT)
    assert events[-1][1]["metrics"]["latencyMs"] >= 20


def test_a_cap_cuts_the_answer(rows):
    cap = {"inferenceConfig": {"maxTokens": CAP}}
    answer = converse(rows, **cap)
    assert answer["stopReason"] == "max_tokens"
    assert_usage(answer["usage"], CAP)
    events = dict(converse_stream(rows, **cap))
    assert events["messageStop"]["stopReason"] == "max_tokens"
    assert_usage(events["metadata"]["usage"], CAP)


@pytest.mark.parametrize("choice", [{"any": {}}, {"tool": {"name": TOOL}}])
def test_a_tool_that_must_be_called_is_called(rows, choice):
    config = {"toolConfig": {"tools": TOOLS, "toolChoice": choice}}
    answer = converse(rows, **config)
    (block,) = answer["output"]["message"]["content"]
    assert (answer["stopReason"], block["toolUse"]["name"]) == ("tool_use", TOOL)
    assert block["toolUse"]["toolUseId"] and isinstance(block["toolUse"]["input"], dict)

    events = converse_stream(rows, **config)
    (start,) = [value["start"] for name, value in events if name == "contentBlockStart"]
    assert start["toolUse"]["name"] == TOOL and start["toolUse"]["toolUseId"]
    deltas = [value["delta"]["toolUse"]["input"] for name, value in events if name == "contentBlockDelta"]
    assert len(deltas) > 1
    assert_arguments("".join(deltas))
    assert dict(events)["messageStop"]["stopReason"] == "tool_use"


def test_reasoning_is_a_block_of_its_own(reasoning):
    answer = converse(reasoning, **THINKING)
    thought, text = answer["output"]["message"]["content"]
    assert tokens(thought["reasoningContent"]["reasoningText"]["text"]) == REASONING
    assert thought["reasoningContent"]["reasoningText"]["signature"]
    assert tokens(text["text"]) == OUTPUT
    assert_usage(answer["usage"], OUTPUT + REASONING)

    events = converse_stream(reasoning, **THINKING)
    blocks = [value for name, value in events if name == "contentBlockDelta"]
    thoughts = [block["delta"]["reasoningContent"] for block in blocks if block["contentBlockIndex"] == 0]
    texts = [block["delta"]["text"] for block in blocks if block["contentBlockIndex"] == 1]
    assert tokens("".join(thought.get("text", "") for thought in thoughts)) == REASONING
    assert thoughts[-1]["signature"] and tokens("".join(texts)) == OUTPUT
    assert_usage(events[-1][1]["usage"], OUTPUT + REASONING)


@pytest.mark.parametrize("tier", ["default", "flex", "priority"])
def test_the_service_tier_is_the_one_asked_for(rows, tier):
    assert converse(rows, serviceTier={"type": tier})["serviceTier"] == {"type": tier}
    assert converse_stream(rows, serviceTier={"type": tier})[-1][1]["serviceTier"] == {"type": tier}


def test_an_unknown_model_is_not_found(rows):
    call = lambda: runtime(rows).converse(modelId="anthropic.no-such-model", messages=MESSAGES)
    assert_fails(call, "ResourceNotFoundException", 404)


def test_a_conversation_must_begin_with_the_user(rows):
    client = runtime(rows)
    messages = [{"role": "assistant", "content": [{"text": PROMPT}]}]
    for messages in [[], messages]:
        assert_fails(lambda: client.converse(modelId=CLAUDE, messages=messages), "ValidationException", 400)


def test_a_refused_call_is_tried_twice_again(start):
    client = runtime(start("used-up"))
    client.converse(modelId=CLAUDE, messages=MESSAGES)
    for call in [client.converse, client.converse_stream]:
        assert_fails(lambda: call(modelId=CLAUDE, messages=MESSAGES), "ThrottlingException", 429, retries=2)


def test_an_outage_is_the_services_own_exception(start):
    client = runtime(start("down-503"))
    call = lambda: client.converse(modelId=CLAUDE, messages=MESSAGES)
    assert_fails(call, "ServiceUnavailableException", 503, retries=2)


def test_a_stream_that_is_cut_is_a_broken_connection(start):
    client = runtime(start("breaking"))
    stream = iter(client.converse_stream(modelId=CLAUDE, messages=MESSAGES)["stream"])
    received = [next(stream) for _ in range(10)]
    # This client lets the HTTP library's own error through.
    with pytest.raises(HTTPError):
        list(stream)
    assert "contentBlockDelta" in received[-1]


def test_a_stream_that_fails_is_the_services_exception(start):
    client = runtime(start("failing-503"))
    stream = iter(client.converse_stream(modelId=CLAUDE, messages=MESSAGES)["stream"])
    received = [next(stream) for _ in range(10)]
    with pytest.raises(EventStreamError) as caught:
        list(stream)
    assert caught.value.response["Error"]["Code"] == "serviceUnavailableException"
    assert "contentBlockDelta" in received[-1]


def assert_usage(usage, output):
    counted = (usage["inputTokens"], usage["outputTokens"], usage["totalTokens"])
    assert counted == (INPUT, output, INPUT + output)


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_what_stands_before_a_cache_point_is_cached(start, ttl):
    client = runtime(start("rows"), CLAUDE)
    system = [{"text": "You are terse. " * 400}, {"cachePoint": {"type": "default", "ttl": ttl}}]
    first, second = (client.converse(modelId=CLAUDE, messages=MESSAGES, system=system)["usage"] for _ in range(2))
    assert first["cacheDetails"] == [{"ttl": ttl, "inputTokens": 1500}]
    assert (first["cacheReadInputTokens"], first["cacheWriteInputTokens"]) == (0, 1500)
    assert (second["cacheReadInputTokens"], second["cacheWriteInputTokens"]) == (1500, 0)
    assert second["inputTokens"] == first["inputTokens"] == INPUT
