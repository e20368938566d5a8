//! That draws are those of their keys, that neighbours share nothing, and that each law is what it claims to be.

use super::*;
use crate::analytic::normal;

#[test]
fn the_generator_gives_its_published_values() {
    // SplitMix64 from 1234567.
    let mut draws = Draws(1_234_567);
    let values = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
    assert_eq!([draws.u64(), draws.u64(), draws.u64()], values);
}

#[test]
fn a_unit_draw_meets_neither_end() {
    let unit = |bits: u64| ((bits >> 12) as f64 + 0.5) * (1.0 / (1u64 << 52) as f64);
    assert!(unit(0) > 0.0 && unit(u64::MAX) < 1.0);
}

#[test]
fn a_draw_depends_on_its_key_and_on_nothing_else() {
    let rng = Rng::new(7);
    let draw = |purpose, key, attempt| rng.of(purpose, key, attempt).u64();
    let base = draw(Purpose::Latency, 1, 0);
    assert_eq!(base, draw(Purpose::Latency, 1, 0));
    assert_ne!(base, draw(Purpose::Retry, 1, 0));
    assert_ne!(base, draw(Purpose::Latency, 2, 0));
    assert_ne!(base, draw(Purpose::Latency, 1, 1));
    assert_ne!(base, Rng::new(8).of(Purpose::Latency, 1, 0).u64());
}

/// n · STEP = a · ATTEMPT has one solution n for each a, as STEP is odd: it is never small.
#[test]
fn attempts_of_one_key_share_no_draw() {
    let inverse = (0..6).fold(1u64, |x, _| x.wrapping_mul(2u64.wrapping_sub(STEP.wrapping_mul(x))));
    assert_eq!(inverse.wrapping_mul(STEP), 1);
    for attempt in 1..=u64::from(u16::MAX) {
        let draws = attempt.wrapping_mul(ATTEMPT).wrapping_mul(inverse) as i64;
        assert!(draws.unsigned_abs() > 1 << 32, "{attempt}");
    }
}

/// Two purposes open one stream where their keys differ by what their own do.
#[test]
fn purposes_share_no_stream_as_long_as_keys_are_numbers() {
    for purpose in 0..64u64 {
        for other in 0..purpose {
            assert!(mix(purpose) ^ mix(other) >= 1 << 48, "{purpose} and {other}");
        }
    }
    let (rng, purposes) =
        (Rng::new(1), [Purpose::Class, Purpose::InputLength, Purpose::Jitter, Purpose::Latency]);
    let drawn = |purpose| (0..256).map(move |key| rng.of(purpose, key, 0).u64());
    let drawn: std::collections::BTreeSet<u64> = purposes.into_iter().flat_map(drawn).collect();
    assert_eq!(drawn.len(), 4 * 256);
}

/// χ² over 16 × 16 cells of neighbouring draws, by their first bits and by their last: 255 degrees of freedom, so that
/// a sound generator is within 255 ± 4.5·√510 but for 7 in a million (seeds fixed).
#[test]
fn neighbours_in_keys_attempts_purposes_seeds_and_draws_are_independent() {
    let purposes = [Purpose::Class, Purpose::InputLength, Purpose::Jitter, Purpose::Latency];
    let rng = Rng::new(42);
    let mut stream = rng.of(Purpose::Latency, 0, 0);
    let check = |name: &str, draw: &mut dyn FnMut(u64) -> u64| {
        const PAIRS: u64 = 1 << 16;
        let mut cells = [[0u32; 256]; 2];
        for pair in 0..PAIRS {
            let (one, other) = (draw(2 * pair), draw(2 * pair + 1));
            cells[0][(one >> 60 << 4 | other >> 60) as usize] += 1;
            cells[1][((one & 15) << 4 | other & 15) as usize] += 1;
        }
        let expected = PAIRS as f64 / 256.0;
        for cells in cells {
            let chi: f64 = cells.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
            assert!((chi - 255.0).abs() < 4.5 * 510f64.sqrt(), "{name}: {chi}");
        }
    };
    check("keys", &mut |nth| rng.of(Purpose::Latency, nth, 0).u64());
    check("keys far apart", &mut |nth| rng.of(Purpose::Latency, nth << 40, 0).u64());
    check("attempts", &mut |nth| rng.of(Purpose::Latency, nth >> 4, (nth & 15) as u32).u64());
    check("purposes", &mut |nth| rng.of(purposes[(nth & 3) as usize], nth >> 2, 0).u64());
    check("seeds", &mut |nth| Rng::new(nth).of(Purpose::Latency, 0, 0).u64());
    check("children", &mut |nth| rng.child(nth).of(Purpose::Latency, 0, 0).u64());
    check("draws", &mut |_| stream.u64());
    check("second draws of keys", &mut |nth| {
        let mut draws = rng.of(Purpose::Latency, nth, 0);
        draws.u64();
        draws.u64()
    });
}

