//! What limits refuse of deterministic and of Poisson arrivals.
//!
//! The shares of Poisson arrivals come from a fixed seed, a run for each figure. Its standard error is estimated
//! from the run itself by batch means, with what a batch brought beyond what comes back as a control variate: its
//! mean is known, and it explains most of why one batch is refused more than another. A run goes on until twice
//! its error is within what the file allows. The figure must then be within that, and within 4.5 of its errors,
//! where chance alone would fail one seed in 150,000.

use std::path::Path;

use tollgate::kind;
use tollgate::outcome::End;
use tollgate::rng::{Draws, Purpose, Rng};
use tollgate::scenario::Scenario;
use tollgate::server::endpoint::{Detail, Endpoint, Event};
use tollgate::server::latency::AnyLatency;
use tollgate::server::limits::{AnyLimit, Verdict};
use tollgate::simulate::{Flow, simulate};
use tollgate::time::Instant;
use tollgate::wire::{AttemptId, Beginnings, Cached, ClassId, Job, Request, RequestId};

use super::file::{Oracle, oracle};

fn limit(table: &str) -> AnyLimit {
    let text = format!("table = {table}");
    let mut document = toml::de::DeTable::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    kind::tag(document.get_mut());
    let (_, table) = document.into_inner().into_iter().next().expect("the document has one table");
    serde::Deserialize::deserialize(toml::de::ValueDeserializer::from(table))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn job(input_tokens: u32, max_tokens: u32, answer_tokens: u32) -> Job {
    let (id, class) = (RequestId(0), ClassId(0));
    let request = Request {
        id,
        class,
        priority: 0,
        input_tokens,
        max_tokens: Some(max_tokens),
        stream: true,
        beginnings: Beginnings::None,
        content: Default::default(),
    };
    Job { request, answer_tokens, reasoning_tokens: 0, cached: Cached::NONE }
}

fn endpoint(limit: AnyLimit) -> Endpoint {
    let latency: AnyLatency =
        serde_json::from_str("{\"kind=fixed\": {\"ttft\": \"0s\"}}").expect("a latency");
    Endpoint::new(vec![limit], latency, Detail::Stretches, Rng::new(1))
}

#[test]
fn token_bucket_burst() {
    let Some(oracle) = oracle("token_bucket_burst") else { return };
    let [capacity, refill, cost, rate, n] =
        ["capacity", "refill_per_s", "cost", "rate", "n"].map(|key| oracle.param(key));
    let limits = format!("{{ kind = \"tokens\", per_minute = {}, burst = {capacity} }}", refill * 60.0);
    // An ordinary scenario: the limit counts the prompt, and the cap on the answer where there is one.
    let text = format!(
        "duration = \"{}s\"\narrivals = {{ kind = \"constant\", rate = {rate} }}\n\
         retry = {{ kind = \"exponential\", attempts_max = 1 }}\n\
         [[classes]]\nname = \"c\"\ninput = {{ kind = \"fixed\", tokens = {cost} }}\n\
         output = {{ kind = \"fixed\", tokens = 1 }}\n\
         [[endpoints]]\nname = \"e\"\nprovider = \"openai\"\nmodel = \"m\"\nprice = {{ per_hour = \"0\" }}\n\
         latency = {{ kind = \"fixed\", ttft = \"1ms\" }}\nlimits = [{limits}]",
        n / rate
    );
    let scenario = Scenario::parse(&text, Path::new("burst.toml")).unwrap_or_else(|error| panic!("{error}"));
    let mut is_accepted = vec![false; n as usize];
    simulate(&scenario, |outcome| {
        is_accepted[outcome.request.id.0 as usize] = outcome.end == End::Done;
        Flow::Continue
    })
    .unwrap_or_else(|error| panic!("{error}"));
    let accepted = is_accepted.iter().filter(|is_accepted| **is_accepted).count() as f64;
    oracle.assert("accepted", accepted);
    oracle.assert("rejected", n - accepted);
    oracle.assert("reject_share", (n - accepted) / n);
    oracle.assert(
        "first_reject_index",
        is_accepted.iter().position(|is_accepted| !is_accepted).unwrap() as f64,
    );

    let mut bucket = limit(&limits);
    let at = |index: u32| Instant::from_secs_f64(f64::from(index) / rate);
    for index in 0..n as u32 {
        if bucket.check(at(index), &job(cost as u32, 0, 1)) == Verdict::Admit {
            bucket.take(at(index), &job(cost as u32, 0, 1));
        }
    }
    oracle.assert("final_level", bucket.gauge(at(n as u32 - 1)).unwrap().remaining as f64);
    assert_eq!(oracle.keys().len(), 5);
}

#[test]
fn bedrock_burndown() {
    let Some(oracle) = oracle("bedrock_burndown") else { return };
    let burndown = oracle.param("output_multiplier");
    let examples = [
        (10, 750, "blog_10_750"),
        (2005, 200, "code_2005_200"),
        (6, 12, "chat_6_12"),
        (0, 20_000, "quota_100k_out_20k"),
    ];
    for (input, output, key) in examples {
        let settled = format!("settled = {{ cache_read = 0, output = {burndown} }}");
        let mut endpoint =
            endpoint(limit(&format!("{{ kind = \"tokens\", per_minute = 200_000, {settled} }}")));
        let id = AttemptId { request: RequestId(0), nth: 0 };
        endpoint.on_event(Instant::START, Event::Offer(id, job(input, output + 1, output)));
        endpoint.on_event(Instant::START, Event::Wake);
        let left = endpoint.gauges(Instant::START).next().unwrap().remaining;
        oracle.assert(key, (200_000 - left) as f64);
    }
    assert_eq!(oracle.keys().len(), examples.len());
}

#[test]
fn fixed_window_rpm() {
    let Some(oracle) = oracle("fixed_window_rpm") else { return };
    for (key, per_minute, mean) in [
        ("reject_m60", 60, 60.0),
        ("reject_m50", 60, 50.0),
        ("reject_m80", 60, 80.0),
        ("reject_L600_m600", 600, 600.0),
    ] {
        let limit =
            limit(&format!("{{ kind = \"requests\", per_minute = {per_minute}, window = \"minute\" }}"));
        Run { limit, rate: mean / 60.0, refill: f64::from(per_minute) / 60.0 }.assert(&oracle, key, |_| 1);
    }
    assert_eq!(oracle.keys().len(), 4);
}

/// The deficit of a bucket of B is the workload of an M/D/1/B queue, so refusals are its losses.
#[test]
fn token_bucket_poisson_md1k() {
    let Some(oracle) = oracle("token_bucket_poisson_md1k") else { return };
    for burst in oracle.params("B") {
        for rate in oracle.params("lambda_") {
            let limit = limit(&format!("{{ kind = \"requests\", per_minute = 60, burst = {burst} }}"));
            let key = format!("B{burst}_lambda{rate:.1}");
            Run { limit, rate, refill: oracle.param("r") }.assert(&oracle, &key, |_| 1);
        }
    }
    assert_eq!(oracle.keys().len(), 12);
}

/// Utilisation drains at 1000 tokens a second and is full at B thousand; costs are exponential with mean 1000.
#[test]
fn ptu_leaky_bucket() {
    let Some(oracle) = oracle("ptu_leaky_bucket") else { return };
    for rho in oracle.params("rho") {
        for burst in oracle.params("B") {
            // In thousandths of a token, so that the law stays exponential to well below the bound.
            let limit = limit(&format!(
                "{{ kind = \"tokens\", per_minute = 60_000_000, burst = {burst}_000_000, room = \"below\" }}"
            ));
            let key = format!("rho{rho:.1}_B{burst}");
            Run { limit, rate: rho, refill: 1e6 }
                .assert(&oracle, &key, |draws| (draws.exponential() * 1e6).round() as u32);
        }
    }
    assert_eq!(oracle.keys().len(), 12);
}

/// Poisson arrivals at a limit.
struct Run {
    limit: AnyLimit,
    /// Arrivals a second.
    rate: f64,
    /// What comes back in a second.
    refill: f64,
}

/// Arrivals in a batch: several times as long as what went before is remembered.
const BATCH: u64 = 10_000;
const BATCHES_MIN: usize = 40;
/// More are needed for no figure of the file.
const BATCHES_MAX: usize = 4000;

impl Run {
    fn assert(mut self, oracle: &Oracle, key: &str, cost: impl Fn(&mut Draws) -> u32) {
        let (mut elapsed, mut refused, mut brought) = (0.0, Vec::new(), Vec::new());
        let rng = Rng::new(key.bytes().fold(20, |seed, byte| seed.wrapping_mul(31) ^ u64::from(byte)));
        let (expected, allowed) = (oracle.expected(key), oracle.bound(key));
        loop {
            let from = refused.len() as u64 * BATCH;
            let (mut refusals, mut costs, began) = (0u64, 0.0, elapsed);
            for number in from..from + BATCH {
                let mut draws = rng.of(Purpose::Arrival, number, 0);
                elapsed += draws.exponential() / self.rate;
                let (now, cost) = (Instant::from_secs_f64(elapsed), cost(&mut draws));
                costs += f64::from(cost);
                match self.limit.check(now, &job(cost, 0, 1)) {
                    Verdict::Admit => self.limit.take(now, &job(cost, 0, 1)),
                    _ => refusals += 1,
                }
            }
            refused.push(refusals as f64 / BATCH as f64);
            brought.push(costs - self.refill * (elapsed - began));
            if refused.len() < BATCHES_MIN {
                continue;
            }
            let mean_cost = if self.refill > 1e3 { self.refill } else { 1.0 };
            let known = BATCH as f64 * (mean_cost - self.refill / self.rate);
            let (mean, error) = controlled(&refused, &brought, known);
            assert!(refused.len() < BATCHES_MAX, "{} {key}: an error of {error} is too much", oracle.name);
            if 2.0 * error <= allowed {
                let bound = if error > 0.0 { allowed.min(4.5 * error) } else { allowed };
                let off = (mean - expected).abs();
                assert!(off <= bound, "{} {key}: {mean} is not {expected} ± {bound}", oracle.name);
                return;
            }
        }
    }
}

/// The mean of `samples` and its standard error, corrected by how far the mean of `controls` is from `known`.
fn controlled(samples: &[f64], controls: &[f64], known: f64) -> (f64, f64) {
    let n = samples.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let (sample, control) = (mean(samples), mean(controls));
    let pairs = || samples.iter().zip(controls).map(|(a, b)| (a - sample, b - control));
    let slope = pairs().map(|(a, b)| a * b).sum::<f64>() / pairs().map(|(_, b)| b * b).sum::<f64>();
    let rest = pairs().map(|(a, b)| (a - slope * b).powi(2)).sum::<f64>() / (n - 2.0);
    (sample - slope * (control - known), (rest / n).sqrt())
}
