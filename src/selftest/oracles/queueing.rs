//! Queues and places: who waits, how long, and who is turned away.

use super::{MILLI, MILLI_TOKENS, ONE_TOKEN, class, endpoint, places, poisson, scene, watch, within};
use crate::analytic::erlang::{Traffic, refused_share};
use crate::analytic::impatience::Impatience;
use crate::analytic::md1;
use crate::analytic::mg1::{Class, Service, shared_secs, waits_by_priority};
use crate::analytic::poisson::Poisson;
use crate::selftest::oracle::{Bound, Check, Figure, Oracle};

pub(super) fn all() -> Vec<Oracle> {
    let mut all = vec![mm1(), mmc()];
    all.extend(erlang_b());
    all.extend([mg1(), md1_waits(), sharing(), priority(), impatient(), in_flight()]);
    all
}

/// Answers whose time is exponential, in milliseconds of mean `tokens`.
fn exponential(tokens: u32) -> String {
    format!("output = {{ kind = \"exponential\", mean = {tokens} }}")
}

fn known(value: Option<f64>) -> f64 {
    value.expect("the scenario's load has a closed form")
}

fn mm1() -> Oracle {
    let traffic = Traffic { per_sec: 0.8, service_secs: 1.0 };
    let text = scene(
        52_000,
        2_000,
        &(poisson(0.8)
            + "\n"
            + &class("c", &exponential(1000))
            + &endpoint("e", &format!("{MILLI_TOKENS}\n{}", places(1)))),
    );
    let quantile = |share| known(traffic.sojourn_quantile_secs(1, share));
    let check = |what: &str, truth, short| Check::new(what, truth, within(short));
    let found = vec![
        (check("Wq, s", known(traffic.mean_wait_secs(1)), 0.04), Figure::total("ttft_mean").less(MILLI)),
        (check("W, s", known(traffic.mean_sojourn_secs(1)), 0.03), Figure::total("e2e_mean")),
        (check("W p50, s", quantile(0.5), 0.03), Figure::total("e2e_p50")),
        (check("W p95, s", quantile(0.95), 0.04), Figure::total("e2e_p95")),
        (check("W p99, s", quantile(0.99), 0.06), Figure::total("e2e_p99")),
    ];
    Oracle::of_figures("mm1_sojourn", text, [40, 320], found).longer(10)
}

fn mmc() -> Oracle {
    let (traffic, count) = (Traffic { per_sec: 8.0, service_secs: 1.0 }, 10);
    let classes = class("at once", &format!("{}\nslo = {{ ttft = \"1ms\" }}", exponential(1000)))
        + &class("soon", &format!("{}\nslo = {{ ttft = \"501ms\" }}", exponential(1000)));
    let servers = endpoint("e", &format!("{MILLI_TOKENS}\n{}", places(count)));
    let text = scene(10_200, 200, &(poisson(8.0) + "\n" + &classes + &servers));
    let later = |class: &str| Figure::class(class, "good_share").rest();
    let check = |what: &str, truth, short| Check::new(what, truth, within(short));
    let wait = |share| known(traffic.wait_quantile_secs(count, share));
    let found = vec![
        (check("Wq, s", known(traffic.mean_wait_secs(count)), 0.08), Figure::total("ttft_mean").less(MILLI)),
        (check("W, s", known(traffic.mean_sojourn_secs(count)), 0.015), Figure::total("e2e_mean")),
        (check("P(wait)", traffic.wait_share(count, 0.0), 0.03), later("at once")),
        (check("P(wait > 0.5 s)", traffic.wait_share(count, 0.5), 0.08), later("soon")),
        (check("Wq p95, s", wait(0.95), 0.07), Figure::total("ttft_p95").less(MILLI)),
        (check("Wq p99, s", wait(0.99), 0.09), Figure::total("ttft_p99").less(MILLI)),
    ];
    Oracle::of_figures("mmc_erlang_c", text, [20, 280], found).longer(10)
}

/// Erlang B asks for the mean service only. Laws of the oracle: exponential, lognormal of variation 3 (its mean is
/// √10 medians and its σ² is ln 10), fixed, and Pareto's of exponent 2.5 by its quantiles.
fn erlang_b() -> Vec<Oracle> {
    let pareto: Vec<String> = (0..=40)
        .map(|step| {
            // Finer towards the tail, which ends at share 1 − 10⁻⁵.
            let left = libm::exp10(-f64::from(step) / 8.0);
            let share = if step == 40 { 1.0 } else { 1.0 - left };
            format!("[{share:?}, {}]", libm::round(600.0 * libm::pow(left, -0.4)))
        })
        .collect();
    let laws = [
        ("exponential", exponential(1000), 0.03, 300),
        (
            "lognormal",
            format!(
                "output = {{ kind = \"lognormal\", median = {:?}, sigma = {:?} }}",
                1e3 / 10f64.sqrt(),
                libm::log(10.0).sqrt()
            ),
            0.06,
            1_400,
        ),
        ("fixed", "output = { kind = \"fixed\", tokens = 1000 }".into(), 0.02, 140),
        (
            "Pareto",
            format!("output = {{ kind = \"empirical\", knots = [{}] }}", pareto.join(", ")),
            0.025,
            260,
        ),
    ];
    laws.into_iter().map(|(law, output, short, full)| refusals_of(law, &output, short, [20, full])).collect()
}

