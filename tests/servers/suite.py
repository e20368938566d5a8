"""What `tollgate run` measures of servers that others wrote, held against their own word. Started by `run` beside this file."""

import contextlib
import signal
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path

import callers
import servers
import tollgate

# The log rounds each time to 10 µs; two make an end-to-end time.
LOG_SECS = 10e-6
# LiteLLM's stamps are of another clock, which may be moved a little, and a sleep may end a tick early.
TICK_SECS = 1e-3
# A percentile of summary.json is the upper edge of a bin that is 0.1 % wide.
BIN = 1.001
# Of another client, to compare our times with: half of them before a scenario and half after it.
CALLS = 30
# Requests that a comparison of medians needs.
ENOUGH = 20


@dataclass
class Bench:
    folder: Path
    llama: servers.Llama
    litellm: servers.Gateway
    passed: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)

    def run(self, name: str) -> tollgate.Ran:
        return tollgate.run(name, self.folder, llama=self.llama.url, litellm=self.litellm.url)

    @contextlib.contextmanager
    def expect(self, sentence: str):
        """Counts the block as one check; what it asserts is said where it fails."""
        try:
            yield
        except Exception as error:  # A check that cannot be made has failed, and the others go on.
            self.failed += 1
            print(f"FAILED  {sentence}\n        {type(error).__name__}: {error}", flush=True)
        else:
            self.passed += 1
            print(f"ok      {sentence}", flush=True)


def llama_chat(bench: Bench) -> None:
    others, totals = plain_excesses(bench.llama), bench.llama.totals()
    ran = bench.run("llama-chat")
    answered = bench.llama.answered(len(ran.rows))
    sums = tuple(now - then for now, then in zip(bench.llama.totals(), totals))
    others += plain_excesses(bench.llama)
    pairs = list(zip(ran.rows, answered))
    with bench.expect("llama.cpp: every request of one user is answered, some to the cap and some to their end"):
        all_done(ran.rows)
        assert {row.is_cut for row in ran.rows} == {False, True}, "all answers end alike"
        assert {row.output for row in ran.rows if row.is_cut} <= {8, 64}
    with bench.expect("llama.cpp: each request's tokens are those of the server's log, and so is the record beside them"):
        same_tokens(ran.rows, answered)
        raw = [(row.raw_usage["prompt_tokens"], row.raw_usage["completion_tokens"]) for row in ran.rows]
        assert raw == [(row.input, row.output) for row in ran.rows], raw
    with bench.expect("llama.cpp: their sums are those of the server's metrics, in summary.json too"):
        assert token_sums(ran) == sums, (token_sums(ran), sums)
    with bench.expect("llama.cpp: no token is there before the server has made it"):
        after_the_server(pairs)
    with bench.expect("llama.cpp: beyond the server's prompt time TTFT has no more than another client's"):
        agree([row.ttft_secs - word.prompt_secs for row, word in pairs], others)
    with bench.expect("llama.cpp: TTFT p50 of summary.json is that of requests.csv"):
        ours, told = statistics.median_low(row.ttft_secs for row in ran.rows), ran.figure("latency", "service_ttft_p50")
        prompt = statistics.median_low(word.prompt_secs for word in answered)
        print(f"        {len(ran.rows)} requests: TTFT p50 {millis(told)}, the server's prompt time p50 {millis(prompt)}")
        assert ours / BIN <= told <= ours * BIN, (ours, told)


def llama_dialects(bench: Bench) -> None:
    others = plain_excesses(bench.llama)
    ran = bench.run("llama-dialects")
    answered = bench.llama.answered(len(ran.rows))
    others += plain_excesses(bench.llama)
    pairs = list(zip(ran.rows, answered))
    with bench.expect("llama.cpp: by whichever of its routes it is asked, each request's tokens are those of its log"):
        all_done(ran.rows)
        same_tokens(ran.rows, answered)
    with bench.expect("llama.cpp: by whichever route, no token is there before the server has made it"):
        after_the_server(pairs)
    for route in ("chat", "completions", "responses", "messages"):
        with bench.expect(f"llama.cpp: by its {route}, beyond the server's prompt time TTFT has no more than another client's"):
            agree([row.ttft_secs - word.prompt_secs for row, word in pairs if row.endpoint == route and row.is_streamed], others)


def llama_crowd(bench: Bench) -> None:
    totals = bench.llama.totals()
    ran = bench.run("llama-crowd")
    answered = bench.llama.answered(len(ran.rows))
    sums = tuple(now - then for now, then in zip(bench.llama.totals(), totals))
    with bench.expect("llama.cpp: more users than it takes at once are all answered"):
        all_done(ran.rows)
    with bench.expect("llama.cpp: asked to ignore the end of the text, it goes on to the cap"):
        assert {(row.output, row.is_cut) for row in ran.rows} == {(32, True)}
    with bench.expect("llama.cpp: their tokens, streamed and whole, are those of its log and of its metrics"):
        # Which answer is whose the log does not say.
        assert sorted(map(tokens, ran.rows)) == sorted(map(tokens, answered))
        assert token_sums(ran) == sums, (token_sums(ran), sums)


