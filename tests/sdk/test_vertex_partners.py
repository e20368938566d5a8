"""Google Vertex AI by other vendors' clients: Claude by Anthropic's, Gemini by OpenAI's."""

import anthropic
import openai

from contracts.chat import Chat
from contracts.messages import CountsTokens, Messages
from mocking import KEYS


def claude(mock, key=KEYS["SDK_VERTEX_TOKEN"], **options):
    return anthropic.AnthropicVertex(
        base_url=mock.url("vertex-claude/v1"),
        region="us-east5",
        project_id="team-project",
        access_token=key,
        **options,
    )


def openai_of(mock, key=KEYS["SDK_VERTEX_TOKEN"], **options):
    url = mock.url("vertex/v1/projects/team-project/locations/us-central1/endpoints/openapi")
    return openai.OpenAI(base_url=url, api_key=key, **options)


class TestClaude(CountsTokens, Messages):
    model = "claude-sonnet-5-5"
    says_when = False
    client = staticmethod(claude)


class TestChat(Chat):
    model = "google/gemini-4-argon"
    says_when = False
    client = staticmethod(openai_of)
