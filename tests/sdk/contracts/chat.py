"""What OpenAI's client finds at every endpoint that speaks chat completions."""

import re

import openai
import pytest

from expected import (
    CAP, INPUT, OUTPUT, PROMPT, REASONING, REQUESTS_LIMIT, TOKENS_LIMIT, TOOL, TOOL_SCHEMA,
    Recorder, assert_arguments, takes, tokens,
)

MESSAGES = [{"role": "user", "content": PROMPT}]
TOOLS = [{"type": "function", "function": {"name": TOOL, "strict": True, "parameters": TOOL_SCHEMA}}]


class Chat:
    """A subclass says how a client is made; each test then holds for its endpoint."""

    model: str
    denied = openai.AuthenticationError
    # Whether a refusal says how long to wait.
    says_when = True

    def client(self, mock, **options) -> openai.OpenAI:
        """A client of this endpoint; with no `key` among the options any will do."""
        raise NotImplementedError

    def create(self, mock, **fields):
        return self.client(mock).chat.completions.create(model=self.model, messages=MESSAGES, **fields)

    def test_an_answer_is_whole(self, rows):
        answer = self.create(rows)
        assert (tokens(answer.choices[0].message.content), answer.choices[0].finish_reason) == (OUTPUT, "stop")
        assert answer.choices[0].message.role == "assistant"
        assert answer.object == "chat.completion" and answer.id and answer.created > 1_700_000_000
        assert_usage(answer.usage, OUTPUT)

    def test_a_cap_cuts_the_answer(self, rows):
        for name in ["max_completion_tokens", "max_tokens"]:
            answer = self.create(rows, **{name: CAP})
            assert (tokens(answer.choices[0].message.content), answer.choices[0].finish_reason) == (CAP, "length")
            assert_usage(answer.usage, CAP)

    def test_a_stream_ends_with_its_usage(self, rows):
        *chunks, last = self.create(rows, stream=True, stream_options={"include_usage": True})
        assert last.choices == []
        assert_usage(last.usage, OUTPUT)
        deltas = [chunk.choices[0] for chunk in chunks if chunk.choices]
        assert deltas[0].delta.role == "assistant"
        assert tokens("".join(delta.delta.content or "" for delta in deltas)) == OUTPUT
        assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["stop"]
        assert {chunk.id for chunk in chunks if chunk.choices} == {last.id}

    def test_a_stream_tells_no_usage_unasked(self, rows):
        chunks = list(self.create(rows, stream=True, max_tokens=CAP))
        assert all(chunk.usage is None for chunk in chunks)
        assert chunks[-1].choices[0].finish_reason == "length"

    def test_the_stream_helper_assembles_the_answer(self, rows):
        options = {"include_usage": True}
        with self.client(rows).chat.completions.stream(
            model=self.model, messages=MESSAGES, stream_options=options
        ) as stream:
            events = [event.type for event in stream]
            answer = stream.get_final_completion()
        assert events.count("content.done") == 1 and events.count("content.delta") > 1
        assert tokens(answer.choices[0].message.content) == OUTPUT
        assert_usage(answer.usage, OUTPUT)

    def test_a_tool_that_must_be_called_is_called(self, rows):
        answer = self.create(rows, tools=TOOLS, tool_choice="required")
        (call,) = answer.choices[0].message.tool_calls
        assert (answer.choices[0].finish_reason, call.type, call.function.name) == ("tool_calls", "function", TOOL)
        assert call.id
        assert_arguments(call.function.arguments)
        named = self.create(rows, tools=TOOLS, tool_choice={"type": "function", "function": {"name": TOOL}})
        assert named.choices[0].message.tool_calls[0].function.name == TOOL

    def test_a_tool_call_is_streamed_in_deltas(self, rows):
        with self.client(rows).chat.completions.stream(
            model=self.model, messages=MESSAGES, tools=TOOLS, tool_choice="required"
        ) as stream:
            deltas = [event for event in stream if event.type == "tool_calls.function.arguments.delta"]
            answer = stream.get_final_completion()
        (call,) = answer.choices[0].message.tool_calls
        assert (answer.choices[0].finish_reason, call.function.name) == ("tool_calls", TOOL)
        assert "".join(delta.arguments_delta for delta in deltas) == call.function.arguments
        assert len(deltas) > 1
        assert_arguments(call.function.arguments)

    def test_reasoning_is_counted_and_shown(self, reasoning):
        answer = self.create(reasoning)
        assert tokens(answer.choices[0].message.content) == OUTPUT
        assert_usage(answer.usage, OUTPUT + REASONING, reasoning=REASONING)
        chunks = self.create(reasoning, stream=True)
        deltas = [chunk.choices[0].delta.to_dict() for chunk in chunks if chunk.choices]
        assert tokens("".join(delta.get("reasoning_content") or "" for delta in deltas)) == REASONING
        assert tokens("".join(delta.get("content") or "" for delta in deltas)) == OUTPUT

    def test_an_unknown_model_is_not_found(self, rows):
        with pytest.raises(openai.NotFoundError):
            self.client(rows).chat.completions.create(model="no-such-model", messages=MESSAGES)

    def test_a_bad_request_says_what_is_bad(self, rows):
        with pytest.raises(openai.BadRequestError) as caught:
            self.client(rows).chat.completions.create(model=self.model, messages=[])
        assert "messages" in str(caught.value.body)

    def test_only_the_right_key_is_let_in(self, keyed):
        self.create(keyed, max_tokens=1)
        with pytest.raises(self.denied):
            self.client(keyed, key="wrong").chat.completions.create(model=self.model, messages=MESSAGES)

    def test_a_refusal_is_the_rate_limit_error(self, start):
        client = self.client(start("used-up"), max_retries=0)
        client.chat.completions.create(model=self.model, messages=MESSAGES)
        for stream in [False, True]:
            with pytest.raises(openai.RateLimitError) as caught:
                client.chat.completions.create(model=self.model, messages=MESSAGES, stream=stream)
            assert ("retry-after" in caught.value.response.headers) == self.says_when

    def test_a_refused_call_is_tried_again_when_it_should(self, start):
        completions = self.client(start("throttled")).chat.completions.with_raw_response
        with takes(0.95, 5):
            completions.create(model=self.model, messages=MESSAGES)
            raw = completions.create(model=self.model, messages=MESSAGES)
        # Where the wait is said, once is enough; the client's own first backoff is too short.
        assert raw.retries_taken == 1 or (raw.retries_taken == 2 and not self.says_when)
        assert raw.parse().choices[0].finish_reason == "stop"

    def test_an_outage_is_the_server_error_after_two_retries(self, start):
        recorder = Recorder()
        client = self.client(start("down-503"), http_client=recorder)
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model=self.model, messages=MESSAGES)
        assert caught.value.status_code == 503
        assert [request.headers["x-stainless-retry-count"] for request in recorder.sent] == ["0", "1", "2"]

    def test_a_stream_that_is_cut_is_a_connection_error(self, start):
        stream = self.create(start("breaking"), stream=True)
        received = [next(stream) for _ in range(10)]
        with pytest.raises(openai.APIConnectionError):
            list(stream)
        assert received[-1].choices[0].delta.content

    def test_a_stream_that_fails_is_the_services_error(self, start):
        stream = self.create(start("failing-503"), stream=True)
        received = [next(stream) for _ in range(10)]
        with pytest.raises(openai.APIError) as caught:
            list(stream)
        assert not isinstance(caught.value, openai.APIConnectionError)
        assert caught.value.message and caught.value.body
        assert received[-1].choices[0].delta.content


