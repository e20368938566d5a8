//! Quotas: what they refuse of a load, in closed form and by counting.

use super::{AT_ONCE, Case, ONE_TOKEN, fixed, isolated, poisson, scene, within};
use crate::analytic::limit::{bucket_refused_share, leaky_refused_share, window_refused_share};
use crate::selftest::oracle::{Bound, Check, Figure, Oracle};

pub(super) fn all() -> Vec<Oracle> {
    vec![
        burst(),
        window(&WINDOWS, 40_000, [20, 900]),
        window(&LARGE_WINDOWS, 10_200, [20, 300]),
        bucket(&BUCKETS, 22_000, [20, 1000]),
        bucket(&RARE_BUCKETS, 62_000, [20, 840]),
        leaky(&LEAKS, 22_000, [20, 900]),
        leaky(&RARE_LEAKS, 32_000, [20, 540]),
        burndown(),
    ]
}

/// Single tokens asked for at random, so many a second, under a limit.
fn at_random(name: &str, per_sec: f64, limits: String) -> Case {
    Case {
        name: name.into(),
        input: fixed(1),
        requests: format!("{}\n{ONE_TOKEN}", poisson(per_sec)),
        limits,
    }
}

fn refused(name: &str, truth: Option<f64>, bound: Bound) -> (Check, Figure) {
    let truth = truth.expect("the case has a closed form");
    (Check::new(format!("refused, {name}"), truth, bound), Figure::endpoint(name, "throttled_share"))
}

/// A bucket of 60,000 tokens that gets 1,000 a second, and 1,500 asked for every 200 ms from a full one: until the last
/// request of a minute at 59.8 s, ⌊(60,000 + 1,000 · 59.8) / 1,500⌋ fit.
fn burst() -> Oracle {
    let (capacity, per_sec, cost, millis, requests) = (60_000u64, 1_000, 1_500u32, 200, 300u64);
    let accepted = (capacity * 1_000 + per_sec * millis * (requests - 1)) / (u64::from(cost) * 1_000);
    let case = Case {
        name: "bucket".into(),
        input: fixed(cost),
        requests: format!("arrivals = {{ kind = \"constant\", rate = 5 }}\n{ONE_TOKEN}"),
        limits: format!("{{ kind = \"tokens\", per_minute = {}, burst = {capacity} }}", 60 * per_sec),
    };
    let text = scene(60, 0, &isolated(&[case], AT_ONCE));
    let found = vec![
        (Check::new("accepted", accepted as f64, Bound::Exact), Figure::total("done")),
        (Check::new("refused", (requests - accepted) as f64, Bound::Exact), Figure::total("throttled")),
    ];
    Oracle::of_figures("token_bucket_burst", text, [1, 1], found)
}

/// Limits of so many a minute and the mean that is asked for.
const WINDOWS: [(&str, u64, f64, Bound); 3] =
    [("m60", 60, 60.0, within(0.05)), ("m50", 60, 50.0, rare(0.20)), ("m80", 60, 80.0, within(0.015))];

/// Ten times as many requests each, so shorter.
const LARGE_WINDOWS: [(&str, u64, f64, Bound); 1] = [("L600", 600, 600.0, rare(0.11))];

fn window(cases: &[(&str, u64, f64, Bound)], secs: u32, plays: [u32; 2]) -> Oracle {
    let of = |(name, limit, mean, _): &(&str, u64, f64, Bound)| -> Case {
        let limit = format!("{{ kind = \"requests\", per_minute = {limit}, window = \"minute\" }}");
        at_random(name, mean / 60.0, limit)
    };
    let text = scene(secs, 0, &isolated(&cases.iter().map(of).collect::<Vec<_>>(), AT_ONCE));
    let found = cases
        .iter()
        .map(|(name, limit, mean, bound)| refused(name, window_refused_share(*limit, *mean), *bound));
    Oracle::of_figures("fixed_window_rpm", text, plays, found.collect())
}

/// Shares so rare that half a percent of them takes more than minutes.
const fn rare(short: f64) -> Bound {
    Bound::Relative { short, full: 0.02 }
}

/// Bursts, and the load of a bucket that gets one a second.
const BUCKETS: [(&str, u32, f64, Bound); 8] = [
    ("B5 at 0.8", 5, 0.8, rare(0.07)),
    ("B5 at 0.9", 5, 0.9, within(0.05)),
    ("B5 at 1.0", 5, 1.0, within(0.04)),
    ("B5 at 1.2", 5, 1.2, within(0.02)),
    ("B10 at 0.9", 10, 0.9, rare(0.16)),
    ("B10 at 1.0", 10, 1.0, rare(0.08)),
    ("B10 at 1.2", 10, 1.2, within(0.03)),
    ("B60 at 1.2", 60, 1.2, within(0.04)),
];

