//! The same times for every job.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Latency, Load, Pace};
use crate::number::Span;
use crate::rng::Draws;
use crate::wire::Job;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fixed {
    /// Start of service to first token.
    pub ttft: Span,
    /// Between tokens.
    #[serde(default)]
    pub itl: Span,
}

impl Latency for Fixed {
    fn pace(&mut self, _job: &Job, _load: Load, _draws: &mut Draws) -> Pace {
        Pace::even(self.ttft.get(), self.itl.get())
    }
}
