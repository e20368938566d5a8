"""One `tollgate run`, and what it wrote."""

import csv
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import servers

HERE = Path(__file__).parent
RUN_SECS = 180


@dataclass(frozen=True)
class Row:
    """A row of requests.csv: one attempt."""

    endpoint: str
    end: str
    ended: str
    status: str
    input: int
    output: int
    usage_source: str
    # The server's own record, as it spelt it; None where there is none.
    raw_usage: dict | None
    is_cut: bool
    # Since the attempt was sent; None without a token.
    ttft_secs: float | None
    e2e_secs: float | None

    @property
    def is_streamed(self) -> bool:
        """An answer in one piece has its first token when it is whole."""
        return self.ttft_secs is not None and self.ttft_secs < self.e2e_secs


@dataclass(frozen=True)
class Ran:
    folder: Path
    rows: list[Row]
    summary: dict

    def of(self, endpoint: str) -> list[Row]:
        return [row for row in self.rows if row.endpoint == endpoint]

    def figure(self, section: str, name: str, endpoint: str = ""):
        """A figure of the whole run or of one endpoint; None where there is none."""
        scopes = next(each["scopes"] for each in self.summary["sections"] if each["name"] == section)
        figures = next((each["figures"] for each in scopes if each["name"] == endpoint), [])
        value = next((each["value"] for each in figures if each["name"] == name), {})
        return value.get("number", value.get("count")) if isinstance(value, dict) else None


def run(name: str, folder: Path, **addresses: str) -> Ran:
    """Plays scenarios/NAME.toml with the servers' addresses in it."""
    text = (HERE / "scenarios" / f"{name}.toml").read_text()
    for server, url in addresses.items():
        text = text.replace(f"{{{server}}}", url)
    scenario, out = folder / f"{name}.toml", folder / name
    scenario.write_text(text)
    command = [os.environ["TOLLGATE_BIN"], "run", scenario, "--out", out, "--quiet", "--no-sweep"]
    environment = os.environ | {"SERVER_KEY": servers.KEY, "WRONG_KEY": "sk-wrong"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECS, env=environment)
    if done.returncode != 0:
        raise AssertionError(f"tollgate ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    with open(out / "requests.csv", newline="") as file:
        rows = [row(cells) for cells in csv.DictReader(file)]
    return Ran(out, rows, json.loads((out / "summary.json").read_text()))


def row(cells: dict[str, str]) -> Row:
    def since_sent(stamp: str) -> float | None:
        return float(cells[stamp]) - float(cells["sent_s"]) if cells[stamp] else None

    count = lambda *names: sum(int(cells[name] or 0) for name in names)
    return Row(
        endpoint=cells["endpoint"],
        end=cells["end"],
        ended=cells["ended"],
        status=cells["status"],
        input=count("input_tokens", "cache_read_tokens", "cache_write_tokens"),
        output=count("output_tokens", "reasoning_tokens"),
        usage_source=cells["usage_source"],
        raw_usage=json.loads(cells["raw_usage"]) if cells["raw_usage"] else None,
        is_cut=cells["is_cut"] == "true",
        ttft_secs=since_sent("first_token_s"),
        e2e_secs=since_sent("last_token_s"),
    )
