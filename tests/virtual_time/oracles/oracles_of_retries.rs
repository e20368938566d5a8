//! How many attempts a request costs when each fails by chance.

use std::path::Path;

use tollgate::outcome::{End, Outcome};
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};

use super::file::oracle;

/// Attempts hours apart at an endpoint that is down p of the time for seconds at a time: independent to e⁻¹⁰⁰⁰.
///
/// The bound is four standard errors: attempts are a geometric law cut off after R + 1, whose variance is at most
/// that of the whole law, p / (1 − p)², and at most R² / 4; success is binomial.
#[test]
fn retry_amplification() {
    let Some(oracle) = oracle("retry_amplification") else { return };
    let mut checked = 0;
    for case in oracle.cases() {
        let (p, retries) = (case[0], case[1]);
        let outcomes = play(p, retries as u32);
        let n = outcomes.len() as f64;
        let attempts = outcomes.iter().map(|outcome| outcome.attempts.len()).sum::<usize>() as f64 / n;
        let succeeded = outcomes.iter().filter(|outcome| outcome.end == End::Done).count() as f64 / n;
        let key = format!("p{:.0}_R{retries}", p * 100.0);
        let variance = (p / (1.0 - p).powi(2)).min(retries * retries / 4.0);
        let bound = 4.0 * (variance / n).sqrt();
        let expected = oracle.expected(&key);
        assert!((attempts - expected).abs() <= bound, "{key}: {attempts} is not {expected} ± {bound}");
        checked += 1;
        let key = format!("success_{key}");
        if oracle.keys().contains(&key.as_str()) {
            let expected = oracle.expected(&key);
            let bound = 4.0 * (expected * (1.0 - expected) / n).sqrt();
            assert!((succeeded - expected).abs() <= bound, "{key}: {succeeded} is not {expected} ± {bound}");
            checked += 1;
        }
    }
    assert_eq!(checked, oracle.keys().len());
}

fn play(p: f64, retries: u32) -> Vec<Outcome> {
    let text = format!(
        "duration = \"20000m\"\narrivals = {{ kind = \"constant\", rate = {} }}\ncooling = {{ failures = 0 }}\n\
         retry = {{ kind = \"exponential\", attempts_max = {}, base = \"10h\", cap = \"10h\" }}\n\
         [[classes]]\nname = \"c\"\ntimeout = \"30d\"\ninput = {{ kind = \"fixed\", tokens = 1 }}\n\
         output = {{ kind = \"fixed\", tokens = 1 }}\n\
         [[endpoints]]\nname = \"e\"\nprovider = \"openai\"\nmodel = \"m\"\nprice = {{ per_hour = \"0\" }}\n\
         latency = {{ kind = \"fixed\", ttft = \"1ms\" }}\n\
         limits = [{{ kind = \"outage\", random = {{ mean_up = \"{}ms\", mean_down = \"{}ms\" }} }}]",
        1.0 / 60.0,
        retries + 1,
        ((1.0 - p) * 10_000.0).round(),
        (p * 10_000.0).round(),
    );
    let scenario =
        Scenario::parse(&text, Path::new("retries.toml")).unwrap_or_else(|error| panic!("{error}"));
    let mut outcomes = Vec::new();
    simulate(&scenario, |outcome| {
        outcomes.push(outcome.clone());
        Flow::Continue
    })
    .unwrap_or_else(|error| panic!("{error}"));
    outcomes
}
