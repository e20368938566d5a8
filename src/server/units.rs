//! What quotas are counted in: exact thousandths of a request or a token.

use std::ops::{Add, Sub};

pub use crate::weight::Weight;

/// An amount of quota, in thousandths of a request or a token.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Units(u64);

impl Units {
    pub const fn whole(count: u32) -> Units {
        Units(count as u64 * 1000)
    }

    pub const fn from_thousandths(thousandths: u64) -> Units {
        Units(thousandths)
    }

    pub const fn thousandths(self) -> u64 {
        self.0
    }
}

impl Weight {
    /// What so many tokens count.
    pub fn times(self, tokens: u32) -> Units {
        Units(u64::from(self.thousandths()) * u64::from(tokens))
    }
}

impl Add for Units {
    type Output = Units;
    /// Saturates.
    fn add(self, other: Units) -> Units {
        Units(self.0.saturating_add(other.0))
    }
}

impl Sub for Units {
    type Output = Units;
    /// Stops at zero.
    fn sub(self, other: Units) -> Units {
        Units(self.0.saturating_sub(other.0))
    }
}
