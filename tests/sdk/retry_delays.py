"""Asks the official Python SDKs what they retry and how long they wait, and prints the answers as JSON.

    python tests/sdk/retry_delays.py > tests/data/sdk_retry.json

Each case is a script of failures that a server on loopback plays to the SDK's own client. Only chance and
sleep are replaced: every case is played with all draws 0 and with all draws 1, and what the SDK would have
slept is noted. So a row shows both ends of each wait, and null where the SDK gave up.
`tests/virtual_time/sdk_retry.rs` holds Tollgate's presets against the rows.
"""

import json
import os
import random
import socket
import sys
import threading
import time
from importlib.metadata import version

# Before the SDKs are imported, some of which keep the functions they find.
LUCK = 0.0
random.random = lambda: LUCK
random.uniform = lambda low, high: low + (high - low) * LUCK
SLEPT = []
time.sleep = SLEPT.append
_look_up = socket.getaddrinfo


def _look_up_but(host, *rest, **options):
    if host == "unknown.invalid":
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return _look_up(host, *rest, **options)


socket.getaddrinfo = _look_up_but
for name in list(os.environ):
    if name.upper().endswith("_PROXY") or name.startswith("AWS_"):
        del os.environ[name]
os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}

import anthropic
import botocore.session
import openai
from botocore.config import Config
from google import genai
from google.genai.types import HttpOptions, HttpRetryOptions

SILENCE_SECS = 0.2


class Server:
    """Plays one step to each connection: a status with headers, a fault, or an answer."""

    def __init__(self):
        self.steps = []
        self.answer = b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.play, args=(connection,), daemon=True).start()

    def play(self, connection):
        with connection:
            if not read_request(connection):
                return
            step = self.steps.pop(0) if self.steps else {}
            if "status" in step:
                connection.sendall(refusal(step))
            elif step.get("fault") == "silent":
                connection.recv(1)
            elif step.get("fault") in ("silent_later", "truncated"):
                connection.sendall(head(200, {"transfer-encoding": "chunked"}) + b"1\r\n{\r\n")
                if step["fault"] == "silent_later":
                    connection.recv(1)
            elif step.get("fault") == "reset":
                pass
            else:
                connection.sendall(head(200, {"content-length": len(self.answer)}) + self.answer)


