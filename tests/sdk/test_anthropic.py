"""Anthropic: Messages, token counts, models, and what only its own service says."""

import datetime

import anthropic
import pytest

from contracts.messages import MESSAGES, Messages
from expected import CAP, INPUT, REQUESTS_LIMIT, TOKENS_LIMIT
from mocking import KEYS


def client_of(mock, key=KEYS["SDK_ANTHROPIC_KEY"], **options):
    # Every field that the SDK's types promise must be there.
    return anthropic.Anthropic(base_url=mock.url("anthropic"), api_key=key, _strict_response_validation=True, **options)


class TestMessages(Messages):
    model = "claude-sonnet-5-5"
    outage, down = "down-529", anthropic.OverloadedError
    client = staticmethod(client_of)


def test_the_model_is_listed_and_retrieved(rows):
    models = client_of(rows).models
    assert [model.id for model in models.list()] == ["claude-sonnet-5-5"]
    assert models.retrieve("claude-sonnet-5-5").type == "model"
    with pytest.raises(anthropic.NotFoundError) as caught:
        models.retrieve("no-such-model")
    assert (caught.value.type, bool(caught.value.request_id)) == ("not_found_error", True)


def test_an_error_has_its_type_and_a_request_id(start):
    client = client_of(start("used-up"), max_retries=0)
    call = {"model": "claude-sonnet-5-5", "messages": MESSAGES, "max_tokens": CAP}
    assert client.messages.create(**call)._request_id
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(**call)
    assert caught.value.type == "rate_limit_error"
    assert caught.value.body["request_id"] == caught.value.request_id
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 60


def test_a_missing_key_or_version_is_said_to_be(keyed):
    call = {"model": "claude-sonnet-5-5", "messages": MESSAGES, "max_tokens": CAP}
    for header, error in [
        ("X-Api-Key", anthropic.AuthenticationError),
        ("anthropic-version", anthropic.BadRequestError),
    ]:
        with pytest.raises(error):
            client_of(keyed).messages.create(**call, extra_headers={header: anthropic.Omit()})


def test_quota_headers_are_true(start):
    messages = client_of(start("metered")).messages.with_raw_response
    call = {"model": "claude-sonnet-5-5", "messages": MESSAGES, "max_tokens": CAP}
    for nth in [1, 2]:
        headers = messages.create(**call).headers
        quota = {name[20:]: value for name, value in headers.items() if name.startswith("anthropic-ratelimit-")}
        assert int(quota["requests-limit"]) == REQUESTS_LIMIT
        assert int(quota["requests-remaining"]) == REQUESTS_LIMIT - nth
        assert int(quota["tokens-limit"]) == TOKENS_LIMIT
        # Rounded to thousands.
        assert int(quota["tokens-remaining"]) == pytest.approx(TOKENS_LIMIT - nth * (INPUT + CAP), abs=1000)
        for reset in ["requests-reset", "tokens-reset"]:
            assert datetime.datetime.fromisoformat(quota[reset]).tzinfo is not None


def test_a_service_that_is_unavailable_is_said_to_be(start):
    client = client_of(start("down-503"), max_retries=0)
    with pytest.raises(anthropic.ServiceUnavailableError):
        client.messages.create(model="claude-sonnet-5-5", messages=MESSAGES, max_tokens=CAP)
