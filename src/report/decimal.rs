//! Decimal numbers without rounding.

use std::fmt;

/// `digits` · 10^-`scale`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal {
    digits: i128,
    scale: u32,
}

impl Decimal {
    pub const ZERO: Decimal = Decimal { digits: 0, scale: 0 };

    pub fn new(digits: i128, scale: u32) -> Decimal {
        let mut number = Decimal { digits, scale };
        while number.scale > 0 && number.digits % 10 == 0 {
            number = Decimal { digits: number.digits / 10, scale: number.scale - 1 };
        }
        number
    }

    pub fn times(self, other: Decimal) -> Decimal {
        Decimal::new(self.digits * other.digits, self.scale + other.scale)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = 10i128.pow(self.scale);
        let (sign, digits) = (if self.digits < 0 { "-" } else { "" }, self.digits.unsigned_abs());
        match self.scale {
            0 => write!(f, "{sign}{digits}"),
            scale => {
                let (above, below) = (digits / whole.unsigned_abs(), digits % whole.unsigned_abs());
                write!(f, "{sign}{above}.{below:0width$}", width = scale as usize)
            }
        }
    }
}