def read_request(connection):
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return False
        received += piece
    top, _, body = received.partition(b"\r\n\r\n")
    length = [line.split(b":")[1] for line in top.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(length[0]):
        body += connection.recv(65536)
    return True


def head(status, headers):
    fields = {"content-type": "application/json", "connection": "close"} | headers
    lines = [f"{name}: {value}" for name, value in fields.items()]
    return ("\r\n".join([f"HTTP/1.1 {status} X", *lines]) + "\r\n\r\n").encode()


def refusal(step):
    headers = {"content-length": 2}
    if "retry_after_ms" in step:
        headers["retry-after-ms"] = step["retry_after_ms"]
        headers["retry-after"] = -(-step["retry_after_ms"] // 1000)
    if "should_retry" in step:
        headers["x-should-retry"] = "true" if step["should_retry"] else "false"
    if step["status"] == 429:
        headers["x-amzn-errortype"] = "ThrottlingException"
    return head(step["status"], headers) + b"{}"


def openai_call(url, attempts_max):
    retries = {} if attempts_max is None else {"max_retries": attempts_max - 1}
    client = openai.OpenAI(api_key="-", base_url=url, timeout=SILENCE_SECS, **retries)
    messages = [{"role": "user", "content": "-"}]
    return lambda stream: client.chat.completions.create(model="m", messages=messages, stream=stream)


def anthropic_call(url, attempts_max):
    retries = {} if attempts_max is None else {"max_retries": attempts_max - 1}
    client = anthropic.Anthropic(api_key="-", base_url=url, timeout=SILENCE_SECS, **retries)
    messages = [{"role": "user", "content": "-"}]
    return lambda stream: client.messages.create(model="m", max_tokens=1, messages=messages, stream=stream)


def botocore_call(url, attempts_max):
    retries = {} if attempts_max is None else {"retries": {"total_max_attempts": attempts_max}}
    client = botocore.session.Session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="-",
        aws_secret_access_key="-",
        config=Config(read_timeout=SILENCE_SECS, **retries),
    )
    messages = [{"role": "user", "content": [{"text": "-"}]}]

    def call(stream):
        if not stream:
            return client.converse(modelId="m", messages=messages)
        return client.converse_stream(modelId="m", messages=messages)["stream"]

    return call


def google_call(url, attempts_max):
    retries = None if attempts_max is None else HttpRetryOptions()
    if attempts_max not in (None, 5):
        retries = HttpRetryOptions(attempts=attempts_max)
    options = HttpOptions(base_url=url, timeout=int(SILENCE_SECS * 1000), retry_options=retries)
    client = genai.Client(api_key="-", http_options=options)

    def call(stream):
        models = client.models
        ask = models.generate_content_stream if stream else models.generate_content
        return ask(model="m", contents="-")

    return call


SDKS = {
    "openai-python": ("openai", openai_call),
    "anthropic-python": ("anthropic", anthropic_call),
    "botocore-standard": ("botocore", botocore_call),
    "google-genai": ("google-genai", google_call),
}
ANSWERS = {
    "openai-python": b'{"id":"-","object":"chat.completion","created":0,"model":"m","choices":[]}',
    "anthropic-python": b'{"id":"-","type":"message","role":"assistant","model":"m","content":[],"usage":{}}',
    "botocore-standard": b"{}",
    "google-genai": b"{}",
}


def cases(sdk):
    """(attempts_max or None for the SDK's own default, stream, calls): each call a list of failures."""
    for attempts_max in (None, 1, 5, 10):
        for status in (429, 503):
            yield attempts_max, True, [[{"status": status}] * 10]
    for status in (400, 401, 403, 404, 408, 409, 413, 422, 424, 429, 499, 500, 501, 502, 503, 504, 529):
        yield 5, True, [[{"status": status}]]
    for millis in (0, 1, 2500, 60_000, 120_000, 120_001, 3_600_000):
        yield 5, True, [[{"status": 429, "retry_after_ms": millis}, {"status": 503, "retry_after_ms": millis}]]
    for status in (400, 429, 500):
        for should_retry in (True, False):
            yield 5, True, [[{"status": status, "should_retry": should_retry}]]
    yield 5, True, [[{"status": 429, "retry_after_ms": 300_000, "should_retry": True}]]
    for fault in ("connect", "dns", "reset", "silent", "silent_later", "tls", "truncated"):
        for stream in (True, False):
            yield 5, stream, [[{"fault": fault}] * 5]
    yield 5, False, [[{"status": 429}, {"fault": "reset"}, {"status": 500}, {"fault": "silent"}]]
    if sdk != "botocore-standard":
        return
    # Enough to empty its bucket, to fill it again by ones, and to be paid back.
    transient, throttled = [{"status": 503}] * 3, [{"status": 429}] * 3
    yield None, True, [transient] * 20 + [[]] * 3 + [transient] + [[]] + [transient] * 2
    yield None, True, [throttled] * 52 + [[]] * 5 + [throttled[:1]] * 3 + [throttled]
    yield None, True, [[{"status": 503}, {"status": 429}]] * 36


def play(sdk, attempts_max, stream, calls, luck):
    """What the SDK sleeps after each failure of each call."""
    global LUCK
    LUCK = luck
    faults = {failure.get("fault") for call in calls for failure in call}
    url = SERVER.url
    if "connect" in faults:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    elif "dns" in faults:
        url = "http://unknown.invalid"
    elif "tls" in faults:
        url = TLS_URL
    SERVER.answer = ANSWERS[sdk]
    call = SDKS[sdk][1](url, attempts_max)
    waits = []
    for failures in calls:
        SERVER.steps = list(failures)
        SLEPT.clear()
        try:
            answer = call(stream)
            for _ in answer if stream else ():
                pass
        except Exception:
            # The application's now, unless it is not about the failures.
            if url == SERVER.url and SERVER.steps == failures:
                raise
        waits.append((list(SLEPT) + [None] * len(failures))[: len(failures)])
    return waits


def plain_where_tls_is_expected():
    """A server whose every connection fails the TLS handshake."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 X\r\n\r\n")

    threading.Thread(target=serve, daemon=True).start()
    return f"https://127.0.0.1:{listener.getsockname()[1]}"


def row(sdk, attempts_max, stream, calls):
    low, high = (play(sdk, attempts_max, stream, calls, luck) for luck in (0.0, 1.0))
    shown = []
    for failures, lows, highs in zip(calls, low, high):
        met = lows.index(None) + 1 if None in lows else len(lows)
        ends = list(zip(failures, lows, highs))[:met]
        shown.append([step | {"wait_s": None if a is None else [a, b]} for step, a, b in ends])
    return {"sdk": sdk, "attempts_max": attempts_max, "stream": stream, "calls": shown}


SERVER = Server()
TLS_URL = plain_where_tls_is_expected()

if __name__ == "__main__":
    rows = [row(sdk, *case) for sdk in SDKS for case in cases(sdk)]
    versions = {sdk: f"{package} {version(package)}" for sdk, (package, _) in SDKS.items()}
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    sys.stdout.write(f'{{"versions": {json.dumps(versions)}, "rows": [\n{lines}\n]}}\n')
