//! Closed forms of queueing theory that places and latencies must meet.
//!
//! Each test runs a fixed seed and asks for the closed form within 4.5 standard errors, estimated from the
//! run itself by 40 batch means (autocorrelation is far shorter than a batch). Chance alone would
//! fail a seed in about 15,000; a bound that has grown too wide to mean anything fails as well.

use std::time::Duration;

use tollgate::rng::{Draws, Purpose, Rng};
use tollgate::server::endpoint::{Detail, Event};
use tollgate::time::Instant;

use super::drive::{Told, endpoint, finishes, id, job, offer, play};

const BATCHES: usize = 40;

/// The mean of the batches is `expected` within 4.5 standard errors, which are within `bound_max` of it.
fn assert_mean(name: &str, samples: &[f64], expected: f64, bound_max: f64) {
    let size = samples.len() / BATCHES;
    let means: Vec<f64> =
        samples.chunks_exact(size).map(|batch| batch.iter().sum::<f64>() / size as f64).collect();
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let variance = means.iter().map(|batch| (batch - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let bound = 4.5 * (variance / n).sqrt();
    assert!((mean - expected).abs() <= bound, "{name}: {mean} is not {expected} ± {bound}");
    assert!(bound <= bound_max * expected, "{name}: ± {bound} says too little of {expected}");
}

/// `n` arrival times of a Poisson process.
fn poisson(rate: f64, n: u64) -> impl Iterator<Item = (Instant, Draws)> {
    let rng = Rng::new(20);
    let mut elapsed = 0.0;
    (0..n).map(move |number| {
        let mut draws = rng.of(Purpose::Arrival, number, 0);
        elapsed += draws.exponential() / rate;
        (Instant::from_secs_f64(elapsed), draws)
    })
}

/// Erlang B: with c places and a erlangs offered, the share lost depends on service by its mean only.
#[test]
fn losses_of_a_concurrency_limit_depend_on_the_mean_service_only() {
    // A lognormal with coefficient of variation 3 has sigma² = ln 10, and its mean is median · √10.
    let lognormal = format!(
        "{{ kind = 'lognormal', ttft_median = '{}ns', ttft_sigma = {}, itl = '0s' }}",
        (1e9 / 10f64.sqrt()) as u64,
        10f64.ln().sqrt()
    );
    for latency in ["{ kind = 'fixed', ttft = '1s' }", &lognormal] {
        let limits = ["{ kind = 'concurrency', max = 10 }"];
        let n = 80_000;
        let offers = poisson(8.0, n).zip(0..).map(|((at, _), number)| offer(at, job(number, 1, 1)));
        let told = play(&mut endpoint(&limits, latency, Detail::Stretches), offers);
        let lost: Vec<f64> =
            finishes(&told, n).iter().map(|end| f64::from(u8::from(end.is_none()))).collect();
        assert_mean(latency, &lost, 0.1216610643, 0.2);
    }
}

/// One place and a queue is M/D/1: each wait follows from the one before exactly (Lindley), and their mean
/// is rho · D / (2 (1 − rho)).
#[test]
fn a_queue_waits_as_lindleys_recursion_says() {
    let service = Duration::from_secs(1);
    let limits = ["{ kind = 'concurrency', max = 1, queue_max = 4_000_000_000 }"];
    let n = 40_000;
    let arrivals: Vec<Instant> = poisson(0.8, n).map(|(at, _)| at).collect();
    let offers = (0..).zip(&arrivals).map(|(number, at)| offer(*at, job(number, 1, 1)));
    let told = play(
        &mut endpoint(&limits, "{ kind = 'fixed', ttft = '1s' }", Detail::Stretches),
        offers.collect::<Vec<_>>(),
    );
    let mut free = Instant::START;
    let mut waits = Vec::new();
    for (arrival, end) in arrivals.iter().zip(finishes(&told, n)) {
        let begin = free.max(*arrival);
        waits.push(begin.since(*arrival).as_secs_f64());
        free = begin + service;
        assert_eq!(end, Some(free));
    }
    assert_mean("M/D/1", &waits, 2.0, 0.2);
}

/// A batch whose sequences each add a whole step is processor sharing: a job of size x stays x / (1 − rho)
/// in the mean, whatever the law of sizes.
#[test]
fn a_shared_batch_slows_each_job_in_proportion_to_its_size() {
    // A job of size 1 has 1000 tokens of 1 ms each, so tokens are small beside jobs.
    let latency =
        "{ kind = 'continuous_batching', batch_max = 1_000_000, itl = '1ms', itl_per_sequence = '1ms' }";
    let rho = 0.5;
    let n = 30_000;
    let exponential = |draws: &mut Draws| draws.exponential();
    let lognormal = |draws: &mut Draws| (-0.5f64).exp() * draws.lognormal(1.0);
    for size in [&exponential as &dyn Fn(&mut Draws) -> f64, &lognormal] {
        let jobs: Vec<_> = (0..)
            .zip(poisson(rho, n))
            .map(|(number, (at, mut draws))| (at, job(number, 0, (size(&mut draws) * 1e3).ceil() as u32)))
            .collect();
        let told: Vec<Told> = play(
            &mut endpoint(&[], latency, Detail::Stretches),
            jobs.iter().map(|(at, job)| (*at, Event::Offer(id(job.request.id.0), job.clone()))),
        );
        let ends = finishes(&told, n);
        let stays = jobs.iter().zip(&ends).map(|((at, _), end)| end.unwrap().since(*at).as_secs_f64());
        let stays: Vec<f64> = stays.collect();
        assert_mean("processor sharing", &stays, 1.0 / (1.0 - rho), 0.15);
        let small = |index: &usize| jobs[*index].1.answer_tokens < 500;
        let (mut slow, mut alone) = (Vec::new(), 0.0);
        for index in (0..jobs.len()).filter(small) {
            slow.push(stays[index]);
            alone += f64::from(jobs[index].1.answer_tokens) / 1e3;
        }
        let mean_alone = alone / slow.len() as f64;
        assert_mean("small jobs", &slow, mean_alone / (1.0 - rho), 0.15);
    }
}

/// A batch of one is M/D/1: each wait follows from the one before exactly (Lindley), and their mean is
/// rho · D / (2 (1 − rho)).
#[test]
fn a_batch_of_one_waits_as_lindleys_recursion_says() {
    // 500 ms for the prompt's step, 500 ms for five tokens more.
    let latency = "{ kind = 'continuous_batching', batch_max = 1, queue_max = 4_000_000, itl = '100ms', per_1k_input = '400ms' }";
    let n = 40_000;
    let arrivals: Vec<Instant> = poisson(0.8, n).map(|(at, _)| at).collect();
    let offers = (0..).zip(&arrivals).map(|(number, at)| offer(*at, job(number, 1000, 6)));
    let told = play(&mut endpoint(&[], latency, Detail::Stretches), offers.collect::<Vec<_>>());
    let mut free = Instant::START;
    let mut waits = Vec::new();
    for (arrival, end) in arrivals.iter().zip(finishes(&told, n)) {
        let begin = free.max(*arrival);
        waits.push(begin.since(*arrival).as_secs_f64());
        free = begin + Duration::from_secs(1);
        assert_eq!(end, Some(free));
    }
    assert_mean("M/D/1", &waits, 2.0, 0.2);
}
