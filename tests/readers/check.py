"""Others' readers on what tollgate writes; tests/readers/run installs them and says more.

Every check is made twice: on the results as they are, where it must pass, and with an error put in, which it must find.
"""

import sys
import tempfile
import time
from pathlib import Path

import figures
import tables
from results import Results, Spoiled, run


def main(tollgate, hlog_reader, junit_schema, llm_d):
    tests = Path(__file__).parent
    first_light = tests.parent.parent / "scenarios" / "first-light.toml"
    with tempfile.TemporaryDirectory(prefix="tollgate-readers-") as scratch:
        scratch = Path(scratch)

        def play(verb, scenario, name, *arguments):
            out = scratch / name
            # A threshold that fails or a run without a verdict has results all the same.
            run(tollgate, verb, scenario, "--no-sweep", "--quiet", "--out", out, *arguments, codes=(0, 3, 99))
            return Results(tollgate, out, scratch)

        print("playing: a run over HTTP, a simulation, and 15 repeats for a gate", flush=True)
        played = play("run", first_light, "run", "--duration", "10s")
        simulated = play("simulate", first_light, "simulate", "--rows", "--duration", "30s")
        slow = scratch / "slow.toml"
        slow.write_text((tests / "steady.toml").read_text().replace("400ms", "600ms"))

        def repeats(scenario, name, seeds):
            return [play("simulate", scenario, f"{name}-{seed}", "--seed", str(seed)) for seed in seeds]

        steady = repeats(tests / "steady.toml", "steady", range(1, 6))
        again = repeats(tests / "steady.toml", "again", range(11, 16))
        slower = repeats(slow, "slower", range(21, 26))

        for results in [played, simulated]:
            off = Spoiled(results, figures=True)
            for reader in [tables.pandas_reads_csv, tables.pandas_reads_parquet, tables.duckdb_reads]:
                check(results, reader, [off])
            check(results, lambda it: figures.hdrhistogram_opens_the_log(it, hlog_reader), [off], "hdr-histogram-js opens the log")
            garbled = Spoiled(results, exported=("spanId", "spamId"))
            check(results, figures.opentelemetry_parses, [off, garbled])
            check(results, figures.numpy_finds_the_same, [off, Spoiled(results, reported=True)])
            misspelt = Spoiled(results, exported=("<testcase", "<testcas"))
            check(results, lambda it: figures.junit_validates(it, junit_schema), [misspelt], "JUnit validates by Jenkins' schema")
            if llm_d:
                unknown = Spoiled(results, exported=('"keywords"', '"catchwords"'))
                check(results, lambda it: figures.llm_d_validates(it, llm_d), [off, unknown], "llm-d's Benchmark Report 0.2 validates")

        def judge(candidate):
            figures.inference_doctor_judges(steady, candidate, "PASS", scratch)

        check(again, judge, [slower], "inference-doctor passes the same")
        check(slower, lambda it: figures.inference_doctor_judges(steady, it, "FAIL", scratch), [again], "inference-doctor fails what is slower")
    if not llm_d:
        print("llm-d's Benchmark Report was not validated: set LLM_D_BENCHMARK to a checkout of llm-d-benchmark")


def check(results, make, spoiled, name=None):
    name = name or make.__name__.replace("_", " ")
    begun = time.monotonic()
    make(results)
    for bad in spoiled:
        try:
            make(bad)
        except Exception:
            continue
        raise AssertionError(f"{name}: an error that was put in is not found")
    of = f" ({results.folder.name})" if isinstance(results, Results) else ""
    print(f"fine: {name}{of}, {time.monotonic() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4], sys.argv[4] if len(sys.argv) > 4 else None)
