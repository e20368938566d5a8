//! Whether intervals hold the truth as often as they say, and runs scatter as much as they should.

use super::{MILLI_TOKENS, class, endpoint, places, poisson, scene, watch};
use crate::analytic::erlang::{Traffic, refused_share};
use crate::error::Result;
use crate::scenario::Scenario;
use crate::selftest::oracle::{Bound, Check, Oracle};
use crate::statistics::batches::{self, BatchMeans};
use crate::statistics::interval::{Confidence, Interval, NoInterval};
use crate::statistics::quantile;
use crate::statistics::run_length::mm1_waits_variance;
use crate::statistics::warmup::mser5;

pub(super) fn all() -> Vec<Oracle> {
    vec![batch_means(), quantiles(), run_length(), warmup()]
}

/// Plays of which each has an interval.
const PLAYS: [u32; 2] = [200, 2_000];

/// How many of 200 intervals at 95 % may hold the truth.
const COVERED: Bound = Bound::Between { low: 0.91, high: 0.98 };

/// 1 where the interval holds the truth, 0 where not or where there is none.
fn holds(interval: std::result::Result<Interval, NoInterval>, truth: f64) -> f64 {
    f64::from(interval.is_ok_and(|interval| interval.holds(truth)))
}

/// What `of` says of each measured request, in the order of their ends.
fn series(scenario: &Scenario, of: impl Fn(&crate::outcome::Outcome) -> Option<f64>) -> Result<Vec<f64>> {
    let mut series = Vec::new();
    watch(scenario, |outcome| series.extend(of(outcome).filter(|_| outcome.is_measured)))?;
    Ok(series)
}

/// Seconds from the intended start to the first token, less the millisecond that it takes.
fn wait(outcome: &crate::outcome::Outcome) -> Option<f64> {
    let first = outcome.answer()?.first_token?;
    Some(first.since(outcome.intended).as_secs_f64() - super::MILLI)
}

/// Waits of M/M/1 at half load are far from independent, and refusals of five places are too.
fn batch_means() -> Oracle {
    let queue = Traffic { per_sec: 0.5, service_secs: 1.0 };
    let one_second = "output = { kind = \"exponential\", mean = 1000 }";
    let of = |name: &str, other: &str, per_sec: f64| {
        class(name, &format!("{}\n{one_second}\nexclude = [\"{other}\"]", poisson(per_sec)))
    };
    let text = scene(
        10_050,
        50,
        &(of("queue", "places", 0.5)
            + &of("places", "queue", 4.0)
            + &endpoint("queue", &format!("{MILLI_TOKENS}\n{}", places(1)))
            + &endpoint(
                "places",
                &format!("{MILLI_TOKENS}\nlimits = [{{ kind = \"concurrency\", max = 5 }}]"),
            )),
    );
    let truths = [queue.mean_wait_secs(1).unwrap_or_default(), refused_share(5, 4.0)];
    let checks = vec![
        Check::new("batch means of waits hold Wq at 95 %", 0.95, COVERED),
        Check::new("batch means of refusals hold B at 95 %", 0.95, COVERED),
    ];
    Oracle::played("interval_coverage", text, PLAYS, checks, move |scenario| {
        let mut samples = [Vec::new(), Vec::new()];
        watch(scenario, |outcome| {
            let is_queue = outcome.request.class.0 == 0;
            let value =
                if is_queue { wait(outcome) } else { Some(f64::from(u8::from(outcome.winner.is_none()))) };
            samples[usize::from(!is_queue)].extend(value.filter(|_| outcome.is_measured));
        })?;
        let mean = |batch: &[f64]| batch.iter().sum::<f64>() / batch.len() as f64;
        let held = samples.iter().zip(truths).map(|(samples, truth)| {
            holds(batches::interval(&batches::of(samples, 10, mean), Confidence::P95), truth)
        });
        Ok(held.collect())
    })
}

/// Where nobody waits, answers' times are independent: p50, p95 and p99 by order statistics.
fn quantiles() -> Oracle {
    let latency = "latency = { kind = \"lognormal\", ttft_median = \"1s\", ttft_sigma = 0.8, itl = \"0s\" }";
    let text =
        scene(1_000, 0, &(poisson(1.0) + "\n" + &class("c", super::ONE_TOKEN) + &endpoint("e", latency)));
    let shares = [0.5, 0.95, 0.99];
    let truths = shares.map(|share| {
        libm::exp(0.8 * crate::analytic::normal::quantile(share).expect("it is within 0 and 1"))
    });
    let checks = shares.map(|share| {
        Check::new(
            format!("order statistics hold p{} at 95 %", share * 100.0),
            0.95,
            Bound::Between { low: 0.91, high: 0.995 },
        )
    });
    Oracle::played("quantile_ci_order_stats", text, PLAYS, checks.to_vec(), move |scenario| {
        let mut sorted = series(scenario, |outcome| wait(outcome).map(|wait| wait + super::MILLI))?;
        sorted.sort_unstable_by(f64::total_cmp);
        let held = shares.iter().zip(truths);
        let held =
            held.map(|(share, truth)| holds(quantile::interval(&sorted, *share, Confidence::P95), truth));
        Ok(held.collect())
    })
}

/// How much a run of M/M/1 waits scatters, by the means of long batches.
fn run_length() -> Oracle {
    let rest = class("c", "output = { kind = \"exponential\", mean = 1000 }")
        + &endpoint("e", &format!("{MILLI_TOKENS}\n{}", places(1)));
    let text = scene(502_000, 2_000, &(poisson(0.8) + "\n" + &rest));
    let truth = mm1_waits_variance(0.8).expect("the load is below 1");
    let check = Check::new("asymptotic variance, s²", truth, Bound::Relative { short: 0.45, full: 0.05 });
    Oracle::played("mm1_run_length", text, [16, 640], vec![check], |scenario| {
        let mut means = BatchMeans::new(10);
        series(scenario, wait)?.into_iter().for_each(|wait| means.add(wait));
        Ok(vec![means.asymptotic_variance()])
    })
}

/// MSER-5 on the waits of a queue that begins empty: what it says to leave out is less than what the queueing oracles do
/// in nine of ten plays, and the run has settled.
fn warmup() -> Oracle {
    let rest = class("c", "output = { kind = \"exponential\", mean = 1000 }")
        + &endpoint("e", &format!("{MILLI_TOKENS}\n{}", places(1)));
    let text = scene(20_000, 0, &(poisson(0.8) + "\n" + &rest));
    let check = Check::new("settled within 2,000 s", 1.0, Bound::Between { low: 0.6, high: 1.0 });
    Oracle::played("mser5_warmup", text, [40, 400], vec![check], |scenario| {
        let waits = series(scenario, wait)?;
        // Each sample is a hundred waits: MSER-5 is for means of batches where samples are correlated.
        let hundreds: Vec<f64> =
            waits.chunks_exact(100).map(|some| some.iter().sum::<f64>() / 100.0).collect();
        let found = mser5(&hundreds);
        Ok(vec![f64::from(found.is_ok_and(|cut| cut.is_settled && cut.samples * 100 <= 1_600))])
    })
}
