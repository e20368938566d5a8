//! How long capacity or a volume is bought for at once.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stretch for which something is paid at once. A month is 730 hours, the mean of twelve.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    Hour,
    Week,
    Month,
    Quarter,
    Half,
    Year,
    ThreeYears,
}

impl Term {
    /// The shortest first.
    pub const ALL: [Term; 7] =
        [Term::Hour, Term::Week, Term::Month, Term::Quarter, Term::Half, Term::Year, Term::ThreeYears];

    pub const fn hours(self) -> u32 {
        match self {
            Term::Hour => 1,
            Term::Week => 168,
            Term::Month => 730,
            Term::Quarter => 2_190,
            Term::Half => 4_380,
            Term::Year => 8_760,
            Term::ThreeYears => 26_280,
        }
    }

    pub const fn span(self) -> Duration {
        Duration::from_secs(self.hours() as u64 * 3600)
    }

    pub fn name(self) -> &'static str {
        match self {
            Term::Hour => "hour",
            Term::Week => "week",
            Term::Month => "month",
            Term::Quarter => "quarter",
            Term::Half => "half",
            Term::Year => "year",
            Term::ThreeYears => "three_years",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Term;

    #[test]
    fn a_month_is_a_twelfth_of_a_year_of_365_days() {
        let hours = [Term::Month, Term::Quarter, Term::Half, Term::Year, Term::ThreeYears].map(Term::hours);
        assert_eq!(hours, [1, 3, 6, 12, 36].map(|months| months * 365 * 24 / 12));
        assert_eq!([Term::Hour.hours(), Term::Week.hours()], [1, 7 * 24]);
    }
}
