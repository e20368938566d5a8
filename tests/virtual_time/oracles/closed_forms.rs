//! The product's closed forms, to the ten digits that the file prints.

use tollgate::analytic::arrivals::{Sine, TwoRates};
use tollgate::analytic::erlang::{Traffic, refused_share};
use tollgate::analytic::impatience::Impatience;
use tollgate::analytic::length::Lognormal;
use tollgate::analytic::mg1::{Class, Service, shared_secs, waits_by_priority};
use tollgate::analytic::poisson::Poisson;
use tollgate::analytic::tandem::{Stage, mean_secs};
use tollgate::analytic::{limit, md1, retry};

use super::file::{Oracle, oracle};

/// All that an oracle expects, each to 1e-9 of it.
fn assert_all(oracle: &Oracle, found: &[(&str, f64)]) {
    for (key, found) in found {
        let expected = oracle.expected(key);
        let bound = 1e-9 * expected.abs();
        assert!((found - expected).abs() <= bound, "{key}: {found} is not {expected} ± {bound}");
    }
    assert_eq!(oracle.keys().len(), found.len(), "{:?}", oracle.keys());
}

fn traffic(oracle: &Oracle) -> Traffic {
    Traffic { per_sec: oracle.param("lambda_"), service_secs: 1.0 / oracle.param("mu") }
}

#[test]
fn mm1_sojourn() {
    let Some(oracle) = oracle("mm1_sojourn") else { return };
    let traffic = traffic(&oracle);
    let (wait, sojourn) = (traffic.mean_wait_secs(1).unwrap(), traffic.mean_sojourn_secs(1).unwrap());
    let quantile = |share| traffic.sojourn_quantile_secs(1, share).unwrap();
    assert_all(
        &oracle,
        &[
            ("W", sojourn),
            ("L", traffic.per_sec * sojourn),
            ("Wq", wait),
            ("Lq", traffic.per_sec * wait),
            ("p50", quantile(0.5)),
            ("p95", quantile(0.95)),
            ("p99", quantile(0.99)),
            ("p999", quantile(0.999)),
        ],
    );
}

#[test]
fn mmc_erlang_c() {
    let Some(oracle) = oracle("mmc_erlang_c") else { return };
    let (traffic, places) = (traffic(&oracle), oracle.param("c") as u32);
    let wait = traffic.mean_wait_secs(places).unwrap();
    assert_all(
        &oracle,
        &[
            ("erlang_b", refused_share(places, traffic.erlangs())),
            ("P_wait", traffic.wait_share(places, 0.0)),
            ("Wq", wait),
            ("W", traffic.mean_sojourn_secs(places).unwrap()),
            ("Lq", traffic.per_sec * wait),
            ("P_wait_gt_0_5", traffic.wait_share(places, 0.5)),
            ("Wq_p95", traffic.wait_quantile_secs(places, 0.95).unwrap()),
            ("Wq_p99", traffic.wait_quantile_secs(places, 0.99).unwrap()),
        ],
    );
}

#[test]
fn erlang_b_insensitive() {
    let Some(oracle) = oracle("erlang_b_insensitive") else { return };
    let (erlangs, places) = (oracle.param("a"), oracle.param("c"));
    let refused = refused_share(places as u32, erlangs);
    let carried = erlangs * (1.0 - refused);
    assert_all(&oracle, &[("blocking", refused), ("carried", carried), ("utilization", carried / places)]);
}

#[test]
fn mg1_pollaczek_khinchine() {
    let Some(oracle) = oracle("mg1_pollaczek_khinchine") else { return };
    let service = Service::lognormal(oracle.param("mean"), oracle.param("scv"));
    let per_sec = oracle.param("lambda_");
    let wait = service.mean_wait_secs(per_sec).unwrap();
    assert_all(
        &oracle,
        &[
            ("Wq", wait),
            ("W", wait + service.mean_secs),
            ("Wq_second_moment", service.wait_second_moment(per_sec).unwrap()),
        ],
    );
}

#[test]
fn md1_waits() {
    let Some(oracle) = oracle("md1") else { return };
    let traffic = Traffic { per_sec: oracle.param("lambda_"), service_secs: oracle.param("D") };
    assert_all(
        &oracle,
        &[
            ("Wq", md1::mean_wait_secs(traffic).unwrap()),
            ("P_wait_le_2", 1.0 - md1::wait_share(traffic, 2.0)),
            ("P_wait_le_5", 1.0 - md1::wait_share(traffic, 5.0)),
            ("Wq_p99", md1::wait_quantile_secs(traffic, 0.99).unwrap()),
        ],
    );
}

