"""Holds focus.csv against the rules of FOCUS 1.2 that this data can break. Prints what is wrong, and exits 1 if
anything is."""

import csv
import json
import sys
from collections import defaultdict
from decimal import Decimal, getcontext
from pathlib import Path

getcontext().prec = 80
MANDATORY = """BilledCost BillingAccountId BillingCurrency BillingPeriodEnd BillingPeriodStart ChargeCategory
ChargeFrequency ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost InvoiceIssuerName ListCost ProviderName
PublisherName ServiceCategory ServiceName ServiceSubcategory""".split()
PRICED = "ContractedUnitPrice ListUnitPrice PricingCategory PricingQuantity PricingUnit SkuId SkuPriceId".split()
COMMITTED = "Category Name Quantity Type Unit".split()
PRESENT = ["BillingAccountName", "ChargeClass", "ChargeDescription"]


def rules(row):
    """Every rule, with whether the row keeps it."""
    number = lambda name: Decimal(row[name])
    usage, purchase = row["ChargeCategory"] == "Usage", row["ChargeCategory"] == "Purchase"
    status, committed = row["CommitmentDiscountStatus"], bool(row["CommitmentDiscountId"])
    for name in MANDATORY:
        yield f"{name} is not null", row[name] != ""
    for name in PRICED:
        yield f"{name} of usage and purchases is not null", row[name] != "" or not (usage or purchase)
    yield "ListCost is the product", number("ListCost") == number("ListUnitPrice") * number("PricingQuantity")
    product = number("ContractedUnitPrice") * number("PricingQuantity")
    yield "ContractedCost is the product", number("ContractedCost") == product
    yield "ChargeCategory is allowed", row["ChargeCategory"] in ("Usage", "Purchase", "Adjustment")
    yield "ChargeFrequency is allowed", row["ChargeFrequency"] in ("One-Time", "Recurring", "Usage-Based")
    yield "a purchase is not usage-based", not (purchase and row["ChargeFrequency"] == "Usage-Based")
    yield "a purchase has no effective cost", not purchase or number("EffectiveCost") == 0
    yield "what is covered is not billed", not status or number("BilledCost") == 0
    yield "the status is that of committed usage", bool(status) == (committed and usage)
    yield "what is covered is Committed", (row["PricingCategory"] == "Committed") == bool(status)
    yield "a purchase is Standard", not purchase or row["PricingCategory"] == "Standard"
    for name in COMMITTED:
        yield f"CommitmentDiscount{name} goes with the id", bool(row[f"CommitmentDiscount{name}"]) == committed
    yield "consumption is of usage that is used", bool(row["ConsumedQuantity"]) == (usage and status != "Unused")
    yield "ConsumedUnit goes with it", bool(row["ConsumedUnit"]) == bool(row["ConsumedQuantity"])
    yield "what nobody used is the commitment's", status != "Unused" or row["ResourceId"] == row["CommitmentDiscountId"]
    yield "periods are in order", row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"]
    yield "the charge lies in its billing period", row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]


def main():
    folder = Path(sys.argv[1])
    rows = list(csv.DictReader((folder / "focus.csv").open()))
    wrong = [f"row {nth}: {rule}" for nth, row in enumerate(rows) for rule, holds in rules(row) if not holds]
    wrong += [f"no column {name}" for name in PRESENT if name not in rows[0]]
    billed, effective = (sum(Decimal(row[name]) for row in rows) for name in ("BilledCost", "EffectiveCost"))
    section = next(one for one in json.loads((folder / "summary.json").read_text())["sections"] if one["name"] == "cost")
    total = next(scope for scope in section["scopes"] if scope["kind"] == "total")
    total = next(figure for figure in total["figures"] if figure["name"] == "cost_total")["value"]["money"]
    if not billed == effective == Decimal(total):
        wrong.append(f"billed {billed}, effective {effective}, total {total}")
    sums = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in rows:
        if row["CommitmentDiscountId"]:
            pair = sums[row["CommitmentDiscountId"]]
            pair[0] += Decimal(row["BilledCost"]) if row["ChargeCategory"] == "Purchase" else 0
            pair[1] += Decimal(row["EffectiveCost"]) if row["ChargeCategory"] == "Usage" else 0
    wrong += [f"{name}: {bought} bought, {used} used" for name, (bought, used) in sums.items() if bought != used]
    prices = defaultdict(set)
    for row in rows:
        if row["PricingUnit"] == "1000000 Tokens":
            prices[row["SkuPriceId"]].add(row["ListUnitPrice"])
    wrong += [f"{name} has the prices {known}" for name, known in prices.items() if len(known) > 1]
    consumed = defaultdict(int)
    for row in rows:
        if row["CommitmentDiscountStatus"] == "Used":
            consumed[row["ResourceId"], row["ChargePeriodStart"][11:13].lstrip("0") or "0"] += int(row["ConsumedQuantity"])
    served = defaultdict(int)
    for row in csv.DictReader((folder / "cost.csv").open()):
        if row["kind"] == "included" and row["is_measured"] == "true":
            served[row["endpoint"], row["hour"]] += int(row["quantity"])
    wrong += [f"{key}: {count} consumed, {served[key]} served" for key, count in consumed.items() if count != served[key]]
    kinds = {(row["ChargeCategory"], row["CommitmentDiscountStatus"]) for row in rows}
    print("\n".join(wrong[:20]) or f"{len(rows)} rows keep the rules; kinds: {sorted(kinds)}")
    sys.exit(1 if wrong else 0)


main()
