//! A run that was played in virtual time, as its tally tells it second by second; and a snapshot made by hand.

use std::path::Path;
use std::time::Duration;

use super::history::{Bucket, Totals};
use super::quota::Quota;
use super::tally::Tally;
use super::*;
use crate::collectors::Collectors;
use crate::machines;
use crate::outcome::End;
use crate::run::Progress;
use crate::scenario::Scenario;
use crate::simulate::{Flow, simulate};

/// A snapshot with something of everything.
pub fn sample() -> Live {
    let millis = Duration::from_millis;
    let second = |second: u64| {
        let offered = 100 + second * 7 % 40;
        let totals = Totals {
            offered,
            achieved: offered,
            answered: offered - 10,
            good: offered - 20,
            refused: 6,
            failed: 4,
        };
        Bucket { totals, span: Duration::from_secs(1) }
    };
    let mut latency = Latency::default();
    for nth in 1..=500 {
        latency.ttft.add(nth * 4_000_000);
        latency.e2e.add(nth * 20_000_000);
    }
    let cell = |endpoint: usize| Cell {
        class: endpoint % 2,
        endpoint,
        ended: [4, 0, 480, 60, 0, 2],
        throttled: 60,
        tokens: [480_000, 100, 20, 96_000, 7],
        ttft: latency.ttft.clone(),
        tpot: Histogram::default(),
        e2e: latency.e2e.clone(),
    };
    let endpoint = |name: &str, in_flight, throttled| Endpoint {
        name: name.into(),
        in_flight,
        attempts: 546,
        throttled,
        rate: 54.6,
        tokens_per_minute: 1_152_000.0,
    };
    let quota = |holder: &str, counts, used| Quota {
        holder: holder.into(),
        counts,
        period: "minute",
        used,
        limit: 1_000,
    };
    let failure =
        |endpoint: &str, kind: &str, count| Failure { endpoint: endpoint.into(), kind: kind.into(), count };
    let class = |name: &str| OfClass { name: name.into(), ends: [4, 0, 960, 1, 60, 0, 2], good: 900 };
    Live {
        title: "first-light".into(),
        now: Instant::START + millis(12_250),
        duration: Duration::from_secs(30),
        left: Some(millis(17_750)),
        is_warming_up: false,
        fault: None,
        send_lag: Lag { p50: Duration::from_micros(120), p99: Duration::from_micros(430) },
        totals: Totals {
            offered: 1_470,
            achieved: 1_469,
            answered: 1_240,
            good: 1_200,
            refused: 60,
            failed: 7,
        },
        in_flight: 163,
        open: 210,
        buckets: [(0..12).map(second).collect(), vec![second(0)], Vec::new()],
        recent: [latency.clone(), latency.clone()],
        classes: vec![class("chat"), class("code \"x\"")],
        endpoints: vec![
            endpoint("azure-ptu", 63, 638),
            endpoint("openai-direct", 61, 0),
            endpoint("bedrock-us", 39, 0),
        ],
        cells: vec![cell(0), cell(1)],
        quotas: vec![
            quota("azure-ptu", "capacity", 1_040),
            quota("openai-direct", "requests", 120),
            quota("openai-direct", "tokens", 830),
            quota("bedrock-us", "tokens", 500),
        ],
        money: Spending {
            spent: "1.2345".parse().expect("an amount"),
            budget: Some("5".parse().expect("an amount")),
            projected: Some("3.0233".parse().expect("an amount")),
        },
        failures: vec![failure("azure-ptu", "429 tokens", 638), failure("", "dropped", 3)],
        send_lags: Histogram::default(),
    }
}

/// Plays first-light for twelve seconds, with a look four times a second; `each` hears of every one.
fn play(mut change: impl FnMut(&mut Scenario), mut each: impl FnMut(&Live)) -> (Live, Scenario) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml");
    let mut scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
    scenario.duration = "12s".parse().expect("a span");
    change(&mut scenario);
    let setup = machines::setup(&scenario, false);
    let (mut collectors, mut tally) = (Collectors::new(&setup), Tally::new("t".into(), &scenario, &setup));
    let mut progress = Progress { stopped: Instant::MAX, ..Progress::default() };
    let mut next = Instant::START;
    let played = simulate(&scenario, |outcome| {
        while next <= outcome.finished {
            each(&tally.look(&Progress { now: next, ..progress.clone() }, &collectors));
            next = next + Duration::from_millis(250);
        }
        collectors.collect(outcome);
        tally.collect(outcome);
        progress.asked += 1;
        progress.sent += 1;
        match outcome.end {
            End::Done => progress.done += 1,
            End::Refused | End::Shed => progress.refused += 1,
            _ => progress.failed += 1,
        }
        Flow::Continue
    });
    progress.now = played.unwrap_or_else(|error| panic!("{error}")).ended;
    (tally.look(&progress, &collectors), scenario)
}

#[test]
fn what_is_counted_live_adds_up_to_what_happened() {
    let (live, _) = play(|_| {}, |_| {});
    let of_classes: u64 = live.classes.iter().flat_map(|class| class.ends).sum();
    assert_eq!(of_classes, live.totals.offered);
    assert_eq!(live.classes.iter().map(|class| class.good).sum::<u64>(), live.totals.good);
    let done = |place: usize| live.cells.iter().map(|cell| cell.ended[place]).sum::<u64>();
    assert_eq!(done(2), live.totals.answered);
    assert_eq!(live.cells.iter().map(|cell| cell.e2e.count()).sum::<u64>(), live.totals.answered);
    let throttled: u64 = live.endpoints.iter().map(|endpoint| endpoint.throttled).sum();
    assert!(throttled > 100, "{throttled}");
    assert_eq!(throttled, live.failures.iter().map(|failure| failure.count).sum::<u64>());
    assert_eq!(live.send_lags.count(), live.totals.offered, "in virtual time every request is sent");
    let last = live.buckets[Width::Second as usize].last().expect("seconds have passed");
    assert_eq!(last.span, Duration::from_secs(1));
    assert_eq!(live.left, None, "no more requests come");
}

#[test]
fn a_quota_that_refuses_is_seen_to_be_full() {
    let mut fullest = 0.0f64;
    play(
        |_| {},
        |live| {
            let of = live.quotas.iter().filter(|quota| quota.holder == "openai-direct");
            if live.now > Instant::START + Duration::from_secs(8) {
                fullest = of.map(Quota::used_ratio).fold(fullest, f64::max);
            }
        },
    );
    assert!((0.9..1.5).contains(&fullest), "{fullest}");
}

#[test]
fn a_cap_and_a_budget_bring_the_end_nearer() {
    let mut left = Vec::new();
    play(
        |scenario| scenario.safety.requests_max = std::num::NonZeroU64::new(400),
        |live| left.push(live.left),
    );
    let of = |second: usize| left[second * 4].map(|left| left.as_secs_f64());
    assert_eq!(of(0), Some(12.0), "nothing is known of the pace yet");
    assert!(of(2).is_some_and(|left| left < 6.0), "{:?}", of(2));
}

#[test]
fn money_is_told_with_what_the_whole_will_come_to() {
    let mut halfway = None;
    let (live, _) = play(
        |_| {},
        |live| {
            if live.now == Instant::START + Duration::from_secs(8) {
                halfway = live.money.projected;
            }
        },
    );
    let (halfway, whole) = (halfway.expect("it is told from the first second on"), live.money.spent);
    let error = halfway.as_dollars_f64() / whole.as_dollars_f64() - 1.0;
    assert!(error.abs() < 0.5, "{halfway} of {whole}");
}
