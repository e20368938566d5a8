"""Claude in Microsoft Foundry: Messages, with its key and with Entra's token."""

import anthropic

from contracts.messages import CountsTokens, Messages
from mocking import KEYS


def client_of(mock, key=KEYS["SDK_FOUNDRY_KEY"], **options):
    return anthropic.AnthropicFoundry(base_url=mock.url("foundry/anthropic"), api_key=key, **options)


class TestKey(CountsTokens, Messages):
    model = "team-claude"
    outage, down = 529, anthropic.OverloadedError
    client = staticmethod(client_of)


def test_a_token_of_entra_is_let_in(rows):
    client = anthropic.AnthropicFoundry(
        base_url=rows.url("foundry/anthropic"), azure_ad_token_provider=lambda: "entra-token"
    )
    answer = client.messages.create(model="team-claude", messages=[{"role": "user", "content": "hi"}], max_tokens=1)
    assert answer.stop_reason == "max_tokens"
