"""The scenarios that the suite plays: rows.toml, and variants of it in which every endpoint misbehaves in one way.

    python3 variants.py FOLDER

writes each of them into FOLDER, where `tollgate mock FOLDER/NAME.toml` serves it.
"""

import json
import pathlib
import sys
import tomllib

ROWS = pathlib.Path(__file__).with_name("rows.toml")


# All the time.
ALWAYS = [{"from": "0s", "for": "1h"}]
# For an instant, and again before any answer of LONG is over.
OFTEN = [{"from": f"{nth * 500}ms", "for": "1us"} for nth in range(1, 60)]
LONG = {"output": {"kind": "fixed", "tokens": 5000}}


def outage(windows, **settings):
    return [{"kind": "outage", "windows": windows} | settings]


# By name: the limits of every endpoint, and what else is said of the class of all requests.
VARIANTS = {
    "rows": ([], {}),
    "breaking": (outage(OFTEN, break_streams="cut"), LONG),
    "down-503": (outage(ALWAYS, status=503), {}),
    "down-529": (outage(ALWAYS, status=529), {}),
    "failing-503": (outage(OFTEN, status=503, break_streams="error"), LONG),
    "failing-529": (outage(OFTEN, status=529, break_streams="error"), LONG),
    # A token more or less shows: the window is long enough for nothing to come back.
    "metered": (
        [
            {"kind": "requests", "per_minute": 1000, "window": "minute"},
            {"kind": "tokens", "per_minute": 100_000, "window": "minute", "settled": {}},
        ],
        {},
    ),
    # Anything is admitted while less than all is in use: a call for 100 tokens fills it for a while.
    "provisioned": ([{"kind": "tokens", "per_minute": 100, "room": "below"}], {}),
    "reasoning": ([], {"reasoning": {"kind": "fixed", "tokens": 8}}),
    # Prompts and answers each have a quota.
    "split": (
        [
            {"kind": "tokens", "per_minute": 50_000, "window": "minute", "offered": {"max_tokens": 0}},
            {"kind": "tokens", "per_minute": 20_000, "window": "minute", "offered": {"input": 0}},
        ],
        {},
    ),
    # The second request waits for a second, the first backoff of no SDK is as long.
    "throttled": ([{"kind": "requests", "per_minute": 60, "burst": 1}], {}),
    # The second request waits for a minute, longer than all backoffs.
    "used-up": ([{"kind": "requests", "per_minute": 1}], {}),
}


def scenario(variant):
    """The text of a variant."""
    limits, changes = VARIANTS[variant]
    rows = tomllib.loads(ROWS.read_text())
    rows["classes"][0] |= changes
    for endpoint in rows["endpoints"]:
        endpoint["limits"] = limits
    return "".join(f"{name} = {toml(value)}\n" for name, value in rows.items())


def toml(value):
    """A value as TOML has it inline; beyond tables that is as JSON has it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def write(folder):
    """Writes every variant and says where."""
    folder.mkdir(parents=True, exist_ok=True)
    for variant in VARIANTS:
        (folder / f"{variant}.toml").write_text(scenario(variant))
    return folder


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]))
