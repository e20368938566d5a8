//! Logarithm, exponential and the normal law's quantiles from tables, in a few multiplications each.
//!
//! ```text
//! ln x   = e·ln 2 + ln c + ln(1 + r)       x = 2^e·m, c the nearest of 128 marks of 1..2, r = m/c − 1
//! exp x  = 2^(k/128) · exp(r)              k = round(128·x / ln 2), r = x − k·ln 2 / 128
//! Φ⁻¹(p) = Σ aᵢ·tⁱ, i to 5                 of the 8 pieces of the octave 2^-(j+1)..2^-j that p is in, t where in it
//! ```
//!
//! The powers of r end where they are below the stated error. A piece of Φ⁻¹ meets it at the six Chebyshev-Lobatto
//! points, the ends among them, so pieces join and the whole ascends; beyond the last octave it is worked out. The tables
//! are made by `libm` and used by additions and multiplications only, so each value is the same to the bit on every
//! platform.

use std::sync::LazyLock;

use crate::analytic::normal;

/// The natural logarithm of a positive normal number; absolute error below 10⁻¹³, and relative as well around 1.
#[inline]
pub fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = (bits >> 52) as i64 - BIAS as i64;
    let (inverse, log) = MARKS[(bits >> (52 - MARK_BITS)) as usize % MARK_COUNT];
    let r = mantissa(bits) * inverse - 1.0;
    let log1p = r * (1.0 + r * (-1.0 / 2.0 + r * (1.0 / 3.0 + r * (-1.0 / 4.0 + r * (1.0 / 5.0)))));
    exponent as f64 * std::f64::consts::LN_2 + log + log1p
}

/// e to the power of `x`; relative error below 2·10⁻¹⁵ + 3·10⁻¹⁶·|x|, and exp(0) is 1.
#[inline]
pub fn exp(x: f64) -> f64 {
    if x.abs() >= EXP_MAX || x.is_nan() {
        return libm::exp(x);
    }
    const STEP: f64 = std::f64::consts::LN_2 / POWER_COUNT as f64;
    // Added to a small number, this leaves its nearest whole one in the last bits.
    const ROUND: f64 = (3u64 << 51) as f64;
    let rounded = x * (1.0 / STEP) + ROUND;
    let steps = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i64;
    let r = x - (rounded - ROUND) * STEP;
    let part = 1.0 + r * (1.0 + r * (1.0 / 2.0 + r * (1.0 / 6.0 + r * (1.0 / 24.0))));
    let whole = (steps >> POWER_BITS) + BIAS as i64;
    POWERS[steps as usize % POWER_COUNT] * part * f64::from_bits((whole as u64) << 52)
}

/// Φ⁻¹ of a share within 0..1; absolute error below 10⁻⁹.
#[inline]
pub fn normal_quantile(share: f64) -> f64 {
    // Neither the half that a share is in nor the sign is a branch: chance would take each half the time.
    let above = 1.0 - share;
    let bits = if share < above { share } else { above }.to_bits();
    let sign = u64::from(share >= 0.5) << 63;
    // Counted from the pieces that end at a half.
    let piece = (HALF - 1).wrapping_sub(bits >> (52 - PIECE_BITS)) as usize;
    let Some([a0, a1, a2, a3, a4, a5]) = PIECES.get(piece) else {
        return normal::quantile(share).expect("a share is within 0..1");
    };
    let t = mantissa(bits << PIECE_BITS) - 1.5;
    let z = a0 + t * (a1 + t * (a2 + t * (a3 + t * (a4 + t * a5))));
    f64::from_bits(z.to_bits() ^ sign)
}

/// Of a positive number's bits: the number over its power of two, within 1..2.
fn mantissa(bits: u64) -> f64 {
    f64::from_bits(bits & ((1 << 52) - 1) | BIAS << 52)
}

/// 1/c and ln c for each part of 1..2. The first mark is 1 and the last is 2, so that around 1 nothing cancels.
static MARKS: LazyLock<[(f64, f64); MARK_COUNT]> = LazyLock::new(|| {
    std::array::from_fn(|part| {
        let middle = 1.0 + (part as f64 + 0.5) / MARK_COUNT as f64;
        let inverse = match part {
            0 => 1.0,
            LAST_MARK => 0.5,
            _ => 1.0 / middle,
        };
        (inverse, -libm::log(inverse))
    })
});

/// 2^(k/128).
static POWERS: LazyLock<[f64; POWER_COUNT]> =
    LazyLock::new(|| std::array::from_fn(|k| libm::exp2(k as f64 / POWER_COUNT as f64)));

