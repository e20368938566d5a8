"""Amazon Bedrock by other vendors' clients: OpenAI's at /openai/v1, Anthropic's at its own paths and at /anthropic."""

import anthropic
import openai
import pytest

from bedrock import CLAUDE, OPENAI, REGION
from contracts.chat import Chat
from contracts.messages import Messages
from contracts.responses import Responses
from mocking import KEYS

BEARER = KEYS["AWS_BEARER_TOKEN_BEDROCK"]


def openai_of(mock, key=BEARER, **options):
    return openai.OpenAI(base_url=mock.url("bedrock-openai/openai/v1"), api_key=key, **options)


def invoking(mock, key=KEYS["AWS_SECRET_ACCESS_KEY"], **options):
    return anthropic.AnthropicBedrock(
        base_url=mock.url("bedrock-claude"),
        aws_region=REGION,
        aws_access_key=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_key=key,
        **options,
    )


def messages_of(mock, key=BEARER, **options):
    return anthropic.AnthropicBedrockMantle(
        base_url=mock.url("bedrock-claude/anthropic"), aws_region=REGION, api_key=key, **options
    )


class TestChat(Chat):
    model = OPENAI
    denied = (openai.AuthenticationError, openai.PermissionDeniedError)
    client = staticmethod(openai_of)


class TestResponses(Responses):
    model = OPENAI
    denied = (openai.AuthenticationError, openai.PermissionDeniedError)
    client = staticmethod(openai_of)


class TestInvoke(Messages):
    model = CLAUDE
    failure = "serviceUnavailableException"
    denied = anthropic.PermissionDeniedError
    says_when = False
    client = staticmethod(invoking)

    @pytest.fixture
    def keyed(self, signed):
        return signed


class TestMessages(Messages):
    model = CLAUDE
    denied = (anthropic.AuthenticationError, anthropic.PermissionDeniedError)
    client = staticmethod(messages_of)
