"""OpenAI: chat completions, Responses, embeddings, models."""

import openai
import pytest

from contracts.chat import MESSAGES, Chat, ShowsQuotas
from contracts.responses import Responses
from expected import INPUT, PROMPT
from mocking import KEYS


def client_of(mock, key=KEYS["SDK_OPENAI_KEY"], **options):
    # Every field that the SDK's types promise must be there.
    return openai.OpenAI(base_url=mock.url("openai"), api_key=key, _strict_response_validation=True, **options)


class TestChat(ShowsQuotas, Chat):
    model = "gpt-6-sol"
    client = staticmethod(client_of)


class TestResponses(Responses):
    model = "gpt-6-sol"
    client = staticmethod(client_of)


def test_the_model_is_listed_and_retrieved(rows):
    models = client_of(rows).models
    assert [model.id for model in models.list()] == ["gpt-6-sol"]
    assert models.retrieve("gpt-6-sol").object == "model"
    with pytest.raises(openai.NotFoundError) as caught:
        models.retrieve("no-such-model")
    assert caught.value.code == "model_not_found"


def test_a_missing_key_is_said_to_be(keyed):
    with pytest.raises(openai.AuthenticationError):
        client_of(keyed).models.list(extra_headers={"Authorization": openai.Omit()})


@pytest.mark.parametrize(("asked", "served"), [("auto", "default"), ("flex", "flex"), ("priority", "priority")])
def test_the_service_tier_that_served_is_told(rows, asked, served):
    client = client_of(rows)
    call = {"model": "gpt-6-sol", "service_tier": asked}
    whole = client.chat.completions.create(messages=MESSAGES, **call)
    *_, last = client.chat.completions.create(messages=MESSAGES, stream=True, **call)
    response = client.responses.create(input=PROMPT, **call)
    assert [answer.service_tier for answer in [whole, last, response]] == [served] * 3


def test_an_answer_and_an_error_name_their_request(rows):
    create = client_of(rows).chat.completions.create
    assert create(model="gpt-6-sol", messages=MESSAGES)._request_id
    with pytest.raises(openai.BadRequestError) as caught:
        create(model="gpt-6-sol", messages=[])
    assert caught.value.request_id and caught.value.type == "invalid_request_error"


@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_embeddings_are_the_same_in_each_encoding(rows, encoding):
    fields = {"encoding_format": encoding} if encoding else {}
    answer = embed(rows, input=[PROMPT, PROMPT], **fields)
    assert [one.index for one in answer.data] == [0, 1]
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (2 * INPUT, 2 * INPUT)
    if encoding != "base64":
        plain = embed(rows, input=PROMPT, encoding_format="float").data[0].embedding
        assert answer.data[0].embedding == pytest.approx(plain, rel=1e-6)


def test_embeddings_have_the_length_asked_for(rows):
    assert len(embed(rows, input=PROMPT).data[0].embedding) == 1536
    assert len(embed(rows, input=PROMPT, dimensions=256).data[0].embedding) == 256


def embed(mock, **fields):
    # Without a format the client asks for base64 and decodes it, of which its types know nothing.
    client = openai.OpenAI(base_url=mock.url("openai-embeddings"), api_key="any")
    return client.embeddings.create(model="text-embedding-3-small", **fields)


def test_a_prompt_that_begins_like_an_earlier_one_is_cached(start):
    client = client_of(start("rows"))
    system = {"role": "system", "content": "You are terse. " * 400}

    def details(question):
        messages = [system, {"role": "user", "content": question}]
        return client.chat.completions.create(model="gpt-6-sol", messages=messages).usage.prompt_tokens_details

    first, second = details("Why?"), details("How so?")
    # 6000 characters are about 1500 tokens, of which 11 steps of 128 are kept.
    assert (first.cached_tokens, second.cached_tokens) == (0, 1408)
    response = client.responses.create(model="gpt-6-sol", instructions=system["content"], input="Why?")
    again = client.responses.create(model="gpt-6-sol", instructions=system["content"], input="How so?")
    assert response.usage.input_tokens == again.usage.input_tokens - 1
    assert again.usage.input_tokens_details.cached_tokens == 1408
