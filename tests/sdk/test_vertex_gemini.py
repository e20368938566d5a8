"""Google Vertex AI by google-genai: Gemini's generateContent and streamGenerateContent."""

import google.oauth2.credentials
import httpx2
import pytest
from google import genai
from google.genai import errors, types

from expected import CAP, INPUT, OUTPUT, PROMPT, REASONING, TOOL, TOOL_SCHEMA, Recorder, tokens
from mocking import KEYS

MODEL = "gemini-4-argon"
PROJECT, LOCATION = "team-project", "us-central1"
TOOLS = [types.Tool(function_declarations=[{"name": TOOL, "parameters_json_schema": TOOL_SCHEMA}])]


def models(mock, token=KEYS["SDK_VERTEX_TOKEN"], **options):
    """The client's models, on a recorder as its HTTP client."""
    client = genai.Client(
        vertexai=True,
        project=PROJECT,
        location=LOCATION,
        credentials=google.oauth2.credentials.Credentials(token),
        http_options=types.HttpOptions(base_url=mock.url("vertex"), **{"httpx_client": Recorder()} | options),
    )
    return client.models


def config(**fields):
    # Its automatic calls of Python functions are no part of the protocol.
    off = types.AutomaticFunctionCallingConfig(disable=True)
    return types.GenerateContentConfig(automatic_function_calling=off, **fields)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_an_answer_is_whole(rows, version):
    answer = models(rows, api_version=version).generate_content(model=MODEL, contents=PROMPT)
    assert (tokens(answer.text), answer.candidates[0].finish_reason) == (OUTPUT, types.FinishReason.STOP)
    assert answer.candidates[0].content.role == "model"
    assert answer.model_version == MODEL and answer.response_id
    assert answer.usage_metadata.traffic_type == types.TrafficType.ON_DEMAND
    assert_usage(answer.usage_metadata, OUTPUT)


def test_a_stream_ends_with_its_usage(rows):
    chunks = list(models(rows).generate_content_stream(model=MODEL, contents=PROMPT))
    assert len(chunks) > 1
    assert tokens("".join(chunk.text or "" for chunk in chunks)) == OUTPUT
    reasons = [chunk.candidates[0].finish_reason for chunk in chunks]
    assert reasons == [None] * (len(chunks) - 1) + [types.FinishReason.STOP]
    assert_usage(chunks[-1].usage_metadata, OUTPUT)


def test_a_cap_cuts_the_answer(rows):
    call = {"model": MODEL, "contents": PROMPT, "config": config(max_output_tokens=CAP)}
    whole = models(rows).generate_content(**call)
    *_, last = models(rows).generate_content_stream(**call)
    for answer in [whole, last]:
        assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
        assert_usage(answer.usage_metadata, CAP)


def test_a_tool_that_must_be_called_is_called(rows):
    mode = types.FunctionCallingConfig(mode="ANY", allowed_function_names=[TOOL])
    tooled = config(tools=TOOLS, tool_config=types.ToolConfig(function_calling_config=mode))
    call = {"model": MODEL, "contents": PROMPT, "config": tooled}
    answer = models(rows).generate_content(**call)
    chunks = models(rows).generate_content_stream(**call)
    for calls in [answer.function_calls, [call for chunk in chunks for call in chunk.function_calls or []]]:
        (call,) = calls
        assert call.name == TOOL and isinstance(call.args, dict) and call.args


def test_reasoning_is_parts_that_are_thoughts(reasoning):
    shown = config(thinking_config=types.ThinkingConfig(include_thoughts=True))
    call = {"model": MODEL, "contents": PROMPT, "config": shown}
    answer = models(reasoning).generate_content(**call)
    chunks = list(models(reasoning).generate_content_stream(**call))
    for answers in [[answer], chunks]:
        parts = [part for answer in answers for part in answer.candidates[0].content.parts or []]
        assert tokens("".join(part.text for part in parts if part.thought)) == REASONING
        assert tokens("".join(part.text for part in parts if not part.thought)) == OUTPUT
        usage = answers[-1].usage_metadata
        assert (usage.thoughts_token_count, usage.candidates_token_count) == (REASONING, OUTPUT)
        assert usage.total_token_count == INPUT + OUTPUT + REASONING


