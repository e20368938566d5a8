//! How long prompts and answers are, in tokens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds;
use crate::rng::Draws;

/// A distribution of lengths.
pub trait Length: Send {
    /// One length, in tokens.
    fn draw(&self, draws: &mut Draws) -> u32;

    /// The mean length, in tokens.
    fn mean(&self) -> f64;
}

kinds! {
    /// Any distribution of lengths.
    pub enum AnyLength("length"): Length {
        Fixed = "fixed",
    }
}

/// Always the same.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fixed {
    pub tokens: u32,
}

impl Length for Fixed {
    fn draw(&self, _draws: &mut Draws) -> u32 {
        self.tokens
    }

    fn mean(&self) -> f64 {
        f64::from(self.tokens)
    }
}
