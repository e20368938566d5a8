//! What must hold of a run or of one of its classes, as people write it: `ttft_p99 < 2s`, `chat: refused_share < 1%`.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::metric;
use crate::error::nearest;
use crate::number::{Share, Span};
use crate::price::Money;
use crate::section::{Judgement, ScopeKind, Section, Unit, Value, Verdict};

/// A bound on a figure of the whole run, or of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    text: String,
    class: Option<String>,
    metric: String,
    comparison: Comparison,
    /// In the metric's unit.
    bound: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Above,
    AtLeast,
    AtMost,
    Below,
}

impl Threshold {
    /// The class it is about; none for one about the whole run.
    pub fn class(&self) -> Option<&str> {
        self.class.as_deref()
    }

    /// The figure that it bounds.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// The bound, in the metric's unit.
    pub fn bound(&self) -> f64 {
        self.bound
    }

    /// Whether a figure of this value, in the metric's unit, is within the bound.
    pub fn holds(&self, number: f64) -> bool {
        self.comparison.holds(number, self.bound)
    }

    pub fn judge(&self, sections: &[Section]) -> Judgement {
        let unit = metric::unit_of(&self.metric).unwrap_or(Unit::Count);
        let (kind, scope) = match &self.class {
            Some(class) => (ScopeKind::Class, &**class),
            None => (ScopeKind::Total, ""),
        };
        let value = sections.iter().find_map(|section| section.figure(kind, scope, &self.metric));
        let value = value.map_or(Value::None, |figure| figure.value.clone());
        let verdict = match value.as_f64() {
            None => Verdict::NoVerdict,
            Some(number) if self.comparison.holds(number, self.bound) => Verdict::Pass,
            Some(_) => Verdict::Fail,
        };
        Judgement { threshold: self.text.clone(), verdict, value, unit }
    }
}

impl Comparison {
    /// Longest spellings first, so that `<=` is not read as `<`.
    const SPELLINGS: [(&str, Comparison); 4] = [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Below),
        (">", Comparison::Above),
    ];

    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Comparison::Above => number > bound,
            Comparison::AtLeast => number >= bound,
            Comparison::AtMost => number <= bound,
            Comparison::Below => number < bound,
        }
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Threshold, String> {
        let found = Comparison::SPELLINGS.iter().find_map(|(spelling, comparison)| {
            let (metric, bound) = text.split_once(spelling)?;
            Some((metric.trim(), *comparison, bound.trim()))
        });
        let (name, comparison, bound) = found.ok_or_else(|| {
            format!("'{text}' is not a threshold such as \"ttft_p99 < 2s\": it needs <, <=, > or >=")
        })?;
        // A class's name may have colons of its own, a figure's has none.
        let (class, name) =
            name.rsplit_once(':').map_or((None, name), |(class, name)| (Some(class.trim()), name.trim()));
        let unit = metric::unit_of(name).ok_or_else(|| {
            let all = metric::all();
            let meant = nearest(name, all.iter().map(|metric| metric.name.as_str()));
            let meant = meant.map_or(String::new(), |meant| format!("did you mean '{meant}'? "));
            format!("there is no figure '{name}'; {meant}docs/metrics.md lists them all")
        })?;
        let bound = parse_bound(bound, unit).map_err(|why| format!("'{text}': {why}"))?;
        let class = class.map(String::from);
        Ok(Threshold { text: text.trim().into(), class, metric: name.into(), comparison, bound })
    }
}

