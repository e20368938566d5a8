"""Computes every amount of a results folder again, from requests.csv, prices.json and scenario.toml alone, and holds
cost.csv and summary.json against it to the last pico-dollar. Prints what differs, and exits 1 if anything does."""

import csv
import json
import sys
import tomllib
from collections import defaultdict
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, getcontext
from pathlib import Path

getcontext().prec = 60
PICO, MILLION = Decimal("1e-12"), Decimal(10) ** 6
CLASSES = ["cache_read", "cache_write", "cache_write_long", "input", "output", "reasoning"]
HOURS = dict(hour=1, week=168, month=730, quarter=2190, half=4380, year=8760, three_years=26280)


def seconds(text):
    """A length of time as scenarios write it, in seconds."""
    units = dict(ms=Decimal("0.001"), s=1, m=60, h=3600, d=86400)
    unit = next(unit for unit in units if text.endswith(unit))
    return Decimal(text.removesuffix(unit)) * units[unit]


def rate(price, token_class, prompt):
    """Dollars for a million tokens: a long prompt changes the rates of the whole request."""
    long = [row for row in price.get("long_context", []) if prompt > row["above"]]
    long = long[-1] if long else {}
    get = lambda name: long.get(name, price.get(name))
    if token_class == "cache_write_long":
        return get("cache_write_long") or get("cache_write")
    if token_class == "reasoning":
        return long.get("reasoning") or long.get("output") or price.get("reasoning") or price.get("output")
    return get(token_class)


class Folder:
    def __init__(self, folder):
        self.scenario = tomllib.loads((folder / "scenario.toml").read_text())
        self.prices = json.loads((folder / "prices.json").read_text())
        self.summary = json.loads((folder / "summary.json").read_text())
        self.requests = list(csv.DictReader((folder / "requests.csv").open()))
        self.bill = list(csv.DictReader((folder / "cost.csv").open()))
        self.tariffs = {endpoint["name"]: endpoint for endpoint in self.prices["endpoints"]}
        self.endpoints = {endpoint["name"]: endpoint for endpoint in self.scenario["endpoints"]}
        self.commitments = self.scenario.get("commitments", [])
        self.links = {link["name"]: link for link in self.scenario.get("links", [])}

    def about(self, kind, endpoint):
        """The commitments of a kind that cover an endpoint."""
        spec = self.endpoints[endpoint]
        for commitment in (one for one in self.commitments if one["kind"] == kind):
            lists = [("endpoints", spec["name"]), ("providers", spec["provider"]), ("models", spec["model"])]
            if all(not commitment.get(key) or name in commitment[key] for key, name in lists):
                yield commitment

    def price(self, endpoint, tier, sent):
        rows = self.tariffs[endpoint]["prices"]
        begun = max(row["from_ns"] for row in rows if Decimal(row["from_ns"]) <= sent * 10**9)
        return next(row["price"] for row in rows if row["from_ns"] == begun and tier in row["tiers"])

    def is_included(self, endpoint, tier):
        for units in self.about("units", endpoint):
            if "tier" not in units or (tier or self.tariffs[endpoint]["asked"]) == units["tier"]:
                return True
        price = self.tariffs[endpoint]["prices"][0]["price"]
        return set(price) == {"per_hour"}

    def capacities(self):
        """(name, units, dollars for a unit and a term, hours of the term, throughput by endpoint)"""
        resolved = {one["commitment"]: one["serves"] for one in self.prices["capacities"]}
        for one in (one for one in self.commitments if one["kind"] == "units"):
            known = {holder["endpoint"]: holder["throughput"] for holder in resolved[one["name"]]}
            holders = {name: one.get("throughput", known[name]) for name in self.endpoints if name in one["endpoints"]}
            yield one["name"], one["units"], Decimal(one["price"]), HOURS[one["term"]], holders
        for name, tariff in self.tariffs.items():
            hourly = tariff["prices"][0]["price"].get("per_hour")
            if hourly:
                yield name, 1, Decimal(hourly), 1, {name: None}


