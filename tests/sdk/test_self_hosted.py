"""A self-hosted server as vLLM is: chat, completions, and the ways to ask for a length."""

import httpx2
import openai
import pytest

from contracts.chat import MESSAGES, Chat
from expected import CAP, INPUT, OUTPUT, PROMPT, tokens
from mocking import KEYS

MODEL = "openai/gpt-oss-120b"


def client_of(mock, key=KEYS["SDK_SELF_HOSTED_KEY"], **options):
    return openai.OpenAI(base_url=mock.url("self-hosted"), api_key=key, **options)


class TestChat(Chat):
    model = MODEL
    client = staticmethod(client_of)


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ({"max_tokens": 60, "extra_body": {"ignore_eos": True}}, 60),
        ({"max_tokens": CAP, "extra_body": {"min_tokens": 5}}, CAP),
        ({"max_tokens": 60, "extra_body": {"min_tokens": OUTPUT + 8}}, OUTPUT + 8),
        ({"max_tokens": 60, "extra_body": {"min_tokens": 3}}, OUTPUT),
    ],
)
class TestLength:
    """That the length which the fields ask for is the answer's."""

    def test_of_a_chat_answer(self, rows, fields, length):
        answer = client_of(rows).chat.completions.create(model=MODEL, messages=MESSAGES, **fields)
        assert answer.usage.completion_tokens == tokens(answer.choices[0].message.content) == length

    def test_of_a_completion(self, rows, fields, length):
        answer = client_of(rows).completions.create(model=MODEL, prompt=PROMPT, **fields)
        assert answer.usage.completion_tokens == tokens(answer.choices[0].text) == length


def test_a_completion_is_whole(rows):
    answer = client_of(rows).completions.create(model=MODEL, prompt=PROMPT, max_tokens=60)
    assert (answer.object, answer.choices[0].finish_reason) == ("text_completion", "stop")
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (INPUT, INPUT + OUTPUT)


def test_a_completion_without_a_cap_has_sixteen_tokens(rows):
    answer = client_of(rows).completions.create(model=MODEL, prompt=PROMPT)
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 16)


def test_a_completion_is_streamed(rows):
    options = {"include_usage": True}
    stream = client_of(rows).completions.create(
        model=MODEL, prompt=PROMPT, max_tokens=CAP, stream=True, stream_options=options
    )
    *chunks, last = stream
    assert tokens("".join(chunk.choices[0].text for chunk in chunks)) == CAP
    assert chunks[-1].choices[0].finish_reason == "length"
    assert (last.choices, last.usage.completion_tokens) == ([], CAP)


def test_the_model_is_listed_and_retrieved(rows):
    models = client_of(rows).models
    assert [model.id for model in models.list()] == [MODEL]
    assert models.retrieve(MODEL).id == MODEL


def test_its_health_can_be_asked(rows):
    assert httpx2.get(rows.url("self-hosted/health"), trust_env=False).status_code == 200


def test_no_key_is_needed_where_none_is_checked(rows):
    assert client_of(rows).models.list(extra_headers={"Authorization": openai.Omit()}).data