def litellm_mocked(bench: Bench) -> None:
    others = openai_excesses(bench.litellm)
    ran = bench.run("litellm-mocked")
    served = bench.litellm.served(len(ran.rows))
    others += openai_excesses(bench.litellm)
    with bench.expect("LiteLLM: every mocked answer is read, streamed and whole"):
        all_done(ran.rows)
        assert {call.is_stream for call in served} == {False, True}
    with bench.expect("LiteLLM: each request's tokens are those of its own record"):
        same_tokens(ran.rows, served)
    with bench.expect("LiteLLM: OpenAI's SDK is told the same usage for the same calls"):
        for row, call in list(zip(ran.rows, served))[:CALLS]:
            told = callers.openai_chat(f"{bench.litellm.url}/v1", call.model, call.prompt, 100, call.is_stream)
            assert tokens(told) == tokens(row), (row, told)
        bench.litellm.served(min(CALLS, len(served)))
    pairs = [(row, call) for row, call in zip(ran.rows, served) if call.is_stream and row.endpoint == "slow"]
    with bench.expect("LiteLLM: no first token before its own, nor before the delay it was told to make"):
        assert pairs and all(row.ttft_secs >= max(call.ttft_secs, 0.2) - TICK_SECS for row, call in pairs), pairs
    with bench.expect("LiteLLM: beyond its own TTFT ours has no more than that of OpenAI's SDK"):
        agree([row.ttft_secs - call.ttft_secs for row, call in pairs], others)


def litellm_refusals(bench: Bench) -> None:
    ran = bench.run("litellm-refusals")
    refuse, quota, broken, stranger = (ran.of(name) for name in ("refuse", "quota", "break", "stranger"))
    with bench.expect("LiteLLM: its 429s are refusals by a quota, of which nothing is billed"):
        all_refused(refuse, "429")
        assert ran.figure("refusals", "throttled", "refuse") == ran.figure("refusals", "rejected", "refuse") == len(refuse)
        assert {tokens(row) for row in refuse} == {(0, 0)}
    with bench.expect("LiteLLM: of a deployment with a quota, what it served is answered and the rest refused"):
        answered = [row for row in quota if row.ended == "done"]
        rest = [row for row in quota if row.ended != "done"]
        same_tokens(answered, [call for call in bench.litellm.served(len(answered)) if call.model == "quota"])
        all_refused(rest, "429")
        assert ran.figure("refusals", "throttled", "quota") == len(rest)
    for rows, status in ((broken, "500"), (stranger, "400")):
        with bench.expect(f"LiteLLM: its {status}s ({rows[0].endpoint}) are refusals, and not by a quota"):
            all_refused(rows, status)
            assert ran.figure("refusals", "rejected", rows[0].endpoint) == len(rows)
            assert ran.figure("refusals", "throttled", rows[0].endpoint) == 0
    with bench.expect("LiteLLM: requests that end refused are counted as such"):
        assert ran.figure("refusals", "refused_requests") == sum(row.end == "refused" for row in ran.rows)


def litellm_gateway(bench: Bench) -> None:
    ran = bench.run("litellm-gateway")
    answered = bench.llama.answered(len(ran.rows))
    with bench.expect("LiteLLM before llama.cpp: each request's tokens are those of the server's log"):
        all_done(ran.rows)
        same_tokens(ran.rows, answered)
    with bench.expect("LiteLLM before llama.cpp: its own record says the same"):
        same_tokens(ran.rows, bench.litellm.served(len(ran.rows)))
    with bench.expect("LiteLLM before llama.cpp: no token is there before the server has made it"):
        after_the_server(list(zip(ran.rows, answered)))


def litellm_messages(bench: Bench) -> None:
    others = anthropic_excesses(bench)
    ran = bench.run("litellm-messages")
    mocked, fetched, refused = (ran.of(name) for name in ("mocked", "gateway", "refuse"))
    answered = bench.llama.answered(len(fetched))
    others += anthropic_excesses(bench)
    with bench.expect("LiteLLM's Anthropic route: a mocked answer has the usage that Anthropic's SDK is told"):
        told = callers.anthropic_messages(bench.litellm.url, "claude", "hello", 24, stream=False)
        all_done(mocked)
        assert {tokens(row) for row in mocked} == {tokens(told)}, mocked
    with bench.expect("LiteLLM's Anthropic route before llama.cpp: each request's tokens are those of the server's log"):
        all_done(fetched)
        same_tokens(fetched, answered)
    pairs = list(zip(fetched, answered))
    with bench.expect("LiteLLM's Anthropic route before llama.cpp: no token is there before the server has made it"):
        after_the_server(pairs)
    with bench.expect("LiteLLM's Anthropic route before llama.cpp: TTFT is no longer than that of Anthropic's SDK"):
        agree([row.ttft_secs - word.prompt_secs for row, word in pairs if row.is_streamed], others)
    with bench.expect("LiteLLM's Anthropic route: its 429s are refusals by a quota"):
        all_refused(refused, "429")
        assert ran.figure("refusals", "throttled", "refuse") == len(refused)


