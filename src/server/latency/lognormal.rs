//! Times that scatter as those of hosted models do: many near the median, some far above it.
//!
//! ```text
//!  first = ttft_median · exp(ttft_sigma · z) + per_1k_input · input tokens / 1000
//!  gap   = itl · exp(itl_sigma · z′)                       z, z′ standard normal, drawn for the attempt
//! ```
//!
//! Within an answer each token is late by up to `jitter · gap`, uniformly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Latency, Load, Pace, prefill_nanos};
use crate::number::{NonNegative, Share, Span};
use crate::rng::Draws;
use crate::time::nanos;
use crate::wire::Job;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lognormal {
    /// Start of service to first token, for an empty prompt: the median.
    pub ttft_median: Span,
    /// Its spread: the standard deviation of its logarithm. 0.5 puts the p95 at 2.3 medians.
    pub ttft_sigma: NonNegative,
    /// Added to the first token for every 1000 prompt tokens.
    #[serde(default)]
    pub per_1k_input: Span,
    /// Between tokens: the median over requests.
    pub itl: Span,
    /// Its spread over requests: the standard deviation of its logarithm.
    #[serde(default)]
    pub itl_sigma: NonNegative,
    /// How irregular the tokens of one answer are, as a share of the time between them.
    #[serde(default = "default_jitter")]
    pub jitter: Share,
}

impl Lognormal {
    /// The pace of a job that takes `factor` times as long as it would alone.
    pub(super) fn slowed(&self, job: &Job, factor: f64, draws: &mut Draws) -> Pace {
        let ttft = nanos(self.ttft_median.get()) as f64 * draws.lognormal(self.ttft_sigma.get());
        let gap = nanos(self.itl.get()) as f64 * draws.lognormal(self.itl_sigma.get());
        let prefill = prefill_nanos(self.per_1k_input, job) as f64;
        Pace::jittered((ttft + prefill) * factor, gap * factor, self.jitter)
    }
}

impl Latency for Lognormal {
    fn pace(&mut self, job: &Job, _load: Load, draws: &mut Draws) -> Pace {
        self.slowed(job, 1.0, draws)
    }
}

fn default_jitter() -> Share {
    Share::new(0.2).expect("20 % is a share")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Rng};
    use crate::server::latency::tests::{ALONE, job};

    fn lognormal(text: &str) -> Lognormal {
        toml::from_str(text).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The logarithms have the mean ln(median) and the spread sigma: within 4.5 standard errors, seed fixed.
    #[test]
    fn the_median_and_the_spread_are_those_of_the_settings() {
        let mut latency = lognormal("ttft_median = '400ms'\nttft_sigma = 0.5\nitl = '20ms'\nitl_sigma = 0.1");
        const N: u64 = 10_000;
        let (mut firsts, mut squares, mut gaps) = (0.0, 0.0, 0.0);
        for key in 0..N {
            let pace = latency.pace(&job(0), ALONE, &mut Rng::new(3).of(Purpose::Latency, key, 0));
            let first = (pace.first_nanos as f64 / 4e8).ln();
            firsts += first;
            squares += first * first;
            gaps += (pace.gap_nanos as f64 / 2e7).ln();
        }
        let n = N as f64;
        assert!((firsts / n).abs() < 4.5 * 0.5 / n.sqrt());
        assert!((squares / n - 0.25).abs() < 4.5 * 0.25 * (2.0 / n).sqrt());
        assert!((gaps / n).abs() < 4.5 * 0.1 / n.sqrt());
    }

    #[test]
    fn the_prompt_adds_its_term_exactly() {
        let mut latency =
            lognormal("ttft_median = '400ms'\nttft_sigma = 0\nitl = '20ms'\nper_1k_input = '50ms'");
        let pace = latency.pace(&job(3500), ALONE, &mut Rng::new(3).of(Purpose::Latency, 0, 0));
        assert_eq!(pace, Pace { first_nanos: 575_000_000, gap_nanos: 20_000_000, jitter_nanos: 4_000_000 });
    }

    #[test]
    fn a_wild_spread_saturates() {
        let mut latency = lognormal(
            "ttft_median = '400ms'\nttft_sigma = 1e6\nitl = '1w'\nitl_sigma = 1e300\njitter = '100%'",
        );
        for key in 0..100 {
            let pace = latency.pace(&job(0), ALONE, &mut Rng::new(3).of(Purpose::Latency, key, 0));
            assert!(pace.jitter_nanos <= pace.gap_nanos);
        }
    }
}
