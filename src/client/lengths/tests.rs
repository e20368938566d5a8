//! What lengths are drawn.

use super::*;
use crate::rng::{Purpose, Rng};

fn sample_mean(length: &dyn Length, n: u64) -> f64 {
    let rng = Rng::new(9);
    let draw = |key| f64::from(length.draw(&mut rng.of(Purpose::InputLength, key, 0)));
    (0..n).map(draw).sum::<f64>() / n as f64
}

fn lognormal(max: Option<u32>) -> Lognormal {
    let median = Positive::new(libm::exp(5.0)).unwrap();
    Lognormal { median, sigma: NonNegative::new(0.8).unwrap(), min: 1, max }
}

#[test]
fn a_cut_lognormal_has_its_closed_form_mean() {
    // The oracle lognormal_truncated_tokens: μ 5, σ 0.8, cut at 512.
    assert!((lognormal(None).mean() / 204.383_882 - 1.0).abs() < 1e-6);
    assert!((lognormal(Some(512)).mean() / 189.077_024_1 - 1.0).abs() < 1e-6);
    // Standard deviation about 125; 4.5 standard errors of 200,000 draws are 1.3.
    assert!((sample_mean(&lognormal(Some(512)), 200_000) - 189.08).abs() < 1.3);
}

#[test]
fn every_named_table_reads_rises_and_has_the_mean_of_its_draws() {
    assert_eq!(Table::all().count(), 14);
    for (name, _) in Table::all() {
        let table = Table::named(&name).unwrap();
        assert_eq!(table.knots.points().len(), 20, "{name}");
        let length = Empirical { table: Some(table), max: Some(8000), ..Empirical::default() };
        let (mean, drawn) = (length.mean(), sample_mean(&length, 50_000));
        assert!((drawn - mean).abs() < 4.5 * 4000.0 / 50_000f64.sqrt() + 0.5, "{name}: {drawn} for {mean}");
    }
}

#[test]
fn the_code_trace_keeps_its_measured_mean() {
    let mean = |name| Empirical { table: Some(Table::named(name).unwrap()), ..Empirical::default() }.mean();
    // The rows' own means are 2,047.8 and 27.9; straight lines between 20 knots keep them to a few percent.
    assert!((mean("azure23-code-input") / 2047.848 - 1.0).abs() < 0.03);
    assert!((mean("azure23-code-output") / 27.883 - 1.0).abs() < 0.05);
}

#[test]
fn an_unknown_table_is_refused_with_the_nearest_that_exists() {
    let error = Table::named("azure23-code-inputs").unwrap_err();
    assert!(error.contains("did you mean 'azure23-code-input'?"), "{error}");
}

#[test]
fn a_uniform_draw_includes_both_bounds() {
    let (rng, length) = (Rng::new(1), Uniform { min: 3, max: 5 });
    let mut seen = [0; 7];
    for key in 0..3000 {
        seen[length.draw(&mut rng.of(Purpose::InputLength, key, 0)) as usize] += 1;
    }
    assert!(seen[3] > 900 && seen[4] > 900 && seen[5] > 900 && seen.iter().sum::<i32>() == 3000, "{seen:?}");
}

#[test]
fn a_mixture_has_the_mean_of_its_parts() {
    let part = |weight, tokens| Part {
        weight: Positive::new(weight).unwrap(),
        length: AnyLength::Fixed(Fixed { tokens }),
    };
    let mixture = Mixture { of: vec![part(1.0, 10), part(3.0, 50)] };
    assert_eq!(mixture.mean(), 40.0);
    assert!((sample_mean(&mixture, 100_000) - 40.0).abs() < 4.5 * 17.4 / 100_000f64.sqrt());
}

#[test]
fn knots_of_ones_own_give_their_quantiles_with_the_lump_at_the_cap() {
    let knots = Knots::new(vec![(0.0, 3.0), (0.5, 120.0), (0.9, 7437.0), (1.0, 7437.0)]).unwrap();
    let length = Empirical::of(knots);
    assert_eq!([0.0, 0.25, 0.5, 0.95].map(|share| length.quantile(share).unwrap()), [3, 62, 120, 7437]);
    assert!((length.mean() - (0.5 * 61.5 + 0.4 * 3778.5 + 743.7)).abs() < 1e-9);
    assert!((sample_mean(&length, 100_000) - length.mean()).abs() < 4.5 * 3000.0 / 100_000f64.sqrt());
}

#[test]
fn an_empirical_length_has_one_source() {
    let knots = Knots::new(vec![(0.0, 1.0), (1.0, 2.0)]).unwrap();
    assert!(Empirical::default().problem().unwrap().contains("no `table`"));
    let both = Empirical { file: Some("a.csv".into()), ..Empirical::of(knots) };
    assert!(both.problem().unwrap().contains("only one of"));
    assert_eq!(both.mean(), 1.5);
}
