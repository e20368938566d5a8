"""Recomputes from the original JSON what calls cost on every imported row, and holds `tollgate prices quote` to it.

    check.py TOLLGATE FORMAT PRICES.json

FORMAT is litellm or genai-prices. Every number is a `decimal` of the file's own text. Nothing here is shared with the
importer: keys are read by a regular expression, dates and thresholds are resolved anew for each call.
"""

import csv
import datetime
import io
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from decimal import Decimal
from pathlib import Path

CLASSES = ["input", "cache_read", "cache_write", "cache_write_long", "output", "reasoning"]
PROMPT = CLASSES[:4]


class Litellm:
    """One flat map, dollars for a token."""

    BASES = {
        "input_cost_per_token": "input",
        "input_cost_per_token_cache_hit": "cache_read",
        "cache_read_input_token_cost": "cache_read",
        "cache_creation_input_token_cost": "cache_write",
        "output_cost_per_token": "output",
        "output_cost_per_reasoning_token": "reasoning",
    }
    KEY = re.compile(
        f"({'|'.join(sorted(BASES, key=len, reverse=True))})"
        r"(_above_1hr|_above_12hr)?(?:_above_(\d+)k_tokens)?(?:_(batches|flex|priority|ultrafast|balanced|decisions))?"
    )
    TIERS = {"batches": "batch", "flex": "flex", "priority": "priority", "ultrafast": "ultrafast", None: "standard"}
    UPLIFTS = {
        "regional_processing_uplift_multiplier_us": "us",
        "regional_processing_uplift_multiplier_eu": "eu",
        "regional_endpoint_uplift_multiplier": "regional",
    }

    def __init__(self, entries):
        self.entries = entries

    def variants(self):
        """Everything of which there has to be a row: an entry, a tier, what it is multiplied with and for where."""
        for name, entry in self.entries.items():
            if name == "sample_spec" or "litellm_provider" not in entry:
                continue
            words = {word for _, _, word, _ in self.prices(entry)}
            special = entry.get("provider_specific_entry", {})
            uplifts = [(None, None, Decimal(1))]
            uplifts += [(scope, None, entry[key]) for key, scope in self.UPLIFTS.items() if key in entry]
            uplifts += [("us", None, special["us"])] if "us" in special else []
            uplifts += [(None, "fast", special["fast"])] if "fast" in special else []
            uplifts += [("us", "fast", special["us"] * special["fast"])] if {"us", "fast"} <= special.keys() else []
            for word in words:
                for scope, speed, factor in uplifts:
                    if speed is None or word is None:
                        own = "fast" if name.startswith("azure_ai/claude") and name.endswith("-fast") else None
                        tier = speed or (own if word is None else None) or self.TIERS.get(word, word)
                        yield name, tier, (word, scope, factor), None

    def prices(self, entry):
        """Class, threshold, tier and dollars of every key."""
        for text, value in entry.items():
            match = self.KEY.fullmatch(text)
            if match:
                base, hours, thousands, word = match.groups()
                above = int(thousands or 0) * 1000
                if above and entry["litellm_provider"] == "xai":
                    above -= 1
                yield self.BASES[base] + ("_long" if hours else ""), above, word, value
        for step in entry.get("tiered_pricing", []):
            for text, value in step.items():
                if text in self.BASES:
                    yield self.BASES[text], int(step["range"][0]), None, value

    def thresholds(self, name):
        return {above for _, above, _, _ in self.prices(self.entries[name]) if above}

    def rate(self, name, variant, _day, wanted, prompt):
        """Dollars for a token of a class, in a prompt of so many tokens."""
        word, _, factor = variant
        fitting = [
            (above, value)
            for found, above, tier, value in self.prices(self.entries[name])
            if found == wanted and tier == word and (above == 0 or prompt > above)
        ]
        return max(fitting)[1] * factor if fitting else None

    def is_of_row(self, variant, row):
        _, scope, factor = variant
        times = re.search(r" × ([0-9.]+)", row["source"])
        is_scope = scope is None or row.get("scope", "global") == scope
        return is_scope and Decimal(times[1] if times else 1) == factor


