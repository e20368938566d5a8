//! Failures by chance, and what trying again makes of them.

use super::{AT_ONCE, Case, ONE_TOKEN, fixed, isolated, within};
use crate::analytic::retry::{attempts_mean, success_share};
use crate::selftest::oracle::{Check, Figure, Oracle};

pub(super) fn all() -> Vec<Oracle> {
    vec![amplified(3, &[(0.3, 0.002), (0.9, 0.06)]), amplified(5, &[(0.5, 0.004)]), down()]
}

/// Endpoints that are down for a share of the time, by turns so short that 30 s later nothing is known of now: so each
/// attempt, told to come again after 30 s, fails by itself. With each share, how near the short profile comes to the
/// share that is answered.
fn amplified(retries: u32, shares: &[(f64, f64)]) -> Oracle {
    let name = |share: &f64| format!("p{:.0}", 100.0 * share);
    let of = |(share, _): &(f64, f64)| Case {
        name: name(share),
        input: fixed(1),
        requests: format!("arrivals = {{ kind = \"poisson\", rate = 1 }}\n{ONE_TOKEN}\ntimeout = \"9999w\""),
        limits: format!(
            "{{ kind = \"outage\", random = {{ mean_up = \"1s\", mean_down = \"{}ns\" }}, retry_after = \"30s\" }}",
            libm::round(1e9 * share / (1.0 - share))
        ),
    };
    let cases: Vec<Case> = shares.iter().map(of).collect();
    let text = format!(
        "duration = \"6100s\"\nwarmup = \"100s\"\ncooling = {{ failures = 0 }}\n\
         retry = {{ kind = \"exponential\", attempts_max = {}, base = \"1ms\" }}\n{}",
        retries + 1,
        isolated(&cases, AT_ONCE)
    );
    let mut checks = Vec::new();
    let mut figures = Vec::new();
    for (share, short) in shares {
        let (percent, class) = (100.0 * share, name(share));
        let attempts = attempts_mean(*share, retries).expect("it is a share");
        let succeeds = success_share(*share, retries).expect("it is a share");
        checks.push(Check::new(
            format!("attempts, p = {percent} %, {retries} retries"),
            attempts,
            within(0.016),
        ));
        checks.push(Check::new(
            format!("answered, p = {percent} %, {retries} retries"),
            succeeds,
            within(*short),
        ));
        figures.push(class);
    }
    Oracle::played("retry_amplification", text, [20, 900], checks, move |scenario| {
        let trial = crate::trial::Trial::play(scenario)?;
        let mut found = Vec::new();
        for class in &figures {
            let requests = Figure::class(class, "requests").read(&trial)?;
            found.push(Figure::class(class, "attempts").read(&trial)? / requests);
            found.push(Figure::class(class, "done").read(&trial)? / requests);
        }
        Ok(found)
    })
}

/// Who asks once meets an outage as often as there is one.
fn down() -> Oracle {
    let (up, down) = (10.0, 2.5);
    let case = Case {
        name: "e".into(),
        input: fixed(1),
        requests: format!("arrivals = {{ kind = \"poisson\", rate = 2 }}\n{ONE_TOKEN}"),
        limits: format!(
            "{{ kind = \"outage\", random = {{ mean_up = \"{up}s\", mean_down = \"{down}s\" }} }}"
        ),
    };
    let text = super::scene(20_100, 100, &isolated(&[case], AT_ONCE));
    let found = vec![(
        Check::new("refused while down", down / (up + down), within(0.028)),
        Figure::total("refused_share"),
    )];
    Oracle::of_figures("outage_share", text, [25, 300], found)
}
