//! A hosted service: lognormal time to first token, longer for longer prompts, then a steady jittered flow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Latency, Load, Pace};
use crate::number::{NonNegative, Share, Span};
use crate::rng::Draws;
use crate::time::span_from_secs;
use crate::wire::Job;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lognormal {
    /// Median time to first token of an empty prompt.
    pub ttft_median: Span,
    /// Standard deviation of its logarithm: 0.2 for a healthy service, 0.5 and more for an uneven one.
    #[serde(default)]
    pub ttft_sigma: NonNegative,
    /// Added for each thousand prompt tokens.
    #[serde(default)]
    pub per_1k_input: Span,
    /// Median time between tokens.
    #[serde(default)]
    pub itl: Span,
    /// Standard deviation of the logarithm of a request's own time between tokens.
    #[serde(default)]
    pub itl_sigma: NonNegative,
    /// How far a token may lag behind the request's steady flow, as a share of the time between tokens.
    #[serde(default = "default_jitter")]
    pub jitter: Share,
}

impl Latency for Lognormal {
    fn pace(&mut self, job: &Job, _load: Load, draws: &mut Draws) -> Pace {
        self.draw(job, 1.0, draws)
    }
}

impl Lognormal {
    /// A pace with all its times stretched by `factor`.
    pub(super) fn draw(&self, job: &Job, factor: f64, draws: &mut Draws) -> Pace {
        let spread = |sigma: NonNegative, draws: &mut Draws| draws.lognormal(0.0, sigma.get());
        let prompt = self.per_1k_input.as_secs_f64() * f64::from(job.request.input_tokens) / 1000.0;
        let first = self.ttft_median.as_secs_f64() * spread(self.ttft_sigma, draws) + prompt;
        let gap = span_from_secs(self.itl.as_secs_f64() * spread(self.itl_sigma, draws) * factor);
        let jitter = span_from_secs(gap.as_secs_f64() * self.jitter.get()).min(gap);
        Pace { first: span_from_secs(first * factor), gap, jitter }
    }
}

fn default_jitter() -> Share {
    Share::new(0.2).expect("20 % is a share")
}