def all_done(rows: list[tollgate.Row]) -> None:
    unlike = [row for row in rows if (row.end, row.ended, row.usage_source) != ("done", "done", "provider")]
    assert rows and not unlike, f"{len(unlike)} of {len(rows)} rows: {unlike[:3]}"


def all_refused(rows: list[tollgate.Row], status: str) -> None:
    unlike = [row for row in rows if (row.end, row.ended, row.status) != ("refused", "rejected", status)]
    assert rows and not unlike, f"{len(unlike)} of {len(rows)} rows: {unlike[:3]}"


def same_tokens(rows: list, words: list) -> None:
    """Request by request, in order, what we read is what the server says."""
    ours, theirs = list(map(tokens, rows)), list(map(tokens, words))
    unlike = [(index, pair) for index, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1]]
    assert len(ours) == len(theirs) and not unlike, f"{len(ours)} rows, {len(theirs)} words; unlike (ours, theirs): {unlike[:5]}"


def tokens(each) -> tuple[int, int]:
    return each.input, each.output


def token_sums(ran: tollgate.Ran) -> tuple[int, int]:
    return ran.figure("goodput", "input_tokens"), ran.figure("goodput", "output_tokens")


def after_the_server(pairs: list[tuple[tollgate.Row, servers.Answered]]) -> None:
    """Whatever lies between, a client's times hold the server's own."""
    for row, word in pairs:
        assert row.ttft_secs >= word.prompt_secs - LOG_SECS, (row, word)
        # An answer that ends by itself has its last visible token before the one that ends it.
        assert not row.is_cut or row.e2e_secs >= word.prompt_secs + word.generation_secs - 2 * LOG_SECS, (row, word)


def agree(ours: list[float], others: list[float]) -> None:
    """Our median is not above the second longest of another client's times.

    The time outside the server's own count (sending, parsing, queueing, the first token's way back) is the same for any client on this
    machine. Of m times of ours and 30 of theirs from one distribution, whatever it is, the median of ours is longer than theirs but
    one only if of the m/2 + 2 longest of all at most one is theirs: by chance alone once in 23,000 times for m = 20, and once in 400,000
    for m = 50.
    """
    assert len(ours) >= ENOUGH, f"only {len(ours)} requests in time"
    bound, median = sorted(others)[-2], statistics.median_low(ours)
    words = f"{len(ours)} requests, p50 {millis(median)} beyond the server's own; {len(others)} of another client, "
    words += f"p50 {millis(statistics.median_low(others))}, second longest {millis(bound)}"
    print(f"        {words}")
    assert median <= bound, words


def plain_excesses(llama: servers.Llama) -> list[float]:
    """What another client's TTFT has beyond the server's prompt time, for prompts like the scenarios'."""
    called = [callers.plain_chat(f"{llama.url}/v1", "random-llama", prompt, 8) for prompt in prompts()]
    return [call.ttft_secs - word.prompt_secs for call, word in zip(called, llama.answered(len(called)), strict=True)]


def openai_excesses(litellm: servers.Gateway) -> list[float]:
    """What the TTFT of OpenAI's SDK has beyond LiteLLM's own."""
    called = [callers.openai_chat(f"{litellm.url}/v1", "slow", prompt, 100, stream=True) for prompt in prompts()]
    return [call.ttft_secs - own.ttft_secs for call, own in zip(called, litellm.served(len(called)), strict=True)]


def anthropic_excesses(bench: Bench) -> list[float]:
    """What the TTFT of Anthropic's SDK has, through LiteLLM, beyond llama.cpp's prompt time."""
    called = [callers.anthropic_messages(bench.litellm.url, "random-llama", prompt, 24, stream=True) for prompt in prompts()]
    return [call.ttft_secs - word.prompt_secs for call, word in zip(called, bench.llama.answered(len(called)), strict=True)]


def prompts() -> list[str]:
    return [f"{nth:4}" + " all" * (30 + 10 * nth) for nth in range(CALLS // 2)]


def millis(secs: float) -> str:
    return f"{secs * 1e3:.1f} ms"


PARTS = (llama_chat, llama_dialects, llama_crowd, litellm_mocked, litellm_refusals, litellm_gateway, litellm_messages)


def main() -> None:
    # So that what was started is stopped then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(sys.argv[1])
    with servers.llama(folder) as llama, servers.gateway(folder, llama) as litellm:
        bench = Bench(folder, llama, litellm)
        for part in PARTS:
            with bench.expect(f"{part.__name__}: tollgate and the servers come through it"):
                part(bench)
    print(f"\n{bench.passed} passed, {bench.failed} failed")
    sys.exit(bench.failed > 0)


if __name__ == "__main__":
    main()
