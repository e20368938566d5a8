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

    /// The tokens of every class, in the order of [`ALL`](Self::ALL).
    #[inline]
    pub fn amounts(usage: &Usage) -> [u64; TokenClass::ALL.len()] {
        let Usage { cache_read, cache_write, cache_write_long, input, output, reasoning, .. } = *usage;
        [
            cache_read.into(),
            cache_write.into(),
            cache_write_long.into(),
            input.into(),
            output.into(),
            reasoning.into(),
        ]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_amounts_are_those_of_each_class_in_order() {
        let prompt =
            Usage { input: 1, cache_read: 2, cache_write: 3, cache_write_long: 4, ..Usage::default() };
        let usage = Usage { output: 5, reasoning: 6, ..prompt };
        assert_eq!(TokenClass::amounts(&usage), TokenClass::ALL.map(|class| u64::from(class.of(&usage))));
    }
}
