"""A `tollgate mock` as a child process, and the credentials it may ask for."""

import os
import pathlib
import re
import signal
import subprocess

ROOT = pathlib.Path(__file__).parents[2]
TOLLGATE = os.environ.get("TOLLGATE_BIN", ROOT / "target/release/tollgate")

# What each credential is where the mock checks them: the variables of rows.toml, and the usual ones of AWS.
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_BEARER_TOKEN_BEDROCK": "bedrock-key",
    "AWS_SECRET_ACCESS_KEY": "aws-secret",
    "SDK_ANTHROPIC_KEY": "anthropic-key",
    "SDK_AZURE_KEY": "azure-key",
    "SDK_FOUNDRY_KEY": "foundry-key",
    "SDK_OPENAI_KEY": "openai-key",
    "SDK_SELF_HOSTED_KEY": "self-hosted-key",
    "SDK_VERTEX_TOKEN": "vertex-token",
}

# Those of Bedrock, of which a mock has one sort.
BEARER = {"AWS_BEARER_TOKEN_BEDROCK"}
SIGNING = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


class Mock:
    """A mock of one scenario, from the start of a `with` to its end."""

    def __init__(self, scenario, keys=(), options=()):
        """With `keys`, the names of those in KEYS that it has, it checks what callers show."""
        self._command = [TOLLGATE, "mock", scenario, "--listen", "127.0.0.1:0", *options]
        self._command += ["--check-keys"] if keys else []
        self._environment = os.environ | {name: KEYS[name] for name in keys}

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        said = []
        for line in self._process.stdout:
            said.append(line)
            if line.startswith("ready"):
                self._origin = re.search(r"https?://127\.0\.0\.1:\d+", "".join(said)).group()
                return self
        self.__exit__()
        raise RuntimeError(f"the mock did not start:\n{''.join(said)}")

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def url(self, endpoint):
        """What stands for the vendor's host and fixed prefix."""
        return f"{self._origin}/{endpoint}"
