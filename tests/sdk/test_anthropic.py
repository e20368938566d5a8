"""Anthropic: Messages, token counts, models, and what only its own service says."""

import datetime

import anthropic
import pytest

from contracts.messages import MESSAGES, CountsTokens, Messages
from expected import CAP, INPUT, REQUESTS_LIMIT, TOKENS_LIMIT
from mocking import KEYS


def client_of(mock, key=KEYS["SDK_ANTHROPIC_KEY"], **options):
    # Every field that the SDK's types promise must be there.
    return anthropic.Anthropic(base_url=mock.url("anthropic"), api_key=key, _strict_response_validation=True, **options)


class TestMessages(CountsTokens, Messages):
    model = "claude-sonnet-5-5"
    outage, down = 529, anthropic.OverloadedError
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
        ("Authorization", anthropic.AuthenticationError),
        ("anthropic-version", anthropic.BadRequestError),
    ]:
        with pytest.raises(error):
            client_of(keyed).messages.create(**call, extra_headers={header: anthropic.Omit()})


def test_quota_headers_are_true(start):
    mock = start("metered")
    for nth in [1, 2]:
        shown = quotas(mock)
        assert (shown["requests-limit"], shown["requests-remaining"]) == (REQUESTS_LIMIT, REQUESTS_LIMIT - nth)
        assert shown["tokens-limit"] == TOKENS_LIMIT
        # Rounded to thousands.
        assert shown["tokens-remaining"] == pytest.approx(TOKENS_LIMIT - nth * (INPUT + CAP), abs=1000)


def test_prompts_and_answers_have_quotas_of_their_own(start):
    shown = quotas(start("split"))
    for quota, limit in [("input", 50_000), ("output", 20_000)]:
        assert shown[f"{quota}-tokens-limit"] == limit
        assert limit - 1000 <= shown[f"{quota}-tokens-remaining"] <= limit


def quotas(mock):
    """The quota headers of an answer by the rest of their names."""
    messages = client_of(mock).messages.with_raw_response
    raw = messages.create(model="claude-sonnet-5-5", messages=MESSAGES, max_tokens=CAP)
    shown = {}
    for name, value in raw.headers.items():
        if name.startswith("anthropic-ratelimit-") and name.endswith("-reset"):
            assert datetime.datetime.fromisoformat(value).tzinfo is not None
        elif name.startswith("anthropic-ratelimit-"):
            shown[name.removeprefix("anthropic-ratelimit-")] = int(value)
    return shown


def test_a_service_that_is_unavailable_is_said_to_be(start):
    client = client_of(start("down-503"), max_retries=0)
    with pytest.raises(anthropic.ServiceUnavailableError):
        client.messages.create(model="claude-sonnet-5-5", messages=MESSAGES, max_tokens=CAP)


def test_what_stands_before_a_breakpoint_is_cached_for_as_long_as_asked(start):
    client = client_of(start("rows"))

    def usages(ttl):
        control = {"type": "ephemeral", "ttl": ttl}
        system = [{"type": "text", "text": f"Terse for {ttl}. " * 500, "cache_control": control}]
        call = {"model": "claude-sonnet-5-5", "max_tokens": CAP, "system": system}
        yield client.messages.create(messages=MESSAGES, **call).usage
        with client.messages.stream(messages=[{"role": "user", "content": "Why?"}], **call) as stream:
            yield stream.get_final_message().usage

    for ttl, field in [("5m", "ephemeral_5m_input_tokens"), ("1h", "ephemeral_1h_input_tokens")]:
        first, second = usages(ttl)
        stored = 1750  # 500 times 14 characters
        assert (first.cache_read_input_tokens, first.cache_creation_input_tokens) == (0, stored)
        assert getattr(first.cache_creation, field) == stored
        assert (second.cache_read_input_tokens, second.cache_creation_input_tokens) == (stored, 0)
        assert second.input_tokens < first.input_tokens + 10