fn refusals_of(law: &str, output: &str, short: f64, plays: [u32; 2]) -> Oracle {
    let (count, per_sec) = (10, 8.0);
    let limits = format!("limits = [{{ kind = \"concurrency\", max = {count} }}]");
    let rest = class("c", output) + &endpoint("e", &format!("{MILLI_TOKENS}\n{limits}"));
    let text = scene(6_200, 200, &(poisson(per_sec) + "\n" + &rest));
    let mut oracle = Oracle::of_figures("erlang_b_insensitive", text, plays, Vec::new());
    // The mean of the law as the scenario has it.
    let scenario = oracle.scenario().expect("a built-in scenario is a good one");
    let mean_secs = scenario.classes[0].output.as_ref().map_or(0.0, |length| length.mean()) * MILLI;
    let refused = refused_share(count, per_sec * mean_secs);
    let found =
        vec![(Check::new(format!("refused, {law}"), refused, within(short)), Figure::total("refused_share"))];
    oracle = Oracle::of_figures("erlang_b_insensitive", oracle.text, oracle.plays, found);
    oracle
}

fn mg1() -> Oracle {
    let service = Service::lognormal(1.0, 4.0);
    let sigma = libm::log(5.0).sqrt();
    let median = 1000.0 * libm::exp(-sigma * sigma / 2.0);
    let output = format!("output = {{ kind = \"lognormal\", median = {median:?}, sigma = {sigma:?} }}");
    let rest = class("c", &output) + &endpoint("e", &format!("{MILLI_TOKENS}\n{}", places(1)));
    let text = scene(54_000, 4_000, &(poisson(0.7) + "\n" + &rest));
    let wait = known(service.mean_wait_secs(0.7));
    let found = vec![
        (Check::new("Wq, s", wait, within(0.12)), Figure::total("ttft_mean").less(MILLI)),
        (Check::new("W, s", wait + service.mean_secs, within(0.10)), Figure::total("e2e_mean")),
    ];
    Oracle::of_figures("mg1_pollaczek_khinchine", text, [50, 1200], found).longer(10)
}

fn md1_waits() -> Oracle {
    let traffic = Traffic { per_sec: 0.8, service_secs: 1.0 };
    let latency = "latency = { kind = \"fixed\", ttft = \"1s\" }";
    let classes = class("soon", &format!("{ONE_TOKEN}\nslo = {{ ttft = \"3s\" }}"))
        + &class("late", &format!("{ONE_TOKEN}\nslo = {{ ttft = \"6s\" }}"));
    let rest = classes + &endpoint("e", &format!("{latency}\n{}", places(1)));
    let text = scene(51_000, 1_000, &(poisson(0.8) + "\n" + &rest));
    let within_share = |secs| 1.0 - md1::wait_share(traffic, secs);
    let check = |what: &str, truth, short| Check::new(what, truth, within(short));
    let found = vec![
        (check("Wq, s", known(md1::mean_wait_secs(traffic)), 0.025), Figure::total("ttft_mean").less(1.0)),
        (check("P(wait ≤ 2 s)", within_share(2.0), 0.012), Figure::class("soon", "good_share")),
        (check("P(wait ≤ 5 s)", within_share(5.0), 0.006), Figure::class("late", "good_share")),
        (
            check("Wq p99, s", known(md1::wait_quantile_secs(traffic, 0.99)), 0.05),
            Figure::total("ttft_p99").less(1.0),
        ),
    ];
    Oracle::of_figures("md1", text, [40, 220], found).longer(10)
}

/// A batch of which each further sequence costs a whole step: a job of size x stays x / (1 − ρ), whatever the law.
fn sharing() -> Oracle {
    // Jobs have tokens of a quarter of a millisecond, so that what a step rounds is small beside them.
    let latency = "latency = { kind = \"continuous_batching\", batch_max = 1_000_000, step_tokens = 1_000_000, \
                   itl = \"250us\", itl_per_sequence = \"250us\" }";
    let fixed = |tokens: u32| format!("output = {{ kind = \"fixed\", tokens = {tokens} }}");
    let of = |name: &str, per_sec: f64, output: &str| class(name, &format!("{}\n{output}", poisson(per_sec)));
    let rest = of("half", 0.2, &fixed(2000))
        + &of("two", 0.2, &fixed(8000))
        + &of("one", 0.3, &exponential(4000))
        + &endpoint("e", latency);
    let text = scene(21_000, 1_000, &rest);
    let stay = |work| known(shared_secs(0.8, work));
    let check = |name: &str, work, short| {
        (
            Check::new(format!("stay of work {work} s"), stay(work), within(short)),
            Figure::class(name, "e2e_mean"),
        )
    };
    Oracle::of_figures(
        "mg1_ps_slowdown",
        text,
        [40, 2100],
        vec![check("half", 0.5, 0.05), check("one", 1.0, 0.06), check("two", 2.0, 0.06)],
    )
}

