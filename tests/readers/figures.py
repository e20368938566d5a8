"""HdrHistogram's reader, OpenTelemetry's messages, NumPy, and others' gates and schemas, on what tollgate writes."""

import base64
import json
import os
import re
import sys
import types

import numpy
import pandas
import xmlschema
import yaml
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from results import near, run, same

NAMES = {"50": "p50", "90": "p90", "95": "p95", "99": "p99", "99.9": "p999"}


def hdrhistogram_opens_the_log(results, reader):
    """Every percentile of every tag, against the summary and against the distributions of --to hgrm."""
    found = json.loads(run("node", reader, results.folder / "histograms.hlog"))
    texts = results.export("hgrm")
    assert "all:ttft" in found, found.keys()
    same("samples", found["all:ttft"]["count"], results.figure("latency", "samples"))
    for tag, histogram in found.items():
        endpoint, measure = tag.split(":")
        scope = ("total", "") if endpoint == "all" else ("endpoint", endpoint)
        text = (texts / f"{endpoint}-{measure}.hgrm").read_text()
        same(f"count of {tag}", histogram["count"], int(re.search(r"Total count *= *(\d+)", text)[1]))
        steps = [line.split() for line in text.splitlines() if re.match(r" *\d", line)]
        for percentile, micros in histogram["percentiles"].items():
            above = next(float(step[0]) for step in steps if float(step[1]) >= float(percentile) / 100 - 1e-12)
            below = [float(step[0]) for step in steps if float(step[1]) <= float(percentile) / 100 + 1e-12][-1]
            # What lies between two steps of the text is between their values; one on a step has its value.
            assert below - 0.0006 <= micros / 1e3 <= above + 0.0006, f"p{percentile} of {tag}: {micros}"
            ours = results.figure("latency", f"{measure}_{NAMES[percentile]}", scope) if percentile in NAMES else None
            if ours is not None:
                # The summary keeps the longest span to the microsecond, the log the edge of its bin.
                near(f"p{percentile} of {tag}", micros / 1e6, ours, 1e-3 * ours + 1e-6)


def opentelemetry_parses(results):
    folder = results.export("otlp")
    spans = [span for line in (folder / "traces.jsonl").open() for span in parsed(line, ExportTraceServiceRequest())]
    is_measured = [span for span in spans if attribute(span, "tollgate.is_measured")]
    roots = {span.span_id: span for span in spans if not span.parent_span_id}
    same("requests", sum(not span.parent_span_id for span in is_measured), results.figure("goodput", "requests"))
    same("attempts", sum(bool(span.parent_span_id) for span in is_measured), results.figure("refusals", "attempts"))
    throttled = [span for span in is_measured if attribute(span, "http.response.status_code") == 429]
    same("throttled", len(throttled), results.figure("refusals", "throttled"))
    same("ids", len({(span.trace_id, span.span_id) for span in spans}), len(spans))
    for span in spans:
        same("lengths of ids", (len(id_of(span.trace_id)), len(id_of(span.span_id))), (16, 8))
        root = roots[span.parent_span_id or span.span_id]
        assert root.trace_id == span.trace_id and root.start_time_unix_nano <= span.start_time_unix_nano, span
        assert span.start_time_unix_nano <= span.end_time_unix_nano <= root.end_time_unix_nano, span
    (line,) = (folder / "metrics.jsonl").open()
    request = json_format.Parse(line, ExportMetricsServiceRequest(), ignore_unknown_fields=False)
    metrics = {metric.name: metric for metric in request.resource_metrics[0].scope_metrics[0].metrics}
    points = {name: metric.histogram.data_points for name, metric in metrics.items() if metric.HasField("histogram")}
    for name, found in points.items():
        for point in found:
            same(f"bins of {name}", sum(point.bucket_counts), point.count)
            same(f"bounds of {name}", len(point.explicit_bounds) + 1, len(point.bucket_counts))
    counted = lambda name: sum(point.count for point in points[name])
    same("operations", counted("gen_ai.client.operation.duration"), results.figure("refusals", "attempts"))
    same("first tokens", counted("gen_ai.server.time_to_first_token"), results.figure("goodput", "done"))
    output = [point for point in points["gen_ai.client.token.usage"] if attribute(point, "gen_ai.token.type") == "output"]
    same("output tokens", sum(point.sum for point in output), results.figure("goodput", "output_tokens"))
    (ttft,) = [point for point in metrics["tollgate.ttft_p50"].gauge.data_points if not point.attributes]
    near("ttft_p50", ttft.as_double, results.figure("latency", "ttft_p50"), 0)


def parsed(line, message):
    request = json_format.Parse(line, message, ignore_unknown_fields=False)
    return request.resource_spans[0].scope_spans[0].spans


def id_of(parsed_id):
    """OTLP's JSON has ids in hexadecimal, and JSON of protobuf bytes in base64: the text again, read as it was meant."""
    return bytes.fromhex(base64.b64encode(parsed_id).decode())


def attribute(holder, key):
    values = [value.value for value in holder.attributes if value.key == key]
    return getattr(values[0], values[0].WhichOneof("value")) if values else None