#[test]
fn mg1_ps_slowdown() {
    let Some(oracle) = oracle("mg1_ps_slowdown") else { return };
    let mean = oracle.param("mean");
    let of_work = |secs| shared_secs(oracle.param("lambda_") * mean, secs).unwrap();
    assert_all(
        &oracle,
        &[("T_of_size_0_5", of_work(0.5)), ("T_of_size_2", of_work(2.0)), ("T_mean", of_work(mean))],
    );
}

#[test]
fn priority_nonpreemptive() {
    let Some(oracle) = oracle("priority_nonpreemptive") else { return };
    let service = Service::exponential(1.0 / oracle.param("mu"));
    let classes = ["lambda1", "lambda2"].map(|key| Class { per_sec: oracle.param(key), service });
    let waits = waits_by_priority(&classes).unwrap();
    let load = |nth: usize| classes[nth].per_sec * service.mean_secs;
    let together = classes[0].per_sec + classes[1].per_sec;
    assert_all(
        &oracle,
        &[
            ("Wq1", waits[0]),
            ("Wq2", waits[1]),
            ("conservation", load(0) * waits[0] + load(1) * waits[1]),
            ("fifo_Wq", service.mean_wait_secs(together).unwrap()),
        ],
    );
}

fn impatience(oracle: &Oracle) -> Impatience {
    let Traffic { per_sec, service_secs } = traffic(oracle);
    Impatience { per_sec, service_secs, patience_secs: 1.0 / oracle.param("theta") }
}

#[test]
fn erlang_a_theta_eq_mu() {
    let Some(oracle) = oracle("erlang_a_theta_eq_mu") else { return };
    let found = impatience(&oracle).at(oracle.param("c") as u32).unwrap();
    assert_all(
        &oracle,
        &[
            ("P_abandon", found.abandoned_share),
            ("P_delay", found.delayed_share),
            ("E_wait_all", found.mean_wait_secs),
            ("E_busy", found.busy),
            ("goodput", found.busy * oracle.param("mu")),
        ],
    );
}

#[test]
fn erlang_a_general() {
    let Some(oracle) = oracle("erlang_a_general") else { return };
    let found = impatience(&oracle).at(oracle.param("c") as u32).unwrap();
    assert_all(
        &oracle,
        &[
            ("P_abandon", found.abandoned_share),
            ("P_delay", found.delayed_share),
            ("E_wait_all", found.mean_wait_secs),
        ],
    );
}

#[test]
fn mginf_concurrency() {
    let Some(oracle) = oracle("mginf_concurrency") else { return };
    let in_flight = Poisson::new(oracle.param("lambda_") * oracle.param("mean_latency_s")).unwrap();
    let quantile = |share| in_flight.quantile(share).unwrap() as f64;
    assert_all(
        &oracle,
        &[
            ("mean", in_flight.mean()),
            ("variance", in_flight.mean()),
            ("p50", quantile(0.5)),
            ("p99", quantile(0.99)),
            ("p999", quantile(0.999)),
        ],
    );
}

#[test]
fn tandem_jackson() {
    let Some(oracle) = oracle("tandem_jackson") else { return };
    let per_sec = oracle.param("lambda_");
    let gateway = Stage { places: 1, service_secs: 1.0 / oracle.param("mu1") };
    let provider = Stage { places: oracle.param("c2") as u32, service_secs: 1.0 / oracle.param("mu2") };
    let there = mean_secs(per_sec, &[gateway, provider]).unwrap();
    assert_all(
        &oracle,
        &[
            ("W1", gateway.mean_secs(per_sec).unwrap()),
            ("W2", provider.mean_secs(per_sec).unwrap()),
            ("W", there),
            ("L", per_sec * there),
        ],
    );
}

fn sine(oracle: &Oracle) -> Sine {
    let [per_sec, amplitude, period_secs] = ["l0", "A", "period_s"].map(|key| oracle.param(key));
    Sine { per_sec, amplitude, period_secs }
}

