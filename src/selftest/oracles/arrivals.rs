//! When requests come and how long they are: counts, bursts, concurrency that follows, and lengths.

use super::{AT_ONCE, MILLI_TOKENS, ONE_TOKEN, class, endpoint, poisson, scene, watch, within};
use crate::analytic::arrivals::{Sine, TwoRates};
use crate::analytic::length::Lognormal;
use crate::error::Result;
use crate::scenario::Scenario;
use crate::selftest::oracle::{Bound, Check, Figure, Oracle};
use crate::statistics::sample::Sample;
use crate::trial::Trial;

pub(super) fn all() -> Vec<Oracle> {
    vec![counts(), concurrency(), bursts(), lengths()]
}

/// A day whose rate is a sine about 10 a second, from 4 to 16.
const DAY: Sine = Sine { per_sec: 10.0, amplitude: 0.6, period_secs: 86_400.0 };

/// A tenth of it: where thousands are in flight, more days tell more than more requests.
const QUIET: Sine = Sine { per_sec: 1.0, ..DAY };

const HOUR: f64 = 3_600.0;

/// A sine in bins of five minutes, each with its own mean.
fn arrivals(day: Sine) -> String {
    let bin = 300.0;
    let rates = (0..288).map(|nth| day.count(f64::from(nth) * bin, f64::from(nth + 1) * bin) / bin);
    let rates: Vec<String> = rates.map(|rate| format!("{rate:?}")).collect();
    format!(
        "arrivals = {{ kind = \"modulated\", every = \"5m\", repeat = true, rates = [{}] }}\n",
        rates.join(", ")
    )
}

/// How many requests come in each bin of so many seconds.
fn in_bins(scenario: &Scenario, bin_secs: f64) -> Result<Vec<f64>> {
    let bins = (scenario.duration.as_secs_f64() / bin_secs) as usize;
    let mut counts = vec![0.0; bins];
    watch(scenario, |outcome| {
        if let Some(count) = counts.get_mut((outcome.intended.as_secs_f64() / bin_secs) as usize) {
            *count += 1.0;
        }
    })?;
    Ok(counts)
}

fn counts() -> Oracle {
    let text = scene(86_400, 0, &(arrivals(DAY) + &class("c", ONE_TOKEN) + &endpoint("e", AT_ONCE)));
    let stretch = |from: f64, to: f64| DAY.count(from * HOUR, to * HOUR);
    let checks = vec![
        Check::new("a day's", stretch(0.0, 24.0), within(0.006)),
        Check::new("03:00 to 09:00", stretch(3.0, 9.0), within(0.009)),
        Check::new("15:00 to 21:00", stretch(15.0, 21.0), within(0.015)),
        Check::new("variance over mean in bins of 10 s", 1.0, Bound::Relative { short: 0.08, full: 0.01 }),
    ];
    Oracle::played("nhpp_diurnal_counts", text, [5, 26], checks, |scenario| {
        let bins = in_bins(scenario, 10.0)?;
        let sum = |from: usize, to: usize| bins[from * 360..to * 360].iter().sum::<f64>();
        let scatter = bins.chunks(30).enumerate().flat_map(|(nth, bins)| {
            let mean = DAY.count(300.0 * nth as f64, 300.0 * (nth + 1) as f64) / bins.len() as f64;
            bins.iter().map(move |count| (count - mean) * (count - mean) / mean)
        });
        let scatter: Sample = scatter.collect();
        Ok(vec![sum(0, 24), sum(3, 9), sum(15, 21), scatter.mean()])
    })
}

/// Sessions of half an hour in the mean: fewer at the peak than its rate would have, and later. From the 7th hour on the
/// empty beginning is 14 sessions ago.
fn concurrency() -> Oracle {
    let law = QUIET.in_flight(1_800.0);
    let slow = "latency = { kind = \"fixed\", ttft = \"1s\", itl = \"1s\" }";
    let output = "output = { kind = \"exponential\", mean = 1800 }";
    let text = scene(111_600, 0, &(arrivals(QUIET) + &class("c", output) + &endpoint("e", slow)));
    let checks = vec![
        Check::new("mean in flight", law.mean, within(0.01)),
        Check::new("most", law.max, within(0.014)),
        Check::new("least", law.min, within(0.03)),
        Check::new("seconds to the peak", law.peak_secs, within(0.014)),
    ];
    Oracle::played("mtminf_peak_concurrency", text, [12, 120], checks, |scenario| {
        let minutes = (scenario.duration.as_secs_f64() / 60.0) as usize;
        let mut changes = vec![0.0; minutes + 1];
        watch(scenario, |outcome| {
            let minute =
                |at: crate::time::Instant| (libm::ceil(at.as_secs_f64() / 60.0) as usize).min(minutes);
            changes[minute(outcome.intended)] += 1.0;
            changes[minute(outcome.finished)] -= 1.0;
        })?;
        let mut there = 0.0;
        let levels = changes.iter().map(|change| {
            there += change;
            there
        });
        Ok(wave(&levels.collect::<Vec<f64>>()[420..420 + 1440]))
    })
}

