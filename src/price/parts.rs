//! Tokens by the classes they are billed in.

use super::{Money, Rate};
use crate::wire::Usage;

/// What tokens are billed as.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TokenClass {
    CacheRead,
    CacheWrite,
    CacheWriteLong,
    Input,
    Output,
    Reasoning,
}

impl TokenClass {
    pub const ALL: [TokenClass; 6] = [
        TokenClass::CacheRead,
        TokenClass::CacheWrite,
        TokenClass::CacheWriteLong,
        TokenClass::Input,
        TokenClass::Output,
        TokenClass::Reasoning,
    ];

    pub fn name(self) -> &'static str {
        match self {
            TokenClass::CacheRead => "cache_read",
            TokenClass::CacheWrite => "cache_write",
            TokenClass::CacheWriteLong => "cache_write_long",
            TokenClass::Input => "input",
            TokenClass::Output => "output",
            TokenClass::Reasoning => "reasoning",
        }
    }

    /// The tokens of this class.
    pub fn of(self, usage: &Usage) -> u32 {
        match self {
            TokenClass::CacheRead => usage.cache_read,
            TokenClass::CacheWrite => usage.cache_write,
            TokenClass::CacheWriteLong => usage.cache_write_long,
            TokenClass::Input => usage.input,
            TokenClass::Output => usage.output,
            TokenClass::Reasoning => usage.reasoning,
        }
    }
}

/// Tokens of one class, and the rate they are billed at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Part {
    pub tokens: u32,
    pub rate: Rate,
}

impl Part {
    pub fn cost(&self) -> Money {
        self.rate.times(u64::from(self.tokens))
    }
}

/// A usage with its rates, by token class.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Parts([Part; 6]);

impl Parts {
    pub fn set(&mut self, class: TokenClass, part: Part) {
        self.0[class as usize] = part;
    }

    pub fn iter(&self) -> impl Iterator<Item = (TokenClass, Part)> + '_ {
        TokenClass::ALL.into_iter().zip(self.0)
    }

    pub fn total(&self) -> Money {
        self.0.iter().map(Part::cost).sum()
    }
}
