"""Amazon Bedrock the other way around: what `tollgate run` signs, botocore's own signer signs alike."""

import http.server
import json
import os
import subprocess
import threading

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from mocking import TOLLGATE

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a-session/token+of=ours")
REGION = "eu-central-1"
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "ok"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 9, "outputTokens": 1, "totalTokens": 10},
    "metrics": {"latencyMs": 1},
}
SCENARIO = """
duration = "500ms"
arrivals = {{ kind = "constant", rate = 20 }}

[[classes]]
name = "c"
stream = false
max_tokens = 9
input = {{ kind = "uniform", min = 1, max = 900 }}
output = {{ kind = "fixed", tokens = 1 }}

[[endpoints]]
name = "bedrock"
provider = "bedrock"
model = "{model}"
url = "http://127.0.0.1:{port}/some%20prefix"
region = "{region}"
login = true
price = {{ input = "1", output = "1" }}
"""


class Recorder(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent, and answers as Converse does."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append((self.path, dict(self.headers.items()), body))
        answer = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def recorder():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def signed_by_botocore(path, headers, body):
    """The signature that botocore makes of the request with the headers that we say are signed."""
    shown = dict(part.split("=", 1) for part in headers["authorization"].split(" ", 1)[1].split(", "))
    signed = {name: headers[name] for name in shown["SignedHeaders"].split(";")}
    request = AWSRequest(method="POST", url=f"http://{headers['host']}{path}", data=body, headers=signed)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(KEYS, "bedrock", REGION)
    assert shown["Credential"] == signer.scope(request)
    return shown["Signature"], signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


@pytest.mark.parametrize(
    "model",
    [
        "us.anthropic.claude-sonnet-5-5",
        "anthropic.claude-v2:1",
        "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3",
    ],
)
def test_botocore_signs_what_we_send_alike(recorder, tmp_path, model):
    scenario = tmp_path / "signed.toml"
    scenario.write_text(SCENARIO.format(model=model, port=recorder.server_port, region=REGION))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ACCESS_KEY_ID": KEYS.access_key,
        "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
        "AWS_SESSION_TOKEN": KEYS.token,
    }
    ran = subprocess.run(
        [TOLLGATE, "run", scenario, "--no-sweep", "--out", tmp_path / "results"],
        env=environment, capture_output=True, text=True, timeout=60,
    )
    assert "10" in ran.stdout, ran.stderr
    assert len(recorder.seen) == 10
    for path, headers, body in recorder.seen:
        headers = {name.lower(): value for name, value in headers.items()}
        assert headers["x-amz-security-token"] == KEYS.token
        ours, theirs = signed_by_botocore(path, headers, body)
        assert ours == theirs