/// Mean, most, least and the time of the peak of a day's wave from the 7th hour on, minute by minute, by its first
/// Fourier coefficient: the law has no other.
fn wave(levels: &[f64]) -> Vec<f64> {
    let turn = |nth: usize| std::f64::consts::TAU * (nth + 420) as f64 / 1440.0;
    let mean = levels.iter().sum::<f64>() / levels.len() as f64;
    let part = |of: fn(f64) -> f64| {
        let sum: f64 = levels.iter().enumerate().map(|(nth, level)| level * of(turn(nth))).sum();
        2.0 * sum / levels.len() as f64
    };
    let (sine, cosine) = (part(libm::sin), part(libm::cos));
    let swing = libm::hypot(sine, cosine);
    let peak = libm::atan2(sine, cosine).rem_euclid(std::f64::consts::TAU) / std::f64::consts::TAU;
    vec![mean, mean + swing, mean - swing, peak * DAY.period_secs]
}

/// Two rates by turns, as a steady stream and another that comes in bursts.
fn bursts() -> Oracle {
    let (on_secs, off_secs, window_secs) = (30.0, 90.0, 90.0);
    let law = TwoRates { per_sec: [20.0, 2.0], leave_per_sec: [1.0 / on_secs, 1.0 / off_secs] };
    let bursty = format!(
        "arrivals = {{ kind = \"modulated\", every = \"1h\", repeat = true, rates = [4.5], \
         bursts = {{ on = \"{on_secs}s\", off = \"{off_secs}s\" }} }}\n{ONE_TOKEN}"
    );
    let steady = format!("{}\n{ONE_TOKEN}", poisson(2.0));
    let text =
        scene(18_000, 0, &(class("bursty", &bursty) + &class("steady", &steady) + &endpoint("e", AT_ONCE)));
    let dispersion = law.dispersion(window_secs).expect("both states are left");
    let checks = vec![
        Check::new("a second", law.mean_per_sec(), Bound::Relative { short: 0.06, full: 0.01 }),
        Check::new("variance over mean in 90 s", dispersion, Bound::Relative { short: 0.15, full: 0.02 }),
    ];
    let mean = law.mean_per_sec() * window_secs;
    Oracle::played("mmpp2_dispersion", text, [20, 340], checks, move |scenario| {
        let bins = in_bins(scenario, window_secs)?;
        let total: f64 = bins.iter().sum();
        let squares: Sample = bins.iter().map(|count| (count - mean) * (count - mean)).collect();
        Ok(vec![total / scenario.duration.as_secs_f64(), squares.mean() / mean])
    })
}

/// Answers of a lognormal length, cut at a cap. A length is rounded, so one is cut from half a token above the cap on.
fn lengths() -> Oracle {
    let (law, cap) = (Lognormal::new(5.0, 0.8).expect("the law is a mild one"), 512);
    let output = format!(
        "output = {{ kind = \"lognormal\", median = {:?}, sigma = 0.8 }}\nmax_tokens = {cap}",
        libm::exp(5.0)
    );
    let rest = poisson(10.0) + "\n" + &class("c", &output) + &endpoint("e", MILLI_TOKENS);
    let checks = vec![
        Check::new("mean tokens", law.capped_mean(f64::from(cap)), within(0.007)),
        Check::new("share cut", law.cut_share(f64::from(cap) + 0.5), within(0.04)),
    ];
    Oracle::played("lognormal_truncated_tokens", scene(2_500, 0, &rest), [20, 360], checks, |scenario| {
        let trial = Trial::play(scenario)?;
        let figure = |metric| Figure::total(metric).read(&trial);
        Ok(vec![figure("output_tokens")? / figure("done")?, figure("cut_share")?])
    })
}