def work(tokens, throughput):
    """Tokens in terms of prompt tokens."""
    long, written = throughput.get("cache_write_long_weight", 1), throughput.get("cache_write_weight", 1)
    weights = dict(cache_read=throughput.get("cache_read_weight", 0), cache_write=written, cache_write_long=long, input=1)
    weights |= dict.fromkeys(CLASSES[4:], throughput.get("output_weight", 1))
    return sum(Decimal(str(weights[name])) * count for name, count in tokens.items())


def split(units, holders, served):
    """Whole units by what each holder takes of them: the largest remainders get what is left over."""
    if all(holders.values()):
        takes = [work(served[name], one) / one["tokens_per_minute"] for name, one in holders.items()]
    else:
        takes = [Decimal(sum(served[name].values())) for name in holders]
    takes = takes if any(takes) else [Decimal(1)] * len(takes)
    exact = [units * take / sum(takes) for take in takes]
    parts = [int(one) for one in exact]
    order = sorted(range(len(parts)), key=lambda nth: (parts[nth] - exact[nth], nth))
    for nth in order[: units - sum(parts)]:
        parts[nth] += 1
    return dict(zip(holders, parts))


def waste(attempts, nth):
    attempt = attempts[nth]
    if attempt["end"] == "done" and attempt["ended"] == "done":
        return ""
    if attempt["end"] == "done" and attempt["ended"] == "cancelled":
        return "hedge"
    return "retry" if any(later["cause"] == "retry" for later in attempts[nth + 1 :]) else "cut"


def usage(folder):
    """The rows of usage: key to [quantity, list price, price]."""
    rows = defaultdict(lambda: [0, None, None])
    by_request = defaultdict(list)
    for attempt in folder.requests:
        if attempt["attempt"]:
            by_request[attempt["request"]].append(attempt)
    for attempts in by_request.values():
        for nth, attempt in enumerate(attempts):
            charge(folder, rows, attempt, waste(attempts, nth))
    return rows


