//! When and where a model may be used, as lines of the catalogue have it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What is known of a model at a provider beside its prices.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    pub provider: String,
    /// As the offers call it.
    pub model: String,
    /// The first day on which it is there; always so far, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launched: Option<Date>,
    /// The first day by scope, where that is another.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub launched_in: BTreeMap<String, Date>,
    /// The first day on which it is not there any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retires: Option<Date>,
    /// What the provider says to use instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
    /// Its price is promotional and has no stated end: promised through this day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion_through: Option<Date>,
    /// The shortest prompt that its cache keeps, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cacheable_min_tokens: Option<u32>,
    pub source: String,
    pub dated: Date,
}

/// Where data stays that is sent to certain scopes of a provider.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    pub provider: String,
    /// Such as `eu`; `global` where it may go anywhere.
    pub zone: String,
    /// Regions, data zones and profiles.
    pub scopes: Vec<String>,
    pub source: String,
    pub dated: Date,
}

/// Whether a model can be used on a day.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Availability {
    /// It is there from this day.
    NotYet(Date),
    /// It is gone since this day.
    Retired(Date),
    /// The catalogue has nothing about it.
    Unknown,
    Yes,
}

impl Model {
    /// The first day on which it is there in `scope`, and the first on which it is not there any more; `None` where
    /// it has no such day.
    pub fn days(&self, scope: &str) -> (Option<Date>, Option<Date>) {
        (self.launched_in.get(scope).copied().or(self.launched), self.retires)
    }

    /// Whether it can be used in `scope` on `date`.
    pub fn available(&self, scope: &str, date: Date) -> Availability {
        match self.days(scope) {
            (Some(launched), _) if date < launched => Availability::NotYet(launched),
            (_, Some(retires)) if date >= retires => Availability::Retired(retires),
            _ => Availability::Yes,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_model_is_there_from_its_launch_to_the_day_before_it_retires() {
        let model = Model {
            provider: "vertex".into(),
            model: "m".into(),
            launched: Some(date(2026, 9, 1)),
            launched_in: [("eu".into(), date(2026, 10, 1))].into(),
            retires: Some(date(2026, 12, 1)),
            successor: None,
            promotion_through: None,
            cacheable_min_tokens: None,
            source: "made up".into(),
            dated: date(2026, 11, 21),
        };
        let on = |scope, day: &str| model.available(scope, day.parse().unwrap());
        assert_eq!(on("global", "2026-08-31"), Availability::NotYet(date(2026, 9, 1)));
        assert_eq!(on("global", "2026-09-01"), Availability::Yes);
        assert_eq!(on("eu", "2026-09-30"), Availability::NotYet(date(2026, 10, 1)));
        assert_eq!(on("eu", "2026-10-01"), Availability::Yes);
        assert_eq!(on("global", "2026-11-30"), Availability::Yes);
        assert_eq!(on("global", "2026-12-01"), Availability::Retired(date(2026, 12, 1)));
    }
}
