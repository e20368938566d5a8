//! Identities of every run, and changes of a scenario that must change no answer.

use std::path::Path;

use super::{
    AT_ONCE, Case, MILLI, MILLI_TOKENS, ONE_TOKEN, class, endpoint, isolated, places, poisson, scene, watch,
    within,
};
use crate::analytic::erlang::Traffic;
use crate::collectors::steady::Steady;
use crate::error::Result;
use crate::scenario::Scenario;
use crate::selftest::oracle::{Bound, Check, Figure, Oracle};
use crate::selftest::swarm::invariant;
use crate::time::Instant;
use crate::trial::Trial;

pub(super) fn all() -> Vec<Oracle> {
    vec![littles_law(), conservation(), superposed(), scaled(), relabelled()]
}

/// Retries, refusals, queues and outages at once.
fn busy() -> String {
    let classes = class("a", "output = { kind = \"exponential\", mean = 300 }\nstall_timeout = \"2s\"")
        + &class("b", "output = { kind = \"uniform\", min = 1, max = 900 }");
    let limits = "limits = [{ kind = \"requests\", per_minute = 600, burst = 20 }, \
                  { kind = \"outage\", random = { mean_up = \"60s\", mean_down = \"5s\" }, break_streams = true }]";
    let servers = endpoint("first", &format!("{MILLI_TOKENS}\n{limits}"))
        + &endpoint(
            "second",
            &format!("{MILLI_TOKENS}\nlimits = [{{ kind = \"concurrency\", max = 4, queue_max = 9 }}]"),
        );
    format!(
        "duration = \"2000s\"\nwarmup = \"10s\"\nretry = {{ kind = \"exponential\", attempts_max = 4 }}\n\
         hedge = {{ after = \"1500ms\", share_max = \"30%\" }}\n{}\n{classes}{servers}",
        poisson(20.0)
    )
}

/// The integral of the number there over time is the sum of the stays, to the nanosecond; and how many attempts a report
/// says are under way is how many were begun and have not ended.
fn littles_law() -> Oracle {
    let checks = vec![
        Check::new("∫ N dt − sum of stays, ns", 0.0, Bound::Exact),
        Check::new("under way as collected − as stamped, at 300 instants", 0.0, Bound::Exact),
    ];
    Oracle::played("littles_law_identity", busy(), [3, 30], checks, |scenario| {
        let outcomes = invariant::outcomes(scenario)?;
        let mut steady = Steady::new(scenario.spills(), scenario.warmup.get(), scenario.duration.get());
        outcomes.iter().for_each(|outcome| steady.collect(outcome));
        let mut differences = 0;
        for endpoint in 0..scenario.endpoints.len() {
            let attempts = outcomes.iter().flat_map(|outcome| &outcome.attempts);
            let own = attempts.filter(|attempt| usize::from(attempt.endpoint.0) == endpoint);
            let (mut begun, mut ended): (Vec<Instant>, Vec<Instant>) =
                own.map(|attempt| (attempt.sent, attempt.finished)).unzip();
            begun.sort_unstable();
            ended.sort_unstable();
            for (part, told) in (1..).zip(steady.in_flight(endpoint)) {
                let edge = Instant::START + steady.width() * part;
                let before = |stamps: &[Instant]| stamps.partition_point(|stamp| *stamp < edge) as u64;
                differences += told.abs_diff(before(&begun) - before(&ended));
            }
        }
        Ok(vec![invariant::little(&outcomes) as f64, differences as f64])
    })
}

/// Requests are as many as their ends, attempts as many as theirs, and the tokens billed those of the attempts.
fn conservation() -> Oracle {
    let differences =
        ["requests − ends", "attempts − ends", "attempts − first, retries, hedges", "tokens billed − used"];
    let checks = differences.map(|what| Check::new(what, 0.0, Bound::Exact)).to_vec();
    Oracle::played(
        "conservation_identity",
        busy().replace("warmup = \"10s\"\n", ""),
        [3, 30],
        checks,
        |scenario| {
            let trial = Trial::play(scenario)?;
            let sum = |metrics: &[&'static str]| -> Result<f64> {
                metrics.iter().map(|metric| Figure::total(metric).read(&trial)).sum()
            };
            let done = sum(&["done"])?;
            let failed = ["refused_requests", "broken_requests", "timed_out_requests", "cancelled_requests"];
            let ended = ["rejected", "broken", "stalled", "timed_out", "cancelled"];
            let (requests, attempts) = (sum(&["requests"])?, sum(&["attempts"])?);
            let (shed, repeated) = (sum(&["shed_requests"])?, sum(&["retries", "hedges"])?);
            let mut used = 0u64;
            watch(scenario, |outcome| {
                used += outcome
                    .attempts
                    .iter()
                    .map(|attempt| attempt.usage.prompt() + attempt.usage.generated())
                    .sum::<u64>();
            })?;
            let billed = sum(&["billed_input_tokens", "billed_output_tokens", "billed_reasoning_tokens"])?;
            Ok(vec![
                requests - done - sum(&failed)?,
                attempts - done - sum(&ended)?,
                attempts - (requests - shed) - repeated,
                billed - used as f64,
            ])
        },
    )
}