def numpy_finds_the_same(results):
    """Every metrics dialect, computed from the Parquet by the formulas of the tools."""
    rows = pandas.read_parquet(results.export("parquet"))
    rows = rows[rows.is_measured & (rows.end == "done") & (rows.ended == "done")]
    since = lambda column: 1e3 * (rows[column] - rows.sent_s)
    ttft, latency, whole = since("first_token_s"), since("last_token_s"), since("finished_s")
    tokens = (rows.output_tokens + rows.reasoning_tokens).astype(float)
    decode, several = (latency - ttft) / (tokens - 1), tokens > 1
    streamed = rows.chunks > 1
    nearest = "inverted_cdf"
    wanted = {
        ("vllm", "TTFT (ms)"): statistics(ttft, "linear"),
        ("vllm", "TPOT (ms)"): statistics(decode[several], "linear"),
        ("vllm", "E2EL (ms)"): statistics(latency, "linear"),
        ("aiperf", "TTFT (ms)"): statistics(ttft[streamed], "linear"),
        ("aiperf", "Req Latency (ms)"): statistics(latency, "linear"),
        ("aiperf", "ITL (ms)"): statistics(decode[several & streamed], "linear"),
        ("aiperf", "Output TPS/User"): statistics(1e3 / decode[several & streamed & (decode > 0)], "linear"),
        ("guidellm", "Request Latency (s)"): statistics(whole / 1e3, nearest),
        ("guidellm", "TTFT (ms)"): statistics(ttft, nearest),
        ("guidellm", "ITL (ms)"): statistics(decode[several], nearest),
        ("guidellm", "TPOT (ms)"): statistics(latency / tokens, nearest),
        ("guidellm", "Output Tokens"): statistics(tokens, nearest),
    }
    for dialect in ["vllm", "aiperf", "guidellm"]:
        _, heading, *lines = results.report("--metrics-dialect", dialect).splitlines()
        for (_, name), values in [item for item in wanted.items() if item[0][0] == dialect]:
            line = next(line for line in lines if line.startswith(name))
            cells = [float(cell.replace(",", "")) for cell in line[len(name) :].split()]
            for statistic, cell in zip(heading.split()[1:], cells, strict=True):
                near(f"{dialect}'s {statistic} of {name}", cell, values[statistic.lower()], 0.00501)
        count = next(line for line in lines if re.match("Successful|Requests", line)).replace(",", "")
        same(f"{dialect}'s count", int(re.search(r"\d+", count)[0]), results.figure("goodput", "done"))


def statistics(values, method):
    quantile = lambda q: numpy.percentile(values, q, method=method)
    mean = numpy.mean(values)
    named = {"mean": mean, "avg": mean, "std": numpy.std(values), "min": numpy.min(values), "max": numpy.max(values)}
    return named | {"median": quantile(50)} | {f"p{q}": quantile(q) for q in [50, 90, 95, 99]}


def junit_validates(results, schema):
    """By Jenkins' schema."""
    xmlschema.XMLSchema(str(schema)).validate(str(results.export("junit")))


def inference_doctor_judges(baseline, candidate, verdict, scratch):
    """A gate for vLLM's files, on repeats of two scenarios."""
    folders = []
    for side, repeats in [("baseline", baseline), ("candidate", candidate)]:
        folder = scratch / f"{verdict}-{side}"
        folder.mkdir(parents=True, exist_ok=True)
        for number, results in enumerate(repeats):
            (folder / f"{number}.json").write_bytes(results.export("vllm").read_bytes())
        folders.append(folder)
    gate = os.path.join(os.path.dirname(sys.executable), "inference-doctor")
    arguments = ["compare-runs", "--baseline", folders[0], "--candidate", folders[1], "--metric", "ttft_mean_ms", "--json"]
    said = json.loads(run(gate, *arguments, codes=(0, 1, 2, 3)))
    same("its format", said["environment"]["baseline"]["benchmark_parameters"]["backend"], "tollgate")
    for number, results in enumerate(baseline):
        mean = 1e3 * results.figure("latency", "service_ttft_mean")
        near("its TTFT", said["baseline"]["values"][number], mean, 2e-3 * mean)
    assert said["result"] == verdict, f"inference-doctor says {said['result']}, not {verdict}: {json.dumps(said)[:2000]}"


def llm_d_validates(results, checkout):
    """By the pydantic classes in a checkout of llm-d-benchmark."""
    folder = os.path.join(checkout, "llmdbenchmark", "analysis", "benchmark_report")
    # Without its __init__, which wants more packages.
    sys.modules["benchmark_report"] = package = types.ModuleType("benchmark_report")
    package.__path__ = [folder]
    from benchmark_report.schema_v0_2 import BenchmarkReportV02

    report = BenchmarkReportV02(**yaml.safe_load(results.export("llm-d").read_text()))
    aggregate = report.results.request_performance.aggregate
    same("requests", aggregate.requests.total, results.figure("goodput", "requests"))
    failed = aggregate.requests.failures + aggregate.requests.incomplete
    same("not done", failed, results.figure("goodput", "requests") - results.figure("goodput", "done"))
    ttft = results.figure("latency", "service_ttft_p95")
    near("TTFT p95", aggregate.latency.time_to_first_token.p95, ttft, 1e-3 * ttft)
    near("output tokens", aggregate.throughput.output_token_rate.mean, results.figure("goodput", "output_tokens_per_second"), 1e-6)