def test_tokens_are_counted_as_they_are_charged(rows):
    assert models(rows).count_tokens(model=MODEL, contents=PROMPT).total_tokens == INPUT


def test_an_api_key_serves_too(keyed):
    for key in [KEYS["SDK_VERTEX_TOKEN"], "wrong"]:
        headers = {"x-goog-api-key": key}
        url = keyed.url(f"vertex/v1/publishers/google/models/{MODEL}:generateContent")
        answer = httpx2.post(url, json=body(), headers=headers, trust_env=False)
        assert answer.status_code == 200 if key != "wrong" else answer.status_code in (400, 401)


def test_without_alt_sse_the_stream_is_one_array(rows):
    url = rows.url(
        f"vertex/v1/projects/{PROJECT}/locations/{LOCATION}/publishers/google/models/{MODEL}:streamGenerateContent"
    )
    answer = httpx2.post(url, json=body(), headers={"Authorization": "Bearer any"}, trust_env=False)
    assert answer.headers["content-type"].startswith("application/json")
    chunks = [types.GenerateContentResponse.model_validate(chunk) for chunk in answer.json()]
    assert len(chunks) > 1 and tokens("".join(chunk.text or "" for chunk in chunks)) == OUTPUT
    assert_usage(chunks[-1].usage_metadata, OUTPUT)


@pytest.mark.parametrize(
    ("model", "contents", "code", "status"),
    [
        ("no-such-model", PROMPT, 404, "NOT_FOUND"),
        (MODEL, [types.Content(role="robot", parts=[types.Part(text=PROMPT)])], 400, "INVALID_ARGUMENT"),
    ],
)
def test_a_bad_call_is_the_clients_error(rows, model, contents, code, status):
    with pytest.raises(errors.ClientError) as caught:
        models(rows).generate_content(model=model, contents=contents)
    assert (caught.value.code, caught.value.status) == (code, status) and caught.value.message


def test_only_the_right_token_is_let_in(keyed):
    assert models(keyed).generate_content(model=MODEL, contents=PROMPT).text
    with pytest.raises(errors.ClientError) as caught:
        models(keyed, token="wrong").generate_content(model=MODEL, contents=PROMPT)
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")


def test_a_refusal_is_not_tried_again_unless_asked_to(start):
    mock = start("used-up")
    models(mock).generate_content(model=MODEL, contents=PROMPT)
    retried = types.HttpRetryOptions(attempts=3, initial_delay=0.05, jitter=0.0)
    for options, attempts in [({}, 1), ({"retry_options": retried}, 3)]:
        for stream in [False, True]:
            recorder = Recorder()
            asked = models(mock, httpx_client=recorder, **options)
            with pytest.raises(errors.ClientError) as caught:
                generate = asked.generate_content_stream if stream else asked.generate_content
                list(generate(model=MODEL, contents=PROMPT))
            assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
            assert len(recorder.sent) == attempts


def test_an_outage_is_the_servers_error(start):
    with pytest.raises(errors.ServerError) as caught:
        models(start("down-503")).generate_content(model=MODEL, contents=PROMPT)
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")


def test_a_stream_that_fails_is_the_servers_error(start):
    stream = models(start("failing-503")).generate_content_stream(model=MODEL, contents=PROMPT)
    received = [next(stream) for _ in range(10)]
    with pytest.raises(errors.ServerError) as caught:
        list(stream)
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")
    assert received[-1].text


def test_a_stream_that_is_cut_is_a_protocol_error(start):
    stream = models(start("breaking")).generate_content_stream(model=MODEL, contents=PROMPT)
    received = [next(stream) for _ in range(10)]
    # This client lets the HTTP library's own error through.
    with pytest.raises(httpx2.RemoteProtocolError):
        list(stream)
    assert received[-1].text


def body():
    return {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]}


def assert_usage(usage, output):
    counted = (usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count)
    assert counted == (INPUT, output, INPUT + output)
