//! Student's law: how far a mean of few samples may lie from the truth, in standard errors.
//!
//! ```text
//! P(|T| > t) = I_x(ν/2, 1/2),   x = ν / (ν + t²)
//! ```
//!
//! The tail is convex in t > 0, so Newton's steps from the normal law's quantile, which is always too near, climb to
//! the answer without passing it. (DLMF 8.17; Student, 1908.)

use super::beta;
use super::interval::Confidence;
use crate::analytic::normal;

/// The t that |T| of `degrees` degrees of freedom (at least 1) stays within with this confidence.
pub fn quantile(degrees: u64, confidence: Confidence) -> f64 {
    let degrees = degrees.max(1) as f64;
    let mut t = normal_quantile(confidence);
    for _ in 0..STEPS_MAX {
        let (tail, slope) = tail_and_slope(degrees, t);
        let step = (tail - confidence.error()) / slope;
        t += step;
        if step.abs() <= 2.0 * f64::EPSILON * t {
            break;
        }
    }
    t
}

/// The z that a standard normal value stays within, either side of 0, with this confidence.
pub fn normal_quantile(confidence: Confidence) -> f64 {
    -normal::quantile(confidence.error() / 2.0).expect("the error of a confidence is within 0 and a half")
}

/// P(|T| > t), and how fast it falls there: twice the density, which is 2·xᵃyᵇ / (t·B(a, b)).
fn tail_and_slope(degrees: f64, t: f64) -> (f64, f64) {
    let (a, b) = (degrees / 2.0, 0.5);
    let (x, y) = (degrees / (degrees + t * t), t * t / (degrees + t * t));
    let slope = 2.0 * a * b / (a + b) * beta::point(a, b, x, y) / t;
    (beta::regularized(a, b, x, y).below, slope)
}

/// With one degree the steps double t; 10⁻¹² is reached in 40.
const STEPS_MAX: u32 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    /// From the incomplete beta function in 40 digits.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        let table = [
            (1, Confidence::P95, 12.7062047361747),
            (1, Confidence::P99, 63.65674116287158),
            (2, Confidence::P95, 4.302652729749464),
            (2, Confidence::P99, 9.924843200918293),
            (4, Confidence::P95, 2.776445105197794),
            (4, Confidence::P99, 4.604094871349993),
            (9, Confidence::P95, 2.262157162798206),
            (9, Confidence::P99, 3.249835541592126),
            (19, Confidence::P95, 2.09302405440831),
            (19, Confidence::P99, 2.860934606464979),
            (30, Confidence::P95, 2.042272456301238),
            (30, Confidence::P99, 2.749995653567225),
            (99, Confidence::P95, 1.984216951586417),
            (99, Confidence::P99, 2.626405457280828),
            (999, Confidence::P95, 1.96234146113345),
            (999, Confidence::P99, 2.580759637267637),
            (100000, Confidence::P95, 1.95998770753461),
            (100000, Confidence::P99, 2.575878469908375),
        ];
        for (degrees, confidence, t) in table {
            let found = quantile(degrees, confidence);
            assert!((found / t - 1.0).abs() < 1e-12, "{degrees}: {found} is not {t}");
        }
    }

    /// With one degree, t = tan(π·c/2); with two, t = c·√(2/(1 − c²)).
    #[test]
    fn one_and_two_degrees_have_a_closed_form() {
        for share in [0.5, 0.9, 0.95, 0.999] {
            let confidence = Confidence::new(share).unwrap();
            let one = libm::tan(std::f64::consts::FRAC_PI_2 * share);
            let two = share * (2.0 / (1.0 - share * share)).sqrt();
            assert!((quantile(1, confidence) / one - 1.0).abs() < 1e-12, "{share}");
            assert!((quantile(2, confidence) / two - 1.0).abs() < 1e-12, "{share}");
        }
        assert_eq!(quantile(0, Confidence::P95), quantile(1, Confidence::P95));
    }

    #[test]
    fn more_degrees_come_ever_nearer_to_the_normal_law() {
        let z = normal_quantile(Confidence::P99);
        let mut last = f64::INFINITY;
        for degrees in [1, 2, 3, 10, 100, 1_000, 100_000, 10_000_000, 1_000_000_000] {
            let t = quantile(degrees, Confidence::P99);
            assert!(t < last && t > z, "{degrees}: {t}");
            last = t;
        }
        assert!(last - z < 1e-8);
    }
}
