"""The mock, driven flat out by an SDK, admits what its limits admit in a simulation of the same calls.

The mock logs each call with its instant and its verdict. The log is a trace, so `tollgate simulate` plays the same calls
at the same instants, to the nanosecond, through the same limits; the two may differ by one call, and should by none.
"""

import collections
import csv
import subprocess
import threading
import time

import openai
import pytest

from mocking import TOLLGATE, Mock
from variants import toml

THREADS = 12
SECONDS = 3

LIMITS = {
    "requests": {"kind": "requests", "per_minute": 3000, "burst": 40},
    "requests, refusals counted": {"kind": "requests", "per_minute": 3000, "burst": 20, "count_refused": True},
    "tokens": {"kind": "tokens", "per_minute": 200_000, "burst": 3000},
    "tokens, the larger part": {"kind": "tokens", "per_minute": 100_000, "burst": 2000, "offered": {"combine": "max"}},
    "tokens, settled": {"kind": "tokens", "per_minute": 300_000, "burst": 4000, "settled": {"output": 5}},
    "capacity": {"kind": "tokens", "per_minute": 200_000, "burst": 1000, "settled": {"output": 8}, "room": "below"},
    "concurrency": {"kind": "concurrency", "max": 5, "queue_max": 2},
}


def scenario(limit, arrivals):
    return "".join(
        f"{name} = {toml(value)}\n"
        for name, value in {
            "duration": "1m",
            "retry": "none",
            "arrivals": arrivals,
            "classes": [
                {
                    "name": "any",
                    "input": {"kind": "fixed", "tokens": 10},
                    "output": {"kind": "fixed", "tokens": 20},
                    "max_tokens": 50,
                    "stream": False,
                }
            ],
            "endpoints": [
                {
                    "name": "e",
                    "provider": "openai",
                    "model": "m",
                    "limits": [limit],
                    "latency": {"kind": "fixed", "ttft": "8ms", "itl": "100us"},
                    "price": {"per_hour": "0"},
                }
            ],
        }.items()
    )


def drive(mock):
    """Calls as fast as the SDK can for a while; how many calls were answered with each status."""
    statuses, until = collections.Counter(), time.monotonic() + SECONDS
    lock = threading.Lock()

    def call():
        client = openai.OpenAI(base_url=mock.url("e"), api_key="any", max_retries=0)
        while time.monotonic() < until:
            try:
                client.chat.completions.create(
                    model="m", max_tokens=50, messages=[{"role": "user", "content": " tell me all" * 15}]
                )
                status = 200
            except openai.RateLimitError:
                status = 429
            with lock:
                statuses[status] += 1

    threads = [threading.Thread(target=call) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


@pytest.mark.parametrize("name", LIMITS)
def test_the_mock_admits_what_the_simulated_limit_admits(name, tmp_path):
    live, log = tmp_path / "live.toml", tmp_path / "calls.csv"
    live.write_text(scenario(LIMITS[name], {"kind": "constant", "rate": 1}))
    with Mock(live, options=["--log", log]) as mock:
        statuses = drive(mock)
    with log.open() as rows:
        calls = [int(row["status"]) for row in csv.DictReader(rows)]
    assert collections.Counter(calls) == statuses, "what the mock says it did is what the SDK has seen"
    assert statuses[200] and statuses[429], statuses
    replayed, results = tmp_path / "replayed.toml", tmp_path / "results"
    replayed.write_text(scenario(LIMITS[name], {"kind": "trace", "file": "calls.csv"}))
    command = [TOLLGATE, "simulate", replayed, "--rows", "--no-sweep", "--quiet", "--out", results]
    subprocess.run(command, check=True)
    with (results / "requests.csv").open() as rows:
        attempts = sorted(csv.DictReader(rows), key=lambda row: int(row["request"]))
    simulated = [int(row["status"] or 200) for row in attempts]
    assert len(simulated) == len(calls)
    differing = sum(call != attempt for call, attempt in zip(calls, simulated))
    print(f"{name}: {statuses[200]} of {len(calls)} admitted, {simulated.count(200)} in simulation, {differing} differ")
    assert differing <= 1