/// Two Poisson streams of half the rate each are one of the whole.
fn superposed() -> Oracle {
    let traffic = Traffic { per_sec: 0.8, service_secs: 1.0 };
    let half = |name: &str| {
        class(name, &format!("{}\noutput = {{ kind = \"exponential\", mean = 1000 }}", poisson(0.4)))
    };
    let rest = half("one") + &half("other") + &endpoint("e", &format!("{MILLI_TOKENS}\n{}", places(1)));
    let text = scene(52_000, 2_000, &rest);
    let truth = traffic.mean_wait_secs(1).expect("the place keeps up");
    let found = ["one", "other"].map(|name| {
        let check = Check::new(format!("Wq of the half '{name}', s"), truth, within(0.05));
        (check, Figure::class(name, "ttft_mean").less(MILLI))
    });
    Oracle::of_figures("superposed_streams", text, [30, 1100], found.to_vec())
}

/// The same run with every time 1024 times as long: a power of two, so that times are rounded alike.
fn scaled() -> Oracle {
    let factor = 1024;
    let text = move |times: u64| {
        let limits = "limits = [{ kind = \"concurrency\", max = 3, queue_max = 5 }]";
        let micros = 1_000 * times;
        let latency =
            format!("latency = {{ kind = \"fixed\", ttft = \"{micros}us\", itl = \"{micros}us\" }}");
        let rest = class("c", "output = { kind = \"exponential\", mean = 1000 }")
            + &endpoint("e", &format!("{latency}\n{limits}"));
        let (duration, warmup) = (4_000 * times as u32, 100 * times as u32);
        scene(duration, warmup, &(poisson(2.5 / times as f64) + "\n" + &rest))
    };
    let checks = vec![
        Check::new("refused − refused at 1/1024 speed", 0.0, Bound::Exact),
        Check::new("mean wait over mean wait at 1/1024 speed", 1.0, Bound::Near(2e-3)),
    ];
    Oracle::played("scaled_time", text(1), [3, 30], checks, move |scenario| {
        let mut slow = Scenario::parse(&text(factor), Path::new("scaled_time.toml"))?;
        slow.seed = scenario.seed;
        let mut waits = [0u128; 2];
        let mut refused = [0i64; 2];
        for (nth, scenario) in [scenario, &slow].into_iter().enumerate() {
            watch(scenario, |outcome| match outcome.answer() {
                Some(answer) => {
                    waits[nth] += answer.first_token.map_or(0, |at| at.since(outcome.intended).as_nanos())
                }
                None => refused[nth] += 1,
            })?;
        }
        Ok(vec![(refused[0] - refused[1]) as f64, waits[1] as f64 / (waits[0] * u128::from(factor)) as f64])
    })
}

/// Classes and endpoints in another order: each by its name finds the same.
fn relabelled() -> Oracle {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let case = |nth: usize| Case {
        name: NAMES[nth].into(),
        input: "{ kind = \"exponential\", mean = 1000 }".into(),
        requests: format!("{}\n{ONE_TOKEN}", poisson(1.0 + nth as f64)),
        limits: "{ kind = \"tokens\", per_minute = 90_000, burst = 9_000 }".into(),
    };
    let text = move |order: [usize; 3]| scene(2_000, 10, &isolated(&order.map(case), AT_ONCE));
    let checks = NAMES
        .map(|name| Check::new(format!("refused of {name} − the same in another order"), 0.0, Bound::Exact))
        .into_iter()
        .chain(NAMES.map(|name| {
            Check::new(format!("cost of {name} − the same in another order, $"), 0.0, Bound::Exact)
        }));
    Oracle::played("relabelled", text([0, 1, 2]), [3, 30], checks.collect(), move |scenario| {
        let mut other = Scenario::parse(&text([2, 0, 1]), Path::new("relabelled.toml"))?;
        other.seed = scenario.seed;
        let (here, there) = (Trial::play(scenario)?, Trial::play(&other)?);
        let differs = |name: &str, metric| -> Result<f64> {
            let figure = Figure::class(name, metric);
            Ok(figure.read(&here)? - figure.read(&there)?)
        };
        let refused = NAMES.iter().map(|name| differs(name, "throttled"));
        refused.chain(NAMES.iter().map(|name| differs(name, "cost_total"))).collect()
    })
}