/// Those that are seldom empty, or long, so longer.
const RARE_BUCKETS: [(&str, u32, f64, Bound); 2] = [
    ("B10 at 0.8", 10, 0.8, rare(0.16)),
    ("B60 at 1.0", 60, 1.0, Bound::Relative { short: 0.30, full: 0.04 }),
];

fn bucket(cases: &[(&str, u32, f64, Bound)], secs: u32, plays: [u32; 2]) -> Oracle {
    let of = |(name, burst, load, _): &(&str, u32, f64, Bound)| -> Case {
        let limit = format!("{{ kind = \"requests\", per_minute = 60, burst = {burst} }}");
        at_random(&named(name), *load, limit)
    };
    let text = scene(secs, 2_000, &isolated(&cases.iter().map(of).collect::<Vec<_>>(), AT_ONCE));
    let found = cases
        .iter()
        .map(|(name, burst, load, bound)| refused(&named(name), bucket_refused_share(*burst, *load), *bound));
    Oracle::of_figures("token_bucket_poisson_md1k", text, plays, found.collect())
}

/// Endpoints' names have no spaces.
fn named(name: &str) -> String {
    name.replace(' ', "-")
}

/// Seconds' worth that a bucket holds, and its load.
const LEAKS: [(&str, u64, f64, Bound); 6] = [
    ("B5 at 0.7", 5, 0.7, rare(0.07)),
    ("B5 at 0.9", 5, 0.9, within(0.045)),
    ("B5 at 1.0", 5, 1.0, within(0.035)),
    ("B5 at 1.2", 5, 1.2, within(0.027)),
    ("B20 at 1.2", 20, 1.2, within(0.05)),
    ("B100 at 1.2", 100, 1.2, within(0.05)),
];

/// Those that are long in a state, so longer.
const RARE_LEAKS: [(&str, u64, f64, Bound); 2] =
    [("B20 at 0.9", 20, 0.9, rare(0.17)), ("B20 at 1.0", 20, 1.0, rare(0.12))];

/// Provisioned capacity as Azure has it: it leaks 1,000 tokens a second, a request of an exponential number of tokens
/// (1,000 in the mean) is admitted while anything is left of B seconds' worth, and takes it into debt.
fn leaky(cases: &[(&str, u64, f64, Bound)], secs: u32, plays: [u32; 2]) -> Oracle {
    let of = |(name, room, load, _): &(&str, u64, f64, Bound)| -> Case {
        let limit = format!(
            "{{ kind = \"tokens\", per_minute = 60_000, burst = {}, room = \"below\", offered = {{ max_tokens = 0 }} }}",
            room * 1000
        );
        let input = "{ kind = \"exponential\", mean = 1000 }".into();
        Case { input, ..at_random(&named(name), *load, limit) }
    };
    let text = scene(secs, 2_000, &isolated(&cases.iter().map(of).collect::<Vec<_>>(), AT_ONCE));
    let found = cases.iter().map(|(name, room, load, bound)| {
        refused(&named(name), leaky_refused_share(*room as f64, *load), *bound)
    });
    Oracle::of_figures("ptu_leaky_bucket", text, plays, found.collect())
}

/// AWS's examples of burndown, each on a quota of ten such requests that does not come back within the run: ten are
/// admitted, and the eleventh finds nothing left.
fn burndown() -> Oracle {
    let (examples, weight) = ([("blog", 10u32, 750u32), ("code", 2005, 200), ("chat", 6, 12)], 5);
    let of = |(name, input, output): &(&str, u32, u32)| Case {
        name: name.to_string(),
        input: fixed(*input),
        requests: format!("arrivals = {{ kind = \"constant\", rate = 1 }}\noutput = {}", fixed(*output)),
        limits: format!(
            "{{ kind = \"tokens\", per_day = 1, burst = {}, offered = {{ max_tokens = 0 }}, settled = {{ output = {weight} }} }}",
            10 * (input + weight * output)
        ),
    };
    let text = scene(30, 0, &isolated(&examples.iter().map(of).collect::<Vec<_>>(), AT_ONCE));
    let found = examples.iter().map(|(name, input, output)| {
        let what = format!("admitted of ten times {} ({name})", input + weight * output);
        (Check::new(what, 10.0, Bound::Exact), Figure::class(name, "done"))
    });
    Oracle::of_figures("bedrock_burndown", text, [1, 1], found.collect())
}
