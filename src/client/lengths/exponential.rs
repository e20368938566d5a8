//! Lengths of which each further token is as likely as the one before: how many turns conversations have.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Length, bounds_problem, one, scaled, whole};
use crate::number::Positive;
use crate::rng::Draws;

/// Exponential, cut at both ends.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Exponential {
    /// The mean before it is cut.
    pub mean: Positive,
    /// Shorter ones are lengthened to this.
    #[serde(default = "one")]
    pub min: u32,
    /// Longer ones are cut to this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

impl Length for Exponential {
    fn draw(&self, draws: &mut Draws) -> u32 {
        let tokens = whole(draws.exponential() * self.mean.get());
        tokens.max(self.min).min(self.max.unwrap_or(u32::MAX))
    }

    /// E min(max(X, a), b) = a + m · (e^(−a/m) − e^(−b/m)).
    fn mean(&self) -> f64 {
        let (mean, min) = (self.mean.get(), f64::from(self.min));
        let above = |tokens: f64| libm::exp(-tokens / mean);
        min + mean * (above(min) - above(self.max.map_or(f64::INFINITY, f64::from)))
    }

    fn scale(&mut self, factor: f64) {
        self.mean = self.mean.times(factor);
        self.min = scaled(self.min, factor);
        self.max = self.max.map(|max| scaled(max, factor));
    }

    fn problem(&self) -> Option<String> {
        bounds_problem(self.min, self.max?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Rng};

    /// The standard deviation is at most the mean; the bound is 4.5 standard errors and half a token of rounding.
    #[test]
    fn a_cut_exponential_has_its_closed_form_mean() {
        const N: u64 = 100_000;
        let rng = Rng::new(4);
        for (mean, min, max) in [(69.0, 1, None), (69.0, 20, Some(100)), (3.0, 1, Some(5))] {
            let length = Exponential { mean: Positive::new(mean).unwrap(), min, max };
            let draw = |key| f64::from(length.draw(&mut rng.of(Purpose::InputLength, key, 0)));
            let drawn = (0..N).map(draw).sum::<f64>() / N as f64;
            let bound = 4.5 * mean / (N as f64).sqrt() + 0.5;
            assert!((drawn - length.mean()).abs() < bound, "{mean}: {drawn} for {}", length.mean());
        }
    }
}