#[test]
fn nhpp_diurnal_counts() {
    let Some(oracle) = oracle("nhpp_diurnal_counts") else { return };
    let (sine, hour) = (sine(&oracle), 3600.0);
    let day = sine.count(0.0, sine.period_secs);
    assert_all(
        &oracle,
        &[
            ("per_day", day),
            ("peak_6h", sine.count(3.0 * hour, 9.0 * hour)),
            ("trough_6h", sine.count(15.0 * hour, 21.0 * hour)),
            ("peak_rate", sine.peak_per_sec()),
            ("sd_per_day", day.sqrt()),
        ],
    );
}

#[test]
fn mtminf_peak_concurrency() {
    let Some(oracle) = oracle("mtminf_peak_concurrency") else { return };
    let found = sine(&oracle).in_flight(oracle.param("mean_s"));
    assert_all(
        &oracle,
        &[
            ("mean", found.mean),
            ("max", found.max),
            ("min", found.min),
            ("lag_s", found.lag_secs),
            ("t_peak_s", found.peak_secs),
        ],
    );
}

#[test]
fn mmpp2_dispersion() {
    let Some(oracle) = oracle("mmpp2_dispersion") else { return };
    let bursts = TwoRates {
        per_sec: ["r1", "r2"].map(|key| oracle.param(key)),
        leave_per_sec: ["leave1", "leave2"].map(|key| oracle.param(key)),
    };
    let dispersion = bursts.dispersion(f64::INFINITY).unwrap();
    assert_all(&oracle, &[("mean_rate", bursts.mean_per_sec()), ("idc_inf", dispersion)]);
}

#[test]
fn lognormal_truncated_tokens() {
    let Some(oracle) = oracle("lognormal_truncated_tokens") else { return };
    let law = Lognormal::new(oracle.param("mu"), oracle.param("sigma")).unwrap();
    let cap = oracle.param("max_tokens");
    assert_all(
        &oracle,
        &[
            ("E_untruncated", law.mean()),
            ("E_truncated", law.capped_mean(cap)),
            ("P_cut", law.cut_share(cap)),
            ("p50", law.quantile(0.5).unwrap()),
            ("p99_untruncated", law.quantile(0.99).unwrap()),
        ],
    );
}

#[test]
fn fixed_window_in_closed_form() {
    let Some(oracle) = oracle("fixed_window_rpm") else { return };
    let refused = |limit, mean| limit::window_refused_share(limit, mean).unwrap();
    assert_all(
        &oracle,
        &[
            ("reject_m60", refused(60, 60.0)),
            ("reject_m50", refused(60, 50.0)),
            ("reject_m80", refused(60, 80.0)),
            ("reject_L600_m600", refused(600, 600.0)),
        ],
    );
}

/// Each of the shares by its key, of a list of loads and one of sizes.
fn assert_grid(oracle: &Oracle, keys: &[String], found: &[f64]) {
    let found: Vec<_> = keys.iter().map(String::as_str).zip(found.iter().copied()).collect();
    assert_all(oracle, &found);
}

#[test]
fn token_bucket_in_closed_form() {
    let Some(oracle) = oracle("token_bucket_poisson_md1k") else { return };
    let (mut keys, mut found) = (Vec::new(), Vec::new());
    for burst in oracle.params("B") {
        for rate in oracle.params("lambda_") {
            keys.push(format!("B{burst}_lambda{rate:.1}"));
            found.push(limit::bucket_refused_share(burst as u32, rate / oracle.param("r")).unwrap());
        }
    }
    assert_grid(&oracle, &keys, &found);
}

#[test]
fn leaky_bucket_in_closed_form() {
    let Some(oracle) = oracle("ptu_leaky_bucket") else { return };
    let (mut keys, mut found) = (Vec::new(), Vec::new());
    for load in oracle.params("rho") {
        for room in oracle.params("B") {
            keys.push(format!("rho{load:.1}_B{room}"));
            found.push(limit::leaky_refused_share(room / oracle.param("m"), load).unwrap());
        }
    }
    assert_grid(&oracle, &keys, &found);
}

#[test]
fn retries_in_closed_form() {
    let Some(oracle) = oracle("retry_amplification") else { return };
    assert_all(
        &oracle,
        &[
            ("p30_R3", retry::attempts_mean(0.3, 3).unwrap()),
            ("p50_R5", retry::attempts_mean(0.5, 5).unwrap()),
            ("p90_R3", retry::attempts_mean(0.9, 3).unwrap()),
            ("success_p30_R3", retry::success_share(0.3, 3).unwrap()),
            ("success_p90_R3", retry::success_share(0.9, 3).unwrap()),
        ],
    );
}
