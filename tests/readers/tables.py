"""pandas and DuckDB read the CSV files and the Parquet, and find the summary's counts and sums."""

from decimal import Decimal

import duckdb
import pandas

from results import near, same

# As text, so that no amount is rounded on the way.
MONEY = {"cost_usd": str, "cost": str}


def pandas_reads_csv(results):
    rows = pandas.read_csv(results.folder / "requests.csv", dtype=MONEY, keep_default_na=False, na_values=[""])
    counted(results, rows)
    same("cost_metered", sum(map(Decimal, measured(rows).cost_usd.dropna()), Decimal()), results.figure("cost", "cost_metered"))
    ledger = pandas.read_csv(results.folder / "cost.csv", dtype=MONEY)
    same("cost_total", sum(map(Decimal, ledger[ledger.is_measured].cost), Decimal()), results.figure("cost", "cost_total"))
    series = pandas.read_csv(results.folder / "timeseries.csv")
    width = results.figure("series", "bucket_width")
    asked = results.figure("fidelity", "requests") + results.figure("fidelity", "warmup_requests")
    near("requests offered", series["throughput.offered"].sum() * width, asked, 1e-6 * asked)


def pandas_reads_parquet(results):
    path = results.export("parquet")
    rows = pandas.read_parquet(path)
    counted(results, rows)
    same("cost_metered", sum(measured(rows).cost_usd.dropna(), Decimal()), results.figure("cost", "cost_metered"))
    text = pandas.read_csv(results.folder / "requests.csv", dtype=MONEY, keep_default_na=False, na_values=[""])
    same("columns", list(rows.columns), list(text.columns))
    for column in rows.columns:
        typed, plain = rows[column], text[column]
        if column == "cost_usd":
            plain = plain.where(plain != "unknown").map(Decimal, na_action="ignore")
        same(f"nulls of {column}", list(typed.isna()), list(plain.isna()))
        same(column, list(typed.dropna()), list(plain.dropna()))


def measured(rows):
    return rows[rows.is_measured]


def counted(results, rows):
    """What both files must agree on with the summary."""
    asked = measured(rows)
    same("requests", asked.request.nunique(), results.figure("goodput", "requests"))
    same("attempts", int(asked.attempt.notna().sum()), results.figure("refusals", "attempts"))
    same("throttled", int((asked.status == 429).sum()), results.figure("refusals", "throttled"))
    answers = asked[(asked.end == "done") & (asked.ended == "done")]
    same("done", answers.request.nunique(), results.figure("goodput", "done"))
    tokens = answers[["input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_long_tokens"]].sum().sum()
    same("input tokens", int(tokens), results.figure("goodput", "input_tokens"))
    tokens = answers[["output_tokens", "reasoning_tokens"]].sum().sum()
    same("output tokens", int(tokens), results.figure("goodput", "output_tokens"))
    ttft = (answers.first_token_s - answers.intended_s).mean()
    near("mean TTFT", ttft, results.figure("latency", "ttft_mean"), 1e-3 * ttft)


def duckdb_reads(results):
    files = {"parquet": f"'{results.export('parquet')}'", "csv": f"read_csv('{results.folder / 'requests.csv'}', types={{'cost_usd': 'VARCHAR'}})"}
    for kind, rows in files.items():
        cost = "cost_usd" if kind == "parquet" else "try_cast(cost_usd AS DECIMAL(38,12))"
        query = f"""SELECT count(DISTINCT request), count(attempt), count(*) FILTER (status = 429),
            sum(output_tokens + reasoning_tokens) FILTER ("end" = 'done' AND ended = 'done'), sum({cost}) FROM {rows} WHERE is_measured"""
        requests, attempts, throttled, tokens, cost = duckdb.sql(query).fetchall()[0]
        same(f"requests of {kind}", requests, results.figure("goodput", "requests"))
        same(f"attempts of {kind}", attempts, results.figure("refusals", "attempts"))
        same(f"throttled of {kind}", throttled, results.figure("refusals", "throttled"))
        same(f"output tokens of {kind}", int(tokens), results.figure("goodput", "output_tokens"))
        same(f"cost_metered of {kind}", Decimal(cost), results.figure("cost", "cost_metered"))
    query = f"SELECT sum(CAST(cost AS DECIMAL(38,12))) FROM read_csv('{results.folder / 'cost.csv'}', types={{'cost': 'VARCHAR'}}) WHERE is_measured"
    same("cost_total", duckdb.sql(query).fetchall()[0][0], results.figure("cost", "cost_total"))
    query = f"SELECT count(*), max(secs) FROM '{results.folder / 'timeseries.csv'}'"
    points, last = duckdb.sql(query).fetchall()[0]
    near("points of the series", points, last / results.figure("series", "bucket_width") + 1, 1e-6)