/// Means over n keyed draws lie within 4.5 standard errors of the truth (false alarm 7 in a million, seed fixed).
#[test]
fn keyed_draws_have_the_moments_they_claim() {
    const N: u64 = 200_000;
    let rng = Rng::new(42);
    let check = |name: &str, mean: f64, variance: f64, draw: &dyn Fn(&mut Draws) -> f64| {
        let sum: f64 = (0..N).map(|key| draw(&mut rng.of(Purpose::Latency, key, 0))).sum();
        let bound = 4.5 * (variance / N as f64).sqrt();
        assert!((sum / N as f64 - mean).abs() < bound, "{name}: {} is not {mean} ± {bound}", sum / N as f64);
    };
    check("unit", 0.5, 1.0 / 12.0, &|draws| draws.unit());
    check("exponential", 1.0, 1.0, &|draws| draws.exponential());
    check("normal", 0.0, 1.0, &|draws| draws.normal());
    check("normal squared", 1.0, 2.0, &|draws| draws.normal().powi(2));
    check("gamma 0.5", 1.0, 2.0, &|draws| draws.gamma(0.5));
    check("gamma 0.2", 1.0, 5.0, &|draws| draws.gamma(0.2));
    // E x² = (k + 1)/k and E x⁴ = (k + 1)(k + 2)(k + 3)/k³.
    check("gamma 0.8 squared", 2.25, 1.8 * 2.8 * 3.8 / 0.512 - 2.25 * 2.25, &|draws| {
        draws.gamma(0.8).powi(2)
    });
    check("gamma 4", 1.0, 0.25, &|draws| draws.gamma(4.0));
    check("gamma 4 squared", 1.25, 0.9, &|draws| draws.gamma(4.0).powi(2));
    check("below 10", 4.5, 8.25, &|draws| draws.below(10) as f64);
}

/// Kolmogorov and Smirnov's distance from the law is below 2.3 / √n but for one in 20,000 (2·exp(−2·2.3²)).
#[test]
fn keyed_draws_follow_the_laws_they_claim() {
    const N: u64 = 50_000;
    let rng = Rng::new(43);
    let check = |name: &str, below: &dyn Fn(f64) -> f64, draw: &dyn Fn(&mut Draws) -> f64| {
        let mut drawn: Vec<f64> = (0..N).map(|key| draw(&mut rng.of(Purpose::Latency, key, 0))).collect();
        drawn.sort_by(f64::total_cmp);
        let distance = |(nth, x): (usize, &f64)| {
            let share = below(*x);
            (share - nth as f64 / N as f64).abs().max((share - (nth + 1) as f64 / N as f64).abs())
        };
        let distance = drawn.iter().enumerate().map(distance).fold(0.0, f64::max);
        assert!(distance < 2.3 / (N as f64).sqrt(), "{name}: {distance}");
    };
    check("unit", &|x| x, &|draws| draws.unit());
    check("exponential", &|x| -libm::expm1(-x), &|draws| draws.exponential());
    check("normal", &|x| normal::above(-x), &|draws| draws.normal());
    check("lognormal", &|x| normal::above(-libm::log(x) / 0.7), &|draws| draws.lognormal(0.7));
    check("weibull", &|x| -libm::expm1(-libm::pow(x, 0.4)), &|draws| draws.weibull(0.4));
    // Half a squared normal is gamma of shape 1/2; x(1 + x + x²/2)-sums are the Erlang law of shape 3.
    check("gamma 0.5", &|x| libm::erf(libm::sqrt(x / 2.0)), &|draws| draws.gamma(0.5));
    let erlang = |x: f64| 1.0 - libm::exp(-3.0 * x) * (1.0 + 3.0 * x + 4.5 * x * x);
    check("gamma 3", &erlang, &|draws| draws.gamma(3.0));
    check("gamma 1", &|x| -libm::expm1(-x), &|draws| draws.gamma(1.0));
}

/// What Marsaglia and Tsang's quick test takes, the exact one takes.
#[test]
fn the_quick_test_of_gamma_draws_takes_no_more_than_the_exact_one() {
    for shape in [0.4, 0.5, 0.9, 1.0, 1.1, 3.0, 100.0] {
        let d: f64 = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        for nth in -5_000..5_000 {
            let x = f64::from(nth) / 500.0;
            let w = c * x;
            let quick = 1.0 - 0.0331 * (x * (c / C_0).max(1.0)).powi(4);
            let exact = d * (3.0 * (1.0 + w).ln() - 3.0 * w + 1.5 * w * w - w * w * w);
            assert!(w <= -1.0 || quick <= exact.exp() + 1e-12, "{shape}: {x}");
            assert!(w <= -1.0 || exact < 1e-9, "{shape}: {x}");
        }
    }
}

/// A normal and an exponential draw go with the unit draw they are made of, and so do those of two laws on one key.
#[test]
fn laws_of_one_key_go_together() {
    let rng = Rng::new(44);
    let mut drawn: Vec<(f64, f64, f64)> = (0..10_000)
        .map(|key| {
            let draws = || rng.of(Purpose::Latency, key, 0);
            (draws().unit(), draws().normal(), draws().exponential())
        })
        .collect();
    drawn.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(drawn.windows(2).all(|pair| pair[0].1 <= pair[1].1 && pair[0].2 <= pair[1].2));
}
