//! How sure figures are: ranks of order statistics, the cut of MSER-5, and how long a run must be.

use tollgate::rng::{Purpose, Rng};
use tollgate::statistics::batches::BatchMeans;
use tollgate::statistics::interval::Confidence;
use tollgate::statistics::quantile::{ranks, samples_needed};
use tollgate::statistics::run_length;
use tollgate::statistics::warmup::mser5;

use super::file::oracle;

#[test]
fn quantile_ci_order_stats() {
    let Some(oracle) = oracle("quantile_ci_order_stats") else { return };
    for (samples, q) in [(1_000, 0.99), (10_000, 0.99), (100, 0.95)] {
        let found = ranks(samples, q, Confidence::P95).unwrap();
        oracle.assert(&format!("l_{samples}"), found.low as f64);
        oracle.assert(&format!("u_{samples}"), found.high as f64);
        oracle.assert(&format!("coverage_{samples}"), found.coverage);
    }
    oracle.assert("n_min_p99_upper95", samples_needed(0.99, Confidence::P95) as f64);
    assert_eq!(oracle.keys().len(), 10);
}

#[test]
fn mser5_known_series() {
    let Some(oracle) = oracle("mser5_known_series") else { return };
    let series: Vec<f64> = (0..1_000).map(|at| if at < 100 { 10.0 } else { [1.0, -1.0][at % 2] }).collect();
    let found = mser5(&series).unwrap();
    oracle.assert("batches_deleted", found.batches as f64);
    oracle.assert("truncation_point", found.samples as f64);
    oracle.assert("mean_after", found.mean);
    oracle.assert("statistic", found.statistic);
    assert!(found.is_settled);
    assert_eq!(oracle.keys().len(), 4);
}

/// The formula, to the digits printed (the oracle takes z = 1.96 for 1.959964: 2·10⁻⁵ of a half-width, 4·10⁻⁵ of a length),
/// and 976 batches of 8,192 customers played by Lindley's recursion. The variance among so many has a deviation of
/// √(2/975) = 4.5 %; the oracle allows three of them. Neighbouring batches share some hundred customers: 1 % or so.
#[test]
fn mm1_run_length() {
    let Some(oracle) = oracle("mm1_run_length") else { return };
    let rho = oracle.param("rho");
    let variance = run_length::mm1_waits_variance(rho).unwrap();
    assert!((variance / oracle.expected("asymptotic_variance") - 1.0).abs() < 1e-9);
    let narrow = oracle.param("rel") * rho / (1.0 - rho);
    let needed = run_length::samples_needed(variance, narrow, Confidence::P95);
    assert!((needed / oracle.expected("n_required") - 1.0).abs() < 4e-5, "{needed}");
    for (samples, key) in [(1e6, "ci_halfwidth_1e6"), (1e7, "ci_halfwidth_1e7")] {
        let found = run_length::half_width(variance, samples, Confidence::P95);
        assert!((found / oracle.expected(key) - 1.0).abs() < 2e-5, "{key}: {found}");
    }

    let mut draws = Rng::new(1).of(Purpose::Latency, 0, 0);
    let mut means = BatchMeans::new(800);
    let mut wait = 0.0_f64;
    while means.size() < 8_192 || means.means().len() < 976 {
        means.add(wait);
        wait = (wait + draws.exponential() - draws.exponential() / rho).max(0.0);
    }
    oracle.assert("asymptotic_variance", means.asymptotic_variance());
    let interval = means.interval(Confidence::P99).unwrap();
    assert!(interval.holds(rho / (1.0 - rho)), "{interval:?}");
    assert_eq!(oracle.keys().len(), 4);
}