class GenaiPrices:
    """Providers with models, dollars for a million tokens, with days and variants."""

    KEYS = {
        "input_mtok": "input",
        "cache_read_mtok": "cache_read",
        "cache_write_mtok": "cache_write",
        "cache_write_1h_mtok": "cache_write_long",
        "output_mtok": "output",
        "output_reasoning_mtok": "reasoning",
    }
    # When the project looked them up: such a variant belongs to the prices that held on that day.
    VERIFIED = {"2026-10-12", "2026-10-14"}

    def __init__(self, providers):
        self.models = {f"{p['id']}/{m['id']}": m for p in providers for m in p["models"]}

    def variants(self):
        for name, model in self.models.items():
            whens = {}
            for variant in model.get("price_variants") or []:
                [(key, word)] = variant["when"].items()
                if key in ("processing", "service_tier", "speed") and word != "default":
                    whens[word] = variant["when"]
            for tier, when in [("standard", None), *whens.items()]:
                for day in self.days(model):
                    if self.sheet(name, when, day):
                        yield name, tier, when, day

    def conditionals(self, model):
        prices = model["prices"]
        return prices if isinstance(prices, list) else [{"prices": prices, "constraint": None}]

    def start(self, conditional):
        return (conditional.get("constraint") or {}).get("start_date", "0001-01-01")

    def days(self, model):
        """The first day of each period, and the last one before it."""
        starts = {self.start(c) for c in self.conditionals(model)}
        starts |= {self.start(v) for v in model.get("price_variants") or []} | {"2026-11-21"}
        for start in starts - {"0001-01-01"}:
            first = datetime.date.fromisoformat(start)
            yield from (str(first - datetime.timedelta(1)), start)

    def sheet(self, name, when, day):
        """What the prices of a model are on a day, under the condition `when`."""
        model = self.models[name]
        conditionals = self.conditionals(model)
        begun = [c for c in conditionals if self.start(c) <= day]
        sheet = dict((begun or conditionals[:1])[-1]["prices"])
        if when:
            replaced, is_sold = {}, False
            for variant in model["price_variants"]:
                start = self.start(variant)
                if start in self.VERIFIED:
                    start = max(s for s in [*map(self.start, conditionals), "0001-01-01"] if s <= start)
                if variant["when"] == when and start <= day:
                    replaced, is_sold = {**variant["prices"], **replaced}, True
            if not is_sold:
                return {}
            sheet.update(replaced)
        return {self.KEYS[key]: value for key, value in sheet.items() if key in self.KEYS}

    def thresholds(self, name):
        text = json.dumps(self.models[name], default=str)
        return {int(start) for start in re.findall(r'"start": "?(\d+)', text)}

    def rate(self, name, when, day, wanted, prompt):
        price = self.sheet(name, when, day).get(wanted)
        if isinstance(price, dict):
            steps = [step for step in price["tiers"] if prompt > int(step["start"])]
            price = max(steps, key=lambda step: int(step["start"]))["price"] if steps else price["base"]
        return None if price is None else Decimal(price) / 1_000_000

    def is_of_row(self, _when, _row):
        return True


def usages(thresholds):
    """Calls short and about each threshold, each class by itself and all together."""
    for prompt in sorted({1_000}.union(*({t - 1, t, t + 1} for t in thresholds))):
        yield {"input": prompt, "output": 137}
        for one in PROMPT[1:]:
            yield {"input": prompt - 61, one: 61}
        yield {"input": prompt, "output": 11, "reasoning": 93}
        yield {"input": prompt - 60, "cache_read": 10, "cache_write": 20, "cache_write_long": 30, "output": 5, "reasoning": 7}


def expected(source, name, variant, day, usage):
    """Exact dollars, or `None` where a class has no price."""
    prompt = sum(usage.get(one, 0) for one in PROMPT)
    total = Decimal(0)
    for one, tokens in usage.items():
        rate = source.rate(name, variant, day, one, prompt)
        if rate is None and one in ("cache_write_long", "reasoning"):
            instead = {"cache_write_long": "cache_write", "reasoning": "output"}[one]
            rate = source.rate(name, variant, day, instead, prompt)
        if rate is None:
            return None
        total += rate * tokens
    return total


def origin(row, prefix):
    return re.fullmatch(rf"{re.escape(prefix)} (.+?)(?: × [0-9.]+)?(?:: .*)?", row["source"])[1]


