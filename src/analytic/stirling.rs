//! The parts of which probabilities of large counts are made without a difference of large numbers (Loader 2000).

use std::f64::consts::TAU;

/// S(z): what Stirling's formula lacks of ln Γ(z + 1). The series is DLMF 5.11.1; its error at 16 is below 10⁻¹⁵.
pub(crate) fn stirling_error(z: f64) -> f64 {
    if z < 16.0 {
        return libm::lgamma(z + 1.0) - (z + 0.5) * libm::log(z) + z - libm::log(TAU) / 2.0;
    }
    let w = 1.0 / (z * z);
    (1.0 / 12.0 - w * (1.0 / 360.0 - w * (1.0 / 1260.0 - w * (1.0 / 1680.0 - w / 1188.0)))) / z
}

/// D(z, m) = z·ln(z/m) + m − z, near z = m by the series of ln(z/m) = 2·artanh((z−m)/(z+m)).
pub(crate) fn deviance(z: f64, m: f64) -> f64 {
    let v = (z - m) / (z + m);
    if v.abs() >= 0.1 {
        return z * libm::log(z / m) + m - z;
    }
    let mut sum = (z - m) * v;
    let mut term = 2.0 * z * v;
    // Each term is at most a hundredth of the one before it.
    for j in 1..12 {
        term *= v * v;
        sum += term / f64::from(2 * j + 1);
    }
    sum
}