def charge(folder, rows, attempt, wasted):
    tokens = {name: int(attempt[f"{name}_tokens"]) for name in CLASSES}
    if not sum(tokens.values()):
        return
    asked, is_spilled = attempt["endpoint"], attempt["is_spilled"] == "true"
    biller = (folder.tariffs[asked]["spills_to"] if is_spilled else None) or asked
    tier = attempt["tier"] or folder.tariffs[biller]["asked"]
    sent = Decimal(attempt["sent_s"])
    prompt = sum(tokens[name] for name in CLASSES[:4])
    is_included = folder.is_included(biller, attempt["tier"]) and not (is_spilled and biller == asked)
    price = None if is_included else folder.price(biller, tier, sent)
    cost = Decimal(0)

    def bill(kind, token_class, quantity, listed, agreed, endpoint=biller, link=""):
        key = (int(sent // 3600), endpoint, attempt["class"], tier, kind, token_class, wasted, attempt["is_measured"])
        row = rows[(*key, attempt["is_spilled"], link, listed, agreed)]
        row[0] += quantity
        row[1:] = [listed, agreed]
        return quantity * agreed

    for egress in folder.about("egress", asked):
        size = prompt * egress.get("bytes_per_input_token", 0) + sum(
            tokens[name] for name in CLASSES[4:]
        ) * egress.get("bytes_per_output_token", 5)
        per_byte = Decimal(egress["per_gb"]) / 10**9
        cost += bill("egress", "", size, per_byte, per_byte, asked)
    if name := folder.endpoints[asked].get("link"):
        link = folder.links[name]
        there, back = prompt * link.get("bytes_per_input_token", 5), sum(
            tokens[name] for name in CLASSES[4:]
        ) * link.get("bytes_per_output_token", 205)
        for size, per_gb in [(there, link["per_gb"]), (back, link.get("per_gb_back", "0"))]:
            per_byte = Decimal(per_gb) / 10**9
            if size and per_byte:
                cost += bill("egress", "", size, per_byte, per_byte, asked, name)
    discounts = [Decimal(repr(one["percent"])) for one in folder.about("discount", biller)]
    for name, count in tokens.items():
        if not count:
            continue
        if is_included:
            bill("included", name, count, Decimal(0), Decimal(0))
            continue
        listed = Decimal(rate(price, name, prompt)) / MILLION
        agreed = (listed * (1 - sum(discounts))).quantize(PICO, ROUND_HALF_UP)
        cost += bill("metered", name, count, listed, agreed)
    if Decimal(attempt["cost_usd"]) != cost:
        fail(f"request {attempt['request']} attempt {attempt['attempt']}: {attempt['cost_usd']}, not {cost}")


def accrued(price, at, hours):
    return (price * at / (hours * 3600)).quantize(PICO, ROUND_FLOOR)


def reserved(folder, rows, start, end):
    """Adds the rows of capacity, with the share of it that was used; gives what was not used."""
    unused = defaultdict(Decimal)
    served = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for key, (quantity, *_) in rows.items():
        if key[4] == "included" and key[7] == "true":
            for when in (key[0], "ever"):
                served[when][key[1]][key[5]] += quantity
    shares = {}
    for hour in range(int(start // 3600), -int(-end // 3600)):
        a, b = max(start, Decimal(hour * 3600)), min(end, Decimal((hour + 1) * 3600))
        parts, known = [], defaultdict(int)
        for name, units, price, hours, holders in folder.capacities():
            when = hour if any(served[hour][holder] for holder in holders) else "ever"
            each = accrued(price, b, hours) - accrued(price, a, hours)
            for holder, part in split(units, holders, served[when]).items():
                parts.append((name, holder, part, each, holders[holder]))
                known[holder] += part if holders[holder] else 0
        for name, endpoint, units, each, throughput in parts:
            if not units:
                continue
            key = (hour, endpoint, "", "", "reserved", "", "", "true", "false", name, each, each)
            rows[key] = [units, each, each]
            if throughput:
                done = work(served[hour][endpoint], throughput)
                room = known[endpoint] * throughput["tokens_per_minute"] * (b - a) / 60
                share = min(Decimal(1), (done / room).quantize(Decimal("1e-6"), ROUND_FLOOR))
                shares[key] = share
                unused[endpoint] += units * each - (units * each * share).quantize(PICO, ROUND_HALF_UP)
    for link in folder.links.values():
        reached = [name for name, spec in folder.endpoints.items() if spec.get("link") == link["name"]]
        for hour in range(int(start // 3600), -int(-end // 3600)):
            a, b = max(start, Decimal(hour * 3600)), min(end, Decimal((hour + 1) * 3600))
            whole = accrued(Decimal(link["per_hour"]), b, 1) - accrued(Decimal(link["per_hour"]), a, 1)
            each, over = divmod(int(whole / PICO), len(reached))
            for nth, name in enumerate(reached):
                share = (each + (nth < over)) * PICO
                rows[hour, name, "", "", "reserved", "", "", "true", "false", link["name"], share, share] = [1, share, share]
    return unused, shares


def shortfalls(folder, rows, start, end):
    for one in [one for one in folder.commitments if one["kind"] == "minimum"]:
        covers = {name for name in folder.endpoints if one in folder.about("minimum", name)}
        hours = HOURS[one["term"]]
        first, last = int(start // (hours * 3600)), -int(-end // (hours * 3600))
        spent = defaultdict(Decimal)
        for key, (quantity, _, agreed) in list(rows.items()):
            if key[1] in covers and key[7] == "true" and key[9] not in folder.links:
                spent[min(key[0] // hours, last - 1)] += quantity * agreed
        for term in range(first, last):
            a, b = max(start, Decimal(term * hours * 3600)), min(end, Decimal((term + 1) * hours * 3600))
            promised = Decimal(one["spend"])
            lack = accrued(promised, b, hours) - accrued(promised, a, hours) - spent[term]
            if lack > 0:
                hour = int((b - Decimal("1e-9")) // 3600)
                key = (hour, "", "", "", "shortfall", "", "", "true", "false", one["name"], lack, lack)
                rows[key] = [1, lack, lack]


FAILURES = []


def fail(text):
    FAILURES.append(text)


def compare_bill(folder, rows, shares):
    names = "endpoint class tier kind token_class waste is_measured is_spilled commitment".split()
    seen = set()
    for line in folder.bill:
        key = (int(line["hour"]), *(line[name] for name in names))
        key = (*key, Decimal(line["list_unit_price"]), Decimal(line["unit_price"]))
        seen.add(key)
        if key not in rows:
            fail(f"cost.csv has a row too many: {key}")
            continue
        quantity, listed, agreed = rows[key]
        for name, ours in [("quantity", quantity), ("list_cost", quantity * listed), ("cost", quantity * agreed)]:
            if Decimal(line[name]) != ours:
                fail(f"{key}: {name} is {line[name]}, not {ours}")
        if line["used_share"] and Decimal(line["used_share"]) != shares.get(key):
            fail(f"{key}: used_share is {line['used_share']}, not {shares.get(key)}")
    for key in rows.keys() - seen:
        fail(f"cost.csv lacks a row: {key}")


def add_up(rows, unused):
    """The figures of each scope."""
    scopes = defaultdict(lambda: defaultdict(Decimal))
    for key, (quantity, listed, agreed) in rows.items():
        for scope in [("total", ""), ("endpoint", key[1]), ("class", key[2])]:
            add(scopes[scope], key, quantity, listed, agreed)
    for name, amount in unused.items():
        scopes["endpoint", name]["cost_commitment_unused"] = amount
    scopes["total", ""]["cost_commitment_unused"] = sum(unused.values())
    return scopes


def add(sums, key, quantity, listed, agreed):
    kind, token_class, wasted, is_measured, is_spilled = key[4:9]
    cost = quantity * agreed
    if is_measured == "false":
        sums["cost_warmup"] += cost
        return
    sums["cost_total"] += cost
    if kind not in ("metered", "included"):
        sums[f"cost_{kind}"] += cost
        return
    sums["cost_metered"] += cost
    sums[f"cost_{token_class}"] += cost
    sums[f"billed_{token_class}_tokens"] += quantity
    sums["cost_discount"] += quantity * listed - cost
    sums["cost_spilled"] += cost if is_spilled == "true" else 0
    if wasted:
        sums["cost_wasted"] += cost
        sums[f"cost_wasted_{wasted}"] += cost


def compare_summary(folder, scopes):
    section = next(section for section in folder.summary["sections"] if section["name"] == "cost")
    checked = 0
    for scope in section["scopes"]:
        for figure in scope["figures"]:
            name, value = figure["name"], figure["value"]
            if name.startswith("cost_per") or not isinstance(value, dict) or "unknown" in value:
                continue
            theirs, ours = Decimal(str(value.get("money", value.get("count")))), scopes[scope["kind"], scope["name"]][name]
            checked += 1
            if theirs != ours:
                fail(f"summary.json: {name} of {scope['kind']} {scope['name']} is {theirs}, not {ours}")
    return checked


def main():
    folder = Folder(Path(sys.argv[1]))
    start, duration = seconds(folder.scenario["warmup"]), seconds(folder.scenario["duration"])
    rows = usage(folder)
    unused, shares = reserved(folder, rows, start, duration)
    shortfalls(folder, rows, start, duration)
    compare_bill(folder, rows, shares)
    checked = compare_summary(folder, add_up(rows, unused))
    print("\n".join(FAILURES[:20]) or f"{len(rows)} rows and {checked} figures agree")
    sys.exit(1 if FAILURES else 0)


main()