fn priority() -> Oracle {
    let service = Service::exponential(1.0);
    let rates = [0.3, 0.5];
    let waits =
        waits_by_priority(&rates.map(|per_sec| Class { per_sec, service })).expect("the place keeps up");
    let of = |name: &str, nth: usize| {
        class(name, &format!("{}\npriority = {nth}\n{}", poisson(rates[nth]), exponential(1000)))
    };
    let limits = "limits = [{ kind = \"concurrency\", max = 1, queue_max = 4_000_000_000, scheduling = \"priority\" }]";
    let rest = of("urgent", 0) + &of("patient", 1) + &endpoint("e", &format!("{MILLI_TOKENS}\n{limits}"));
    let text = scene(52_000, 2_000, &rest);
    let figure = |class: &str| Figure::class(class, "ttft_mean").less(MILLI);
    let found = vec![
        (Check::new("Wq urgent, s", waits[0], within(0.015)), figure("urgent")),
        (Check::new("Wq patient, s", waits[1], within(0.045)), figure("patient")),
    ];
    Oracle::of_figures("priority_nonpreemptive", text, [40, 1700], found)
}

/// Erlang A. A class gives up after a silence of a fixed length, so patience of an exponential law is a hundred classes,
/// each as long as the middle of its hundredth of the law.
fn impatient() -> Oracle {
    let (places_count, per_sec, patience_secs) = (10, 11.0, 1.0);
    let kinds = 100;
    let mut text = poisson(per_sec) + "\n";
    for nth in 0..kinds {
        let share = (f64::from(nth) + 0.5) / f64::from(kinds);
        let nanos = libm::round(-libm::log1p(-share) * patience_secs * 1e9 + 1e6);
        let rest =
            format!("{}\nstall_timeout = \"{nanos}ns\"\nslo = {{ ttft = \"1ms\" }}", exponential(1000));
        text += &class(&format!("p{nth}"), &rest);
    }
    text += &endpoint("e", &format!("{MILLI_TOKENS}\n{}", places(places_count)));
    let text = scene(4_050, 50, &text);
    let law = Impatience { per_sec, service_secs: 1.0, patience_secs }
        .at(places_count)
        .expect("the law has an answer");
    let found = vec![
        (Check::new("P(abandon)", law.abandoned_share, within(0.022)), Figure::total("error_share")),
        (Check::new("P(delay)", law.delayed_share, within(0.014)), Figure::total("good_share").rest()),
    ];
    Oracle::of_figures("erlang_a_theta_eq_mu", text, [20, 220], found)
}

/// M/G/∞: how many are in flight over time is Poisson, whatever the law of service.
fn in_flight() -> Oracle {
    let law = Poisson::new(70.0).expect("the mean is a small one");
    let sigma = 0.8f64;
    let median = 3500.0 * libm::exp(-sigma * sigma / 2.0);
    let latency = format!(
        "latency = {{ kind = \"lognormal\", ttft_median = \"{}ns\", ttft_sigma = {sigma:?}, itl = \"0s\" }}",
        libm::round(median * 1e6)
    );
    let text = scene(5_100, 100, &(poisson(20.0) + "\n" + &class("c", ONE_TOKEN) + &endpoint("e", &latency)));
    let checks = vec![
        Check::new("mean in flight", law.mean(), within(0.005)),
        Check::new("variance", law.mean(), within(0.04)),
        Check::new("P(N > 90)", law.above(90), Bound::Relative { short: 0.24, full: 0.03 }),
    ];
    Oracle::played("mginf_concurrency", text, [20, 600], checks, move |scenario| {
        let (from, until) =
            (scenario.warmup.get().as_nanos() as u64, scenario.duration.get().as_nanos() as u64);
        let mut changes = Vec::new();
        watch(scenario, |outcome| {
            changes.push((outcome.intended.as_nanos(), 1i64));
            changes.push((outcome.finished.as_nanos(), -1));
        })?;
        changes.sort_unstable();
        let (mut now, mut there) = (0, 0i64);
        let (mut sum, mut squares, mut above) = (0.0, 0.0, 0.0);
        for (at, change) in changes {
            let secs = (at.clamp(from, until) - now.clamp(from, until)) as f64 / 1e9;
            let count = there as f64;
            sum += count * secs;
            squares += count * count * secs;
            above += if there > 90 { secs } else { 0.0 };
            (now, there) = (at, there + change);
        }
        let span = (until - from) as f64 / 1e9;
        let mean = sum / span;
        // What the mean has of the variance: in flight are correlated for E[S²] / (2 E[S]) to either side.
        let in_mean = 3.5 * libm::exp(sigma * sigma) / span;
        Ok(vec![mean, (squares / span - mean * mean) / (1.0 - in_mean), above / span])
    })
}
