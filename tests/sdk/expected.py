"""What the tests ask, and how long rows.toml makes the prompt and every answer to it."""

import json
import time
from contextlib import contextmanager

import httpx2

PROMPT = " tell me all" * 4
INPUT = 12
# The whole answer, and a cap that cuts it.
OUTPUT = 24
CAP = 16
# Before the answer, in the variant "reasoning".
REASONING = 8
# Of the variant "metered".
REQUESTS_LIMIT, TOKENS_LIMIT = 1000, 100_000

TOOL = "look_up_weather"
TOOL_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


class Recorder(httpx2.Client):
    """An HTTP client for the SDKs that keeps the head of every request they send, retries included."""

    def __init__(self):
        self.sent = []
        super().__init__(event_hooks={"request": [self.sent.append]}, timeout=10)


def tokens(text):
    """How many tokens the mock's text has: each is a space and three letters."""
    words, rest = divmod(len(text), 4)
    assert rest == 0 and all(text[at] == " " for at in range(0, len(text), 4)), text
    return words


def assert_arguments(text):
    """A tool's arguments are a JSON object."""
    assert isinstance(json.loads(text), dict), text


@contextmanager
def takes(least, most):
    """That the block takes so many seconds."""
    began = time.monotonic()
    yield
    assert least <= time.monotonic() - began < most
