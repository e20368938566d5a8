"""boto3's client of Bedrock's runtime, as the tests of that provider make it."""

import boto3
import botocore.config
import botocore.exceptions
import pytest

from mocking import KEYS

REGION = "us-east-1"
CLAUDE = "us.anthropic.claude-sonnet-5-5"
OPENAI = "openai.gpt-oss-120b-1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/k4xq7m2"
ENDPOINTS = {CLAUDE: "bedrock-claude", OPENAI: "bedrock-openai", PROFILE: "bedrock-profile"}

SESSION = boto3.session.Session()


def runtime(
    mock,
    model=CLAUDE,
    access=KEYS["AWS_ACCESS_KEY_ID"],
    secret=KEYS["AWS_SECRET_ACCESS_KEY"],
    region=REGION,
    verify=None,
    **config,
):
    """A client that signs with these keys; without them it shows what the environment has."""
    return SESSION.client(
        "bedrock-runtime",
        region_name=region,
        verify=verify,
        endpoint_url=mock.url(ENDPOINTS[model]),
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=botocore.config.Config(read_timeout=5, **config),
    )


def assert_fails(call, code, status, retries=0):
    """That the call raises the service's exception of this name, after so many retries."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert error["ResponseMetadata"]["RetryAttempts"] == retries
    assert error["Error"]["Message"] and error["ResponseMetadata"]["RequestId"]
