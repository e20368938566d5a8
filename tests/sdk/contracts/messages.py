"""What Anthropic's clients find at every endpoint that speaks the Messages API."""

import anthropic
import httpx2
import pytest

from expected import CAP, INPUT, OUTPUT, PROMPT, REASONING, TOOL, TOOL_SCHEMA, Recorder, takes, tokens

MESSAGES = [{"role": "user", "content": PROMPT}]
TOOLS = [{"name": TOOL, "input_schema": TOOL_SCHEMA}]
# Above what any answer takes.
ROOM = 2000


class Messages:
    """A subclass says how a client is made; each test then holds for its endpoint."""

    model: str
    denied = anthropic.AuthenticationError
    says_when = True
    # What the provider has for a service that is down: the status, and the client's class for it.
    outage, down = 503, anthropic.ServiceUnavailableError
    # How a stream says so.
    failure = "overloaded_error"

    def client(self, mock, **options):
        """A client of this endpoint; with no `key` among the options any will do."""
        raise NotImplementedError

    def create(self, mock, **fields):
        fields = {"model": self.model, "messages": MESSAGES, "max_tokens": ROOM} | fields
        return self.client(mock).messages.create(**fields)

    def stream(self, mock, **fields):
        fields = {"model": self.model, "messages": MESSAGES, "max_tokens": ROOM} | fields
        return self.client(mock).messages.stream(**fields)

    def test_an_answer_is_whole(self, rows):
        answer = self.create(rows)
        (block,) = answer.content
        assert (block.type, tokens(block.text), answer.stop_reason) == ("text", OUTPUT, "end_turn")
        assert (answer.type, answer.role) == ("message", "assistant") and answer.id.startswith("msg_")
        assert_usage(answer.usage, OUTPUT)

    def test_a_cap_cuts_the_answer(self, rows):
        answer = self.create(rows, max_tokens=CAP)
        assert (tokens(answer.content[0].text), answer.stop_reason) == (CAP, "max_tokens")
        assert_usage(answer.usage, CAP)

    def test_a_stream_has_its_named_events_in_order(self, rows):
        events = list(self.create(rows, stream=True))
        names = [event.type for event in events]
        deltas = names.count("content_block_delta")
        assert deltas > 1 and names == [
            "message_start",
            "content_block_start",
            *["content_block_delta"] * deltas,
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
        assert events[0].message.usage.input_tokens == INPUT
        assert events[0].message.content == [] and events[0].message.stop_reason is None
        assert (events[-2].delta.stop_reason, events[-2].usage.output_tokens) == ("end_turn", OUTPUT)

    def test_the_stream_helper_assembles_the_answer(self, rows):
        with self.stream(rows) as stream:
            text = "".join(stream.text_stream)
            answer = stream.get_final_message()
        assert (tokens(text), answer.content[0].text, answer.stop_reason) == (OUTPUT, text, "end_turn")
        assert_usage(answer.usage, OUTPUT)

    def test_a_tool_that_must_be_called_is_called(self, rows):
        for choice in [{"type": "any"}, {"type": "tool", "name": TOOL}]:
            answer = self.create(rows, tools=TOOLS, tool_choice=choice)
            (call,) = answer.content
            assert (call.type, call.name, answer.stop_reason) == ("tool_use", TOOL, "tool_use")
            assert call.id.startswith("toolu_") and isinstance(call.input, dict) and call.input

    def test_a_tool_call_is_streamed_in_deltas(self, rows):
        with self.stream(rows, tools=TOOLS, tool_choice={"type": "any"}) as stream:
            deltas = [event for event in stream if event.type == "input_json"]
            answer = stream.get_final_message()
        (call,) = answer.content
        assert len(deltas) > 1 and deltas[-1].snapshot == call.input
        assert (call.name, answer.stop_reason) == (TOOL, "tool_use")

    def test_reasoning_is_a_block_of_its_own(self, reasoning):
        thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
        whole = self.create(reasoning, **thinking)
        with self.stream(reasoning, **thinking) as stream:
            thought = "".join(event.thinking for event in stream if event.type == "thinking")
            streamed = stream.get_final_message()
        for answer in [whole, streamed]:
            assert [block.type for block in answer.content] == ["thinking", "text"]
            assert tokens(answer.content[0].thinking) == REASONING and answer.content[0].signature
            assert tokens(answer.content[1].text) == OUTPUT
            assert_usage(answer.usage, OUTPUT + REASONING)
        assert thought == streamed.content[0].thinking

    def test_an_unknown_model_is_not_found(self, rows):
        with pytest.raises(anthropic.NotFoundError):
            self.create(rows, model="no-such-model")

    def test_max_tokens_is_required(self, rows):
        with pytest.raises(anthropic.BadRequestError) as caught:
            body = {"model": self.model, "messages": MESSAGES}
            self.client(rows).post("/v1/messages", cast_to=object, body=body)
        assert "max_tokens" in str(caught.value.body)

    def test_only_the_right_key_is_let_in(self, keyed):
        self.client(keyed).messages.create(model=self.model, messages=MESSAGES, max_tokens=1)
        with pytest.raises(self.denied):
            self.client(keyed, key="wrong").messages.create(model=self.model, messages=MESSAGES, max_tokens=1)

    def test_a_refusal_is_the_rate_limit_error(self, start):
        client = self.client(start("used-up"), max_retries=0)
        call = {"model": self.model, "messages": MESSAGES, "max_tokens": CAP}
        client.messages.create(**call)
        for stream in [False, True]:
            with pytest.raises(anthropic.RateLimitError) as caught:
                client.messages.create(**call, stream=stream)
            assert ("retry-after" in caught.value.response.headers) == self.says_when

    def test_a_refused_call_is_tried_again_when_it_should(self, start):
        messages = self.client(start("throttled")).messages.with_raw_response
        call = {"model": self.model, "messages": MESSAGES, "max_tokens": CAP}
        with takes(0.95, 5):
            messages.create(**call)
            raw = messages.create(**call)
        # Where the wait is said, once is enough; the client's own first backoff is too short.
        assert raw.retries_taken == 1 or (raw.retries_taken == 2 and not self.says_when)
        assert raw.parse().stop_reason == "max_tokens"

    def test_an_outage_is_the_clients_own_error_after_two_retries(self, start):
        recorder = Recorder()
        client = self.client(start(f"down-{self.outage}"), http_client=recorder)
        with pytest.raises(self.down):
            client.messages.create(model=self.model, messages=MESSAGES, max_tokens=CAP)
        assert [request.headers["x-stainless-retry-count"] for request in recorder.sent] == ["0", "1", "2"]

    def test_a_stream_that_is_cut_is_a_protocol_error(self, start):
        stream = self.create(start("breaking"), stream=True, max_tokens=10_000)
        received = [next(stream) for _ in range(10)]
        # This client lets the HTTP library's own error through.
        with pytest.raises(httpx2.RemoteProtocolError):
            list(stream)
        assert received[-1].type == "content_block_delta"

    def test_a_stream_that_fails_is_the_services_error(self, start):
        stream = self.create(start(f"failing-{self.outage}"), stream=True, max_tokens=10_000)
        received = [next(stream) for _ in range(10)]
        with pytest.raises(anthropic.APIStatusError) as caught:
            list(stream)
        assert (caught.value.type, caught.value.body["type"]) == (self.failure, "error") and caught.value.api_message
        assert received[-1].type == "content_block_delta"


class CountsTokens:
    """Beside Messages, where the provider counts tokens on request."""

    def test_tokens_are_counted_as_they_are_charged(self, rows):
        counted = self.client(rows).messages.count_tokens(model=self.model, messages=MESSAGES)
        assert counted.input_tokens == INPUT


def assert_usage(usage, output):
    assert (usage.input_tokens, usage.output_tokens) == (INPUT, output)
    assert not usage.cache_read_input_tokens and not usage.cache_creation_input_tokens