/// The coefficients of each piece of Φ⁻¹ below a half, from there down.
static PIECES: LazyLock<[[f64; 6]; PIECE_COUNT]> = LazyLock::new(|| {
    let piece = |nth: usize| {
        let nth = nth as u64;
        let from = f64::from_bits((HALF - 1 - nth) << (52 - PIECE_BITS));
        let to = f64::from_bits((HALF - nth) << (52 - PIECE_BITS));
        let middle = from + (to - from) / 2.0;
        // The points −1/2·cos(k·π/5), k from 0: ±1/2, ±u and ±v.
        let (u, v) = ((1.0 + 5f64.sqrt()) / 8.0, (5f64.sqrt() - 1.0) / 8.0);
        let at = |t: f64| normal::quantile(middle + (to - from) * t).expect("a tail is within 0..1");
        let ends = [0.5, u, v].map(|t| (t, at(-t), at(t)));
        let even = through(ends.map(|(t, low, high)| (t * t, (high + low) / 2.0)));
        let odd = through(ends.map(|(t, low, high)| (t * t, (high - low) / (2.0 * t))));
        [even[0], odd[0], even[1], odd[1], even[2], odd[2]]
    };
    std::array::from_fn(piece)
});

/// The coefficients of the parabola through three points, by divided differences.
fn through([(x, fx), (y, fy), (z, fz)]: [(f64, f64); 3]) -> [f64; 3] {
    let (xy, yz) = ((fy - fx) / (y - x), (fz - fy) / (z - y));
    let square = (yz - xy) / (z - x);
    let linear = xy - square * (x + y);
    [fx - x * (linear + square * x), linear, square]
}

const BIAS: u64 = 1023;
const MARK_BITS: u64 = 7;
const MARK_COUNT: usize = 1 << MARK_BITS;
const LAST_MARK: usize = MARK_COUNT - 1;
const POWER_BITS: u64 = 7;
const POWER_COUNT: usize = 1 << POWER_BITS;
/// Pieces of an octave, as a power of two.
const PIECE_BITS: u64 = 3;
/// Tails below 2⁻²⁵ are met once in sixteen million draws.
const OCTAVES: u64 = 24;
const PIECE_COUNT: usize = (OCTAVES << PIECE_BITS) as usize;
/// The first bits of 1/2.
const HALF: u64 = (BIAS - 1) << PIECE_BITS;
/// Beyond this a power of e may have no normal number.
const EXP_MAX: f64 = 700.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// Even steps in the logarithm of what is from 2⁻⁵³ to 2⁵³, and the numbers nearest to 1.
    #[test]
    fn logarithms_are_those_of_libm() {
        for nth in 0..200_000 {
            let x = libm::exp2(f64::from(nth) * 5.3e-4 - 53.0);
            assert!((ln(x) - libm::log(x)).abs() < 1e-13, "{x}");
        }
        for nth in 1..2000 {
            let x = 1.0 - f64::from(nth) * f64::EPSILON / 2.0;
            assert!((ln(x) / libm::log(x) - 1.0).abs() < 1e-9, "{x}");
        }
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn powers_are_those_of_libm() {
        for nth in -200_000..200_000 {
            let x = f64::from(nth) * 3.51e-3;
            let bound = 2e-15 + 3e-16 * x.abs();
            assert!((exp(x) / libm::exp(x) - 1.0).abs() < bound, "{x}");
        }
        assert_eq!([exp(0.0), exp(f64::NEG_INFINITY), exp(1e300)], [1.0, 0.0, f64::INFINITY]);
        assert!(exp(f64::NAN).is_nan());
    }

    #[test]
    fn quantiles_are_those_of_the_normal_law() {
        for nth in 1..50_000 {
            let even = f64::from(nth) / 50_000.0;
            let far = libm::exp2(-1.0 - f64::from(nth) / 1000.0);
            for share in [even, far, 1.0 - far] {
                let exact = normal::quantile(share).unwrap_or(f64::NAN);
                assert!(share == 1.0 || (normal_quantile(share) - exact).abs() < 1e-9, "{share}");
            }
        }
        assert_eq!(normal_quantile(0.25), -normal_quantile(0.75));
    }

    /// Across each joint of two pieces and within them, to the rounding of sums.
    #[test]
    fn quantiles_ascend_with_their_share() {
        let joints = (0..PIECE_COUNT as u64).map(|nth| (HALF - nth) << (52 - PIECE_BITS));
        for joint in joints {
            let around: Vec<f64> =
                (0..64).map(|nth| normal_quantile(f64::from_bits(joint - 32 + nth))).collect();
            assert!(around.windows(2).all(|pair| pair[1] > pair[0] - 1e-14), "{joint:x}");
        }
        let shares = (1..100_000).map(|nth| normal_quantile(f64::from(nth) / 100_000.0));
        assert!(shares.is_sorted());
    }
}