fn parse_bound(text: &str, unit: Unit) -> Result<f64, String> {
    let number = || {
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| format!("'{text}' is not a number"))
    };
    match unit {
        Unit::Count | Unit::PerSecond | Unit::Tokens | Unit::TokensPerSecond => number(),
        Unit::Seconds => text.parse::<Span>().map(Span::as_secs_f64),
        Unit::Share => text.parse::<Share>().map(Share::get),
        Unit::Text => Err("this figure is a text and cannot be compared".into()),
        Unit::Usd => {
            let dollars =
                text.strip_prefix('$').ok_or(format!("'{text}' is not an amount such as $4 or $0.25"))?;
            dollars.trim().parse::<Money>().map(Money::as_dollars_f64)
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Threshold, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Threshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl JsonSchema for Threshold {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Threshold".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^ *([^<>]*: *)?[a-z0-9_]+ *(<|<=|>|>=) *.+$", "description": "Such as \"ttft_p99 < 2s\", \"throttled_share < 1%\" or \"cost_per_1k_requests < $4\"; of one class, \"chat: ttft_p99 < 2s\"."})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::{Scope, ScopeKind};

    fn judge(text: &str, name: &str, value: impl Into<Value>) -> Verdict {
        let total = Scope::new(ScopeKind::Total, "").with(name, value, Unit::Count);
        let section = Section { scopes: vec![total], ..Section::new("any") };
        text.parse::<Threshold>().unwrap().judge(&[section]).verdict
    }

    #[test]
    fn a_bound_holds_on_its_own_side_only() {
        assert_eq!(judge("ttft_p99 < 2s", "ttft_p99", 1.999), Verdict::Pass);
        assert_eq!(judge("ttft_p99 < 2s", "ttft_p99", 2.0), Verdict::Fail);
        assert_eq!(judge("ttft_p99 <= 2000ms", "ttft_p99", 2.0), Verdict::Pass);
        assert_eq!(judge("throttled_share<1%", "throttled_share", 0.011), Verdict::Fail);
        assert_eq!(judge("goodput >= 100", "goodput", 100.0), Verdict::Pass);
        let money = "3.99".parse::<Money>().unwrap();
        assert_eq!(judge("cost_per_1k_requests < $4", "cost_per_1k_requests", money), Verdict::Pass);
    }

    #[test]
    fn a_class_is_judged_by_its_own_figure() {
        let scope = |kind, name, value: f64| Scope::new(kind, name).with("ttft_p99", value, Unit::Seconds);
        let scopes = vec![
            scope(ScopeKind::Total, "", 3.0),
            scope(ScopeKind::Endpoint, "chat", 9.0),
            scope(ScopeKind::Class, "chat", 1.0),
            scope(ScopeKind::Class, "eu: batch", 8.0),
        ];
        let section = [Section { scopes, ..Section::new("latency") }];
        let verdict = |text: &str| text.parse::<Threshold>().unwrap().judge(&section).verdict;
        assert_eq!(verdict("ttft_p99 < 2s"), Verdict::Fail);
        assert_eq!(verdict("chat: ttft_p99 < 2s"), Verdict::Pass);
        assert_eq!(verdict("eu: batch:ttft_p99<2s"), Verdict::Fail);
        assert_eq!(verdict("mail: ttft_p99 < 2s"), Verdict::NoVerdict);
    }

    #[test]
    fn what_is_not_there_is_not_judged() {
        assert_eq!(
            judge("ttft_p99 < 2s", "ttft_p99", Value::TooFew { have: 3, needed: 299 }),
            Verdict::NoVerdict
        );
        assert_eq!(judge("ttft_p99 < 2s", "e2e_p99", 1.0), Verdict::NoVerdict);
    }

    #[test]
    fn a_threshold_that_cannot_be_meant_is_refused() {
        for (text, why) in [
            ("ttft_p99", "it needs <"),
            ("ttft_99 < 2s", "did you mean 'ttft_p99'?"),
            ("chat: ttft_99 < 2s", "did you mean 'ttft_p99'?"),
            ("ttft_p99 < 2", "'2' is not a length of time"),
            ("ttft_p99 < 1%", "not a length of time"),
            ("throttled_share < 5s", "not a share"),
            ("cost_total < 4", "not an amount such as $4"),
            ("goodput > many", "not a number"),
            ("verdict > 1", "cannot be compared"),
        ] {
            let error = text.parse::<Threshold>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
