//! The classes in which tokens are billed.

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
    #[inline]
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
