"""Amazon Bedrock by boto3: InvokeModel and InvokeModelWithResponseStream, with Claude's and OpenAI's bodies."""

import json

import pytest
from botocore.exceptions import EventStreamError
from urllib3.exceptions import HTTPError

from bedrock import CLAUDE, OPENAI, assert_fails, runtime
from expected import CAP, INPUT, OUTPUT, PROMPT, tokens

MESSAGES = [{"role": "user", "content": PROMPT}]
BODIES = {
    CLAUDE: {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 2000, "messages": MESSAGES},
    OPENAI: {"messages": MESSAGES},
}
CAPS = {CLAUDE: {"max_tokens": CAP}, OPENAI: {"max_completion_tokens": CAP}}
MODELS = pytest.mark.parametrize("model", [CLAUDE, OPENAI])


def invoke(mock, model, changes={}, **fields):
    """The answer of the service, and the body in it."""
    answer = runtime(mock, model).invoke_model(modelId=model, body=json.dumps(BODIES[model] | changes), **fields)
    return answer, json.loads(answer["body"].read())


def invoke_stream(mock, model, changes={}, **fields):
    """The model's own events."""
    body = json.dumps(BODIES[model] | changes)
    answer = runtime(mock, model).invoke_model_with_response_stream(modelId=model, body=body, **fields)
    return [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]


@MODELS
def test_an_answer_is_in_the_models_own_form(rows, model):
    for changes, output, reasons in [({}, OUTPUT, ENDS), (CAPS[model], CAP, CUTS)]:
        answer, body = invoke(rows, model, changes)
        assert read_whole(model, body) == (output, reasons[model], INPUT, output)
        assert answer["contentType"] == "application/json"
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert headers["x-amzn-bedrock-input-token-count"] == str(INPUT)
        assert headers["x-amzn-bedrock-output-token-count"] == str(output)
        assert int(headers["x-amzn-bedrock-invocation-latency"]) >= 20


@MODELS
def test_a_stream_ends_with_the_invocations_metrics(rows, model):
    for changes, output, reasons in [({}, OUTPUT, ENDS), (CAPS[model], CAP, CUTS)]:
        events = invoke_stream(rows, model, changes)
        assert read_stream(model, events) == (output, reasons[model])
        metrics = events[-1]["amazon-bedrock-invocationMetrics"]
        assert (metrics["inputTokenCount"], metrics["outputTokenCount"]) == (INPUT, output)
        assert metrics["invocationLatency"] >= metrics["firstByteLatency"] >= 20


def test_claudes_stream_has_its_own_events(rows):
    # A ping may come at any time.
    names = [event["type"] for event in invoke_stream(rows, CLAUDE) if event["type"] != "ping"]
    deltas = names.count("content_block_delta")
    assert deltas > 1 and names == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * deltas,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


@MODELS
def test_the_service_tier_is_echoed(rows, model):
    answer, _ = invoke(rows, model, serviceTier="flex")
    assert answer["serviceTier"] == "flex"


@pytest.mark.parametrize("field", ["anthropic_version", "max_tokens", "messages"])
def test_what_claude_requires_must_be_there(rows, field):
    body = {name: value for name, value in BODIES[CLAUDE].items() if name != field}
    call = lambda: runtime(rows).invoke_model(modelId=CLAUDE, body=json.dumps(body))
    assert_fails(call, "ValidationException", 400)


def test_an_unknown_model_is_not_found(rows):
    call = lambda: runtime(rows).invoke_model(modelId="anthropic.no-such-model", body=json.dumps(BODIES[CLAUDE]))
    assert_fails(call, "ResourceNotFoundException", 404)


def test_a_refused_stream_is_tried_twice_again(start):
    client = runtime(start("used-up"))
    body = json.dumps(BODIES[CLAUDE])
    client.invoke_model(modelId=CLAUDE, body=body)
    call = lambda: client.invoke_model_with_response_stream(modelId=CLAUDE, body=body)
    assert_fails(call, "ThrottlingException", 429, retries=2)


@MODELS
def test_a_stream_that_is_cut_is_a_broken_connection(start, model):
    client = runtime(start("breaking"), model)
    body = json.dumps(BODIES[model] | {name: 10_000 for name in CAPS[model]})
    stream = iter(client.invoke_model_with_response_stream(modelId=model, body=body)["body"])
    received = [next(stream) for _ in range(10)]
    with pytest.raises(HTTPError):
        list(stream)
    assert received[-1]["chunk"]["bytes"]


def test_a_stream_that_fails_is_the_services_exception(start):
    body = json.dumps(BODIES[CLAUDE] | {"max_tokens": 10_000})
    client = runtime(start("failing-503"))
    answer = client.invoke_model_with_response_stream(modelId=CLAUDE, body=body)
    with pytest.raises(EventStreamError) as caught:
        list(answer["body"])
    assert caught.value.response["Error"]["Code"] == "serviceUnavailableException"


ENDS = {CLAUDE: "end_turn", OPENAI: "stop"}
CUTS = {CLAUDE: "max_tokens", OPENAI: "length"}


def read_whole(model, body):
    """Tokens of the text, why it ends, and both counts of its usage."""
    usage = body["usage"]
    if model == CLAUDE:
        return tokens(body["content"][0]["text"]), body["stop_reason"], usage["input_tokens"], usage["output_tokens"]
    choice = body["choices"][0]
    text = choice["message"]["content"]
    return tokens(text), choice["finish_reason"], usage["prompt_tokens"], usage["completion_tokens"]


def read_stream(model, events):
    """Tokens of the text and why it ends."""
    if model == CLAUDE:
        text = "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")
        (reason,) = [event["delta"]["stop_reason"] for event in events if event["type"] == "message_delta"]
        return tokens(text), reason
    choices = [choice for event in events for choice in event.get("choices", [])]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    (reason,) = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    return tokens(text), reason