def calls_of(source, rows, report, prefix):
    """Each call with its expected amount; and what should be a row and is none, and not accounted for either."""
    by_origin = {}
    for row in rows:
        by_origin.setdefault(origin(row, prefix), []).append(row)
    # Rows that are told apart from others by their names only: "name × 1.1 (provider model scope tier)".
    for merged in report["merged"]:
        name, title = re.fullmatch(r"(.+?) \((\S+ .+ \S+ \S+)\)", merged["about"]).groups()
        provider, rest = title.split(" ", 1)
        model, scope, tier = rest.rsplit(" ", 2)
        row = {"provider": provider, "model": model, "scope": scope, "tier": tier, "source": f"{prefix} {name}"}
        by_origin.setdefault(origin(row, prefix), []).append(row)
    skipped = [remark["about"] for remark in report["skipped"]]
    missing, calls = [], []
    for name, tier, variant, day in source.variants():
        fitting = [
            row
            for row in by_origin.get(name, [])
            if row.get("tier", "standard") == tier and source.is_of_row(variant, row)
        ]
        for row in fitting[:1]:
            place = [row["provider"], row["model"], row.get("scope", "global"), tier, day or ""]
            for usage in usages(source.thresholds(name)):
                calls.append((place, usage, expected(source, name, variant, day, usage)))
        if not fitting and not any(about == name or about.startswith(f"{name} ") for about in skipped):
            missing.append((name, tier, variant, day))
    return calls, missing


def units_wrong(source, units, prefix):
    """The differences between rows of capacity and the prices by the second that LiteLLM has of it."""
    found = {origin(unit, prefix): Decimal(unit["price"]) for unit in units}
    hours = {"1-month-commitment": 730, "6-month-commitment": 4380}
    wanted = {
        name: entry["cost_per_second"] * 3600 * hours[term]
        for name, entry in getattr(source, "entries", {}).items()
        for term in hours
        if f"/{term}/" in name
    }
    return [f"{name}: {found.get(name)}, not {wanted.get(name)}" for name in found | wanted if found.get(name) != wanted.get(name)]


def quotes(tollgate, catalogue, calls):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["provider", "model", "scope", "tier", "date", *CLASSES])
    for place, usage, _ in calls:
        writer.writerow([*place, *(usage.get(one, 0) for one in CLASSES)])
    command = [tollgate, "prices", "quote", "--catalogue", catalogue, "--calls", "-"]
    answer = subprocess.run(command, input=text.getvalue(), capture_output=True, text=True, check=True).stdout
    return list(csv.DictReader(io.StringIO(answer)))


def main(tollgate, kind, path):
    with tempfile.TemporaryDirectory() as folder:
        catalogue = Path(folder) / "catalogue.toml"
        command = [tollgate, "prices", "import", path, "--format", kind, "--out", catalogue, "--json"]
        report = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        catalogue_rows = tomllib.loads(catalogue.read_text())
        rows = catalogue_rows["offer"]
        text = Path(path).read_text()
        source = {"litellm": Litellm, "genai-prices": GenaiPrices}[kind](
            json.loads(text, parse_float=Decimal, parse_int=Decimal)
        )
        calls, missing = calls_of(source, rows, report, kind)
        answers = quotes(tollgate, catalogue, calls)
    wrong, unknown, hit = units_wrong(source, catalogue_rows.get("unit", []), kind), 0, set()
    names = {key(row): origin(row, kind) for row in rows}
    by_key = {}
    for row in rows:
        by_key.setdefault(key(row), []).append(row)
    skipped = {remark["about"] for remark in report["skipped"]}
    for (place, usage, amount), answer in zip(calls, answers, strict=True):
        unknown += amount is None
        if answer["unknown"] == "row" and f"{names[tuple(place[:4])]} {place[3]}" in skipped:
            continue  # Another period of the same could not be kept.
        is_same = answer["unknown"] in CLASSES if amount is None else answer["amount"] and Decimal(answer["amount"]) == amount
        if not is_same:
            wrong.append(f"{place} {usage}: {answer['amount'] or answer['unknown']}, not {amount}")
        day = place[4] or "2026-11-21"
        held = [row for row in by_key.get(tuple(place[:4]), []) if row.get("from", "") <= day < row.get("until", "9")]
        hit.update(map(id, held))
    untouched = [key(row) for row in rows if id(row) not in hit]
    print(
        f"{kind}: {report['entries']} entries, {report['understood']} with rows; {len(rows)} rows, {len(rows) - len(untouched)} "
        f"of them compared in {len(calls)} calls ({unknown} of which have no price); {len(wrong)} differ, "
        f"{len(missing)} prices without a row"
    )
    for line in [*wrong[:10], *map(str, missing[:10]), *map(str, untouched[:10])]:
        print(f"  {line}")
    return 1 if wrong or missing or untouched or not rows else 0


def key(row):
    return row["provider"], row["model"], row.get("scope", "global"), row.get("tier", "standard")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
