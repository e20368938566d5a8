"""Amazon Bedrock: signatures and bearer keys, as boto3 and the other SDKs make them."""

import datetime
import ipaddress

import botocore
import openai
import pytest
from anthropic import AnthropicBedrock
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from openai.providers import bedrock

from bedrock import CLAUDE, OPENAI, PROFILE, REGION, assert_fails, runtime
from expected import PROMPT
from mocking import KEYS, SIGNING, Mock

BODY = {"messages": [{"role": "user", "content": [{"text": PROMPT}]}]}

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
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        runtime(signed, region="eu-west-1").converse(modelId=CLAUDE, **BODY)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_something_must_be_shown_even_where_nothing_is_checked(rows):
    client = runtime(rows, signature_version=botocore.UNSIGNED)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.converse(modelId=CLAUDE, **BODY)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_bearer_key_is_taken_from_the_environment(folder, certificate, monkeypatch):
    # boto3 shows it to TLS alone.
    cert, key = certificate
    with Mock(folder / "rows.toml", KEYS.keys() - SIGNING, ["--tls-cert", cert, "--tls-key", key]) as mock:
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEYS["AWS_BEARER_TOKEN_BEDROCK"])
        client = runtime(mock, access=None, secret=None, verify=cert)
        assert client.converse(modelId=CLAUDE, **BODY)["stopReason"] == "end_turn"
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "wrong")
        wrong = runtime(mock, access=None, secret=None, verify=cert)
        assert_fails(lambda: wrong.converse(modelId=CLAUDE, **BODY), "AccessDeniedException", 403)


@pytest.fixture
def certificate(tmp_path):
    """The files of a certificate for 127.0.0.1 that signs itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tollgate")])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    files[0].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return [str(file) for file in files]


def test_anthropics_client_has_a_bearer_key(keyed):
    client = AnthropicBedrock(
        base_url=keyed.url("bedrock-claude"), aws_region=REGION, api_key=KEYS["AWS_BEARER_TOKEN_BEDROCK"]
    )
    messages = [{"role": "user", "content": PROMPT}]
    assert client.messages.create(model=CLAUDE, messages=messages, max_tokens=8).stop_reason == "max_tokens"


def test_openais_client_signs(signed):
    provider = bedrock(
        endpoint="runtime",
        region=REGION,
        base_url=signed.url("bedrock-openai/openai/v1"),
        access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )
    client = openai.OpenAI(provider=provider)
    answer = client.chat.completions.create(model=OPENAI, messages=[{"role": "user", "content": PROMPT}])
    assert answer.choices[0].finish_reason == "stop"
