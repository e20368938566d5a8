"""What OpenAI's client finds at every endpoint that speaks the Responses API."""

import openai
import pytest

from expected import (
    CAP, INPUT, OUTPUT, PROMPT, REASONING, TOOL, TOOL_SCHEMA, Recorder, assert_arguments, takes, tokens,
)

TOOLS = [{"type": "function", "name": TOOL, "strict": True, "parameters": TOOL_SCHEMA}]


class Responses:
    """A subclass says how a client is made; each test then holds for its endpoint."""

    model: str
    denied = openai.AuthenticationError
    says_when = True

    def client(self, mock, **options) -> openai.OpenAI:
        """A client of this endpoint; with no `key` among the options any will do."""
        raise NotImplementedError

    def create(self, mock, **fields):
        return self.client(mock).responses.create(model=self.model, input=PROMPT, **fields)

    def test_an_answer_is_whole(self, rows):
        answer = self.create(rows)
        assert (tokens(answer.output_text), answer.status, answer.error) == (OUTPUT, "completed", None)
        assert answer.object == "response" and answer.id.startswith("resp_")
        assert_usage(answer.usage, OUTPUT)

    def test_a_cap_cuts_the_answer(self, rows):
        answer = self.create(rows, max_output_tokens=CAP)
        assert (tokens(answer.output_text), answer.status) == (CAP, "incomplete")
        assert answer.incomplete_details.reason == "max_output_tokens"
        assert_usage(answer.usage, CAP)

    def test_a_stream_has_its_named_events_in_order(self, rows):
        events = list(self.create(rows, stream=True))
        names = [event.type for event in events]
        deltas = names.count("response.output_text.delta")
        assert deltas > 1 and names == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            *["response.output_text.delta"] * deltas,
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert_usage(events[-1].response.usage, OUTPUT)

    def test_a_stream_that_is_capped_ends_incomplete(self, rows):
        *_, last = self.create(rows, stream=True, max_output_tokens=CAP)
        assert (last.type, last.response.incomplete_details.reason) == ("response.incomplete", "max_output_tokens")
        assert_usage(last.response.usage, CAP)

    def test_the_stream_helper_assembles_the_answer(self, rows):
        with self.client(rows).responses.stream(model=self.model, input=PROMPT) as stream:
            text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
            answer = stream.get_final_response()
        assert (tokens(text), answer.output_text) == (OUTPUT, text)
        assert_usage(answer.usage, OUTPUT)

    def test_a_tool_that_must_be_called_is_called(self, rows):
        answer = self.create(rows, tools=TOOLS, tool_choice="required")
        (call,) = answer.output
        assert (call.type, call.name, call.status) == ("function_call", TOOL, "completed")
        assert call.call_id
        assert_arguments(call.arguments)

    def test_a_tool_call_is_streamed_in_deltas(self, rows):
        with self.client(rows).responses.stream(
            model=self.model, input=PROMPT, tools=TOOLS, tool_choice={"type": "function", "name": TOOL}
        ) as stream:
            deltas = [event.delta for event in stream if event.type == "response.function_call_arguments.delta"]
            (call,) = stream.get_final_response().output
        assert len(deltas) > 1 and "".join(deltas) == call.arguments
        assert_arguments(call.arguments)

    def test_reasoning_is_an_item_of_its_own(self, reasoning):
        answer = self.create(reasoning)
        assert [item.type for item in answer.output] == ["reasoning", "message"]
        assert tokens(answer.output_text) == OUTPUT
        assert_usage(answer.usage, OUTPUT + REASONING, reasoning=REASONING)
        with self.client(reasoning).responses.stream(model=self.model, input=PROMPT) as stream:
            streamed = stream.get_final_response()
        assert [item.type for item in streamed.output] == ["reasoning", "message"]
        assert_usage(streamed.usage, OUTPUT + REASONING, reasoning=REASONING)

    def test_an_unknown_model_is_not_found(self, rows):
        with pytest.raises(openai.NotFoundError):
            self.client(rows).responses.create(model="no-such-model", input=PROMPT)

    def test_a_bad_request_says_what_is_bad(self, rows):
        with pytest.raises(openai.BadRequestError) as caught:
            self.create(rows, max_output_tokens=0)
        assert "max_output_tokens" in str(caught.value.body)

    def test_only_the_right_key_is_let_in(self, keyed):
        self.create(keyed, max_output_tokens=CAP)
        with pytest.raises(self.denied):
            self.client(keyed, key="wrong").responses.create(model=self.model, input=PROMPT)

    def test_a_refused_call_is_tried_again_when_it_should(self, start):
        responses = self.client(start("throttled")).responses.with_raw_response
        with takes(0.95, 5):
            responses.create(model=self.model, input=PROMPT)
            raw = responses.create(model=self.model, input=PROMPT)
        assert raw.retries_taken == 1 or (raw.retries_taken == 2 and not self.says_when)

    def test_a_refusal_is_the_rate_limit_error(self, start):
        client = self.client(start("used-up"), max_retries=0)
        client.responses.create(model=self.model, input=PROMPT)
        with pytest.raises(openai.RateLimitError):
            client.responses.create(model=self.model, input=PROMPT, stream=True)

    def test_an_outage_is_the_server_error_after_two_retries(self, start):
        recorder = Recorder()
        client = self.client(start("down-503"), http_client=recorder)
        with pytest.raises(openai.InternalServerError):
            client.responses.create(model=self.model, input=PROMPT)
        assert len(recorder.sent) == 3

    def test_a_stream_that_is_cut_is_a_connection_error(self, start):
        stream = self.create(start("breaking"), stream=True)
        received = [next(stream).type for _ in range(10)]
        with pytest.raises(openai.APIConnectionError):
            list(stream)
        assert received[-1] == "response.output_text.delta"

    def test_a_stream_that_fails_ends_with_the_error(self, start):
        *events, last = self.create(start("failing-503"), stream=True)
        assert events[-1].type == "response.output_text.delta"
        assert last.type in ["error", "response.failed"]
        error = last.response.error if last.type == "response.failed" else last
        assert error.code and error.message


def assert_usage(usage, output, reasoning=0):
    counted = (usage.input_tokens, usage.output_tokens, usage.total_tokens)
    assert counted == (INPUT, output, INPUT + output)
    assert usage.output_tokens_details.reasoning_tokens == reasoning
    assert usage.input_tokens_details.cached_tokens == 0