class ShowsQuotas:
    """Beside Chat, where the provider shows what is left of its quotas."""

    # How the time until a quota is full again is spelt: as Go does, "1m0s" or "12ms".
    reset = r"(\d+h)?(\d+m)?(\d+(\.\d+)?s|\d+ms)?"

    def test_quota_headers_are_true(self, start):
        completions = self.client(start("metered")).chat.completions.with_raw_response
        first = completions.create(model=self.model, messages=MESSAGES, max_tokens=CAP)
        second = completions.create(model=self.model, messages=MESSAGES, max_tokens=CAP)
        for raw, requests, total in [
            (first, REQUESTS_LIMIT - 1, TOKENS_LIMIT - INPUT - CAP),
            (second, REQUESTS_LIMIT - 2, TOKENS_LIMIT - first.parse().usage.total_tokens - INPUT - CAP),
        ]:
            shown = {name: raw.headers.get(f"x-ratelimit-{name}") for name in SHOWN}
            assert shown == dict(zip(SHOWN, map(str, [REQUESTS_LIMIT, requests, TOKENS_LIMIT, total])))
            for quota in ["requests", "tokens"]:
                assert re.fullmatch(self.reset, raw.headers[f"x-ratelimit-reset-{quota}"])


def assert_usage(usage, output, reasoning=0):
    counted = (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
    assert counted == (INPUT, output, INPUT + output)
    details = usage.completion_tokens_details
    assert (details.reasoning_tokens if details else 0) == reasoning


SHOWN = ["limit-requests", "remaining-requests", "limit-tokens", "remaining-tokens"]
