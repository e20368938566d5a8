"""The servers under load, which others wrote: started on free ports of 127.0.0.1, stopped by their own process, and asked for their own word."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
# What LiteLLM wants to be shown; it never leaves this machine.
KEY = "sk-loopback"
START_SECS = 120
# A server may write its word on an answer a moment after the answer.
WORD_SECS = 10


@dataclass(frozen=True)
class Answered:
    """A request as llama.cpp's log tells it."""

    input: int
    output: int
    # From the start of the prompt's processing to its end, and from there to the last token.
    prompt_secs: float
    generation_secs: float


@dataclass(frozen=True)
class Served:
    """A call as LiteLLM's own record tells it."""

    model: str
    prompt: str
    is_stream: bool
    input: int
    output: int
    start_secs: float
    ttft_secs: float


class Llama:
    """llama.cpp's server."""

    def __init__(self, url: str, log: Path):
        self.url, self.log, self.seen = url, log, 0

    def answered(self, count: int) -> list[Answered]:
        """The next `count` requests since the last call, in the order of their ends; all there are if they are more or fewer."""
        fresh = wait_for(lambda: self._all()[self.seen :], lambda fresh: len(fresh) >= count)
        self.seen += len(fresh)
        return fresh

    def _all(self) -> list[Answered]:
        text = self.log.read_text(errors="replace")
        prompts = re.findall(r"task (\d+) \| prompt eval time = +([\d.]+) ms / +(\d+) tokens", text)
        answers = re.findall(r"task (\d+) \| +eval time = +([\d.]+) ms / +(\d+) tokens", text)
        generated = {task: (int(tokens), float(ms) / 1e3) for task, ms, tokens in answers}
        return [
            Answered(int(tokens), *(generated[task][0], float(ms) / 1e3, generated[task][1]))
            for task, ms, tokens in prompts
            if task in generated
        ]

    def totals(self) -> tuple[int, int]:
        """All tokens read and generated since its start, from /metrics."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        total = lambda name: int(re.search(rf"^llamacpp:{name} (\d+)$", text, re.MULTILINE).group(1))
        return total("prompt_tokens_total"), total("tokens_predicted_total")


class Gateway:
    """LiteLLM's proxy."""

    def __init__(self, url: str, record: Path):
        self.url, self.record, self.seen = url, record, 0

    def served(self, count: int) -> list[Served]:
        """The next `count` answers since the last call, in the order of their starts; all there are if they are more or fewer."""
        fresh = wait_for(lambda: self._all()[self.seen :], lambda fresh: len(fresh) >= count)
        self.seen += len(fresh)
        return sorted(fresh, key=lambda call: call.start_secs)

    def _all(self) -> list[Served]:
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return [Served(**json.loads(line)) for line in lines]


@contextlib.contextmanager
def llama(folder: Path):
    model, log = folder / "random-llama.gguf", folder / "llama.log"
    subprocess.run([sys.executable, HERE / "model.py", model], check=True)
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, HERE / "llama_server.py", model, url.rpartition(":")[2]]
    with process(command, log, f"{url}/health", {}):
        yield Llama(url, log)


@contextlib.contextmanager
def gateway(folder: Path, upstream: Llama):
    record, port = folder / "litellm.jsonl", free_port()
    record.unlink(missing_ok=True)
    program = Path(sys.executable).parent / "litellm"
    command = [program, "--config", HERE / "litellm.yaml", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        "LITELLM_MASTER_KEY": KEY,
        "LITELLM_RECORD": str(record),
        # Its table of prices comes with the package.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LLAMA_BASE_URL": f"{upstream.url}/v1",
    }
    url = f"http://127.0.0.1:{port}"
    with process(command, folder / "litellm.log", f"{url}/health/liveliness", environment):
        yield Gateway(url, record)


@contextlib.contextmanager
def process(command: list, log: Path, health: str, environment: dict):
    """Runs `command` until the block ends, however it ends; begins the block when it answers at `health`."""
    with open(log, "w") as output:
        child = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=os.environ | environment
        )
        try:
            if not wait_for(lambda: child.poll() is not None or is_up(health), bool, START_SECS) or child.poll() is not None:
                raise SystemExit(f"{Path(command[0]).name} did not come up in {START_SECS} s; its words are in {log}")
            yield
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def wait_for(look, is_enough, secs: float = WORD_SECS):
    """What `look` sees as soon as it is enough, or at the latest after `secs`."""
    end = time.monotonic() + secs
    while not is_enough(seen := look()) and time.monotonic() < end:
        time.sleep(0.1)
    return seen


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
