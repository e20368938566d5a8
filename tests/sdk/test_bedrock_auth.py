"""Amazon Bedrock: signatures and bearer keys, as boto3 and the other SDKs make them."""

import botocore
import openai
import pytest
from anthropic import AnthropicBedrock, PermissionDeniedError
from openai.providers import bedrock

from bedrock import CLAUDE, OPENAI, PROFILE, REGION, assert_fails, runtime
from expected import PROMPT
from mocking import KEYS, Mock

BODY = {"messages": [{"role": "user", "content": [{"text": PROMPT}]}]}
SIGNING = KEYS.keys() - {"AWS_BEARER_TOKEN_BEDROCK"}
BEARER = KEYS.keys() - {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


@pytest.fixture(scope="module")
def signed(folder):
    """A mock that verifies signatures."""
    with Mock(folder / "rows.toml", SIGNING) as mock:
        yield mock


@pytest.mark.parametrize("model", [CLAUDE, OPENAI, PROFILE])
def test_boto3s_signature_is_verified(signed, model):
    client = runtime(signed, model)
    assert client.converse(modelId=model, **BODY)["stopReason"] == "end_turn"
    stream = client.converse_stream(modelId=model, **BODY)["stream"]
    assert list(stream)[-1]["metadata"]["usage"]["outputTokens"]


def test_a_signature_by_another_secret_is_refused(signed):
    call = lambda: runtime(signed, secret="another-secret").converse(modelId=CLAUDE, **BODY)
    assert_fails(call, "InvalidSignatureException", 403)


def test_an_unknown_access_key_is_refused(signed):
    call = lambda: runtime(signed, access="AKIDUNKNOWN").converse(modelId=CLAUDE, **BODY)
    assert_fails(call, "UnrecognizedClientException", 403)


def test_a_signature_for_another_region_is_refused(signed):
    client = runtime(signed, retries={"total_max_attempts": 1})
    client.meta.events.register("before-sign.*", lambda request_signer, **_: setattr(
        request_signer, "_region_name", "eu-west-1"
    ))
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.converse(modelId=CLAUDE, **BODY)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_something_must_be_shown_even_where_nothing_is_checked(rows):
    client = runtime(rows, signature_version=botocore.UNSIGNED)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.converse(modelId=CLAUDE, **BODY)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_bearer_key_is_taken_from_the_environment(start, monkeypatch):
    mock = start("rows", BEARER)
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEYS["AWS_BEARER_TOKEN_BEDROCK"])
    client = runtime(mock, access=None, secret=None)
    assert client.converse(modelId=CLAUDE, **BODY)["stopReason"] == "end_turn"
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "wrong")
    call = lambda: runtime(mock, access=None, secret=None).converse(modelId=CLAUDE, **BODY)
    assert_fails(call, "AccessDeniedException", 403)


def test_anthropics_client_signs_and_has_a_bearer_key(keyed):
    call = {"model": CLAUDE, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 8}
    url = keyed.url("bedrock-claude")
    for keys in [
        {"aws_access_key": KEYS["AWS_ACCESS_KEY_ID"], "aws_secret_key": KEYS["AWS_SECRET_ACCESS_KEY"]},
        {"api_key": KEYS["AWS_BEARER_TOKEN_BEDROCK"]},
    ]:
        client = AnthropicBedrock(base_url=url, aws_region=REGION, **keys)
        assert client.messages.create(**call).stop_reason == "max_tokens"
    client = AnthropicBedrock(base_url=url, aws_region=REGION, aws_access_key="AKIDEXAMPLE", aws_secret_key="wrong")
    with pytest.raises(PermissionDeniedError):
        client.messages.create(**call)


def test_openais_client_signs(keyed):
    provider = bedrock(
        endpoint="runtime",
        region=REGION,
        base_url=keyed.url("bedrock-openai/openai/v1"),
        access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )
    client = openai.OpenAI(provider=provider)
    answer = client.chat.completions.create(model=OPENAI, messages=[{"role": "user", "content": PROMPT}])
    assert answer.choices[0].finish_reason == "stop"
