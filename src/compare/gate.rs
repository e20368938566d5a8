//! Which figures are held against a baseline, which way they get worse, and by how much they may.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::collectors::metric::{self, Metric};
use crate::error::{Error, Result, nearest};
use crate::number::Share;
use crate::section::Unit;
use crate::statistics::bootstrap::Scale;

/// A figure and what may become of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// The class or endpoint that it is of; none for the whole run's.
    pub of: Option<String>,
    pub metric: String,
    pub unit: Unit,
    pub worse: Worse,
    pub scale: Scale,
    /// How much worse it may be: a part of the baseline's, or of a share so much of one.
    pub regression_max: f64,
    /// Somebody named it: where there is no such figure, that is no verdict.
    pub is_asked: bool,
}

/// Which way a figure gets worse.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Worse {
    Higher,
    Lower,
}

/// A figure as it is asked for: `ttft_p99`, `ttft_p99:8%` or `chat: ttft_p99:8%`.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    of: Option<String>,
    metric: Metric,
    worse: Worse,
    regression_max: Option<f64>,
}

/// How much worse figures may be for which nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowed {
    /// Of the baseline's figure.
    pub relative: Share,
    /// Of shares, in shares: 1 % is from 3 % to 4 %.
    pub of_shares: Share,
}

impl Default for Allowed {
    fn default() -> Allowed {
        let share = |number| Share::new(number).expect("it is between 0 and 1");
        Allowed { relative: share(0.05), of_shares: share(0.01) }
    }
}

/// Where nothing else is said, figures of fewer samples are not judged.
pub const SAMPLES_MIN: u64 = 100;

/// The gates that are asked for, or else the usual ones.
pub fn gates(wanted: &[Wanted], allowed: Allowed) -> Result<Vec<Gate>> {
    let mut gates: Vec<Gate> = Vec::new();
    let usual: Vec<Wanted> = match wanted {
        [] => USUAL.iter().filter_map(|name| name.parse().ok()).collect(),
        _ => wanted.to_vec(),
    };
    for Wanted { of, metric, worse, regression_max } in usual {
        if let Some(twice) = gates.iter().find(|gate| gate.metric == metric.name && gate.of == of) {
            return Err(Error::usage(format!("--metric names {} twice; once is enough", twice.name())));
        }
        let (scale, allowed) = match metric.unit {
            Unit::Share => (Scale::Absolute, allowed.of_shares),
            _ => (Scale::Relative, allowed.relative),
        };
        gates.push(Gate {
            regression_max: regression_max.unwrap_or(allowed.get()),
            of,
            metric: metric.name,
            unit: metric.unit,
            worse,
            scale,
            is_asked: !wanted.is_empty(),
        });
    }
    Ok(gates)
}

impl Gate {
    /// The figure's whole name: `chat: ttft_p99`.
    pub fn name(&self) -> String {
        match &self.of {
            Some(of) => format!("{of}: {}", self.metric),
            None => self.metric.clone(),
        }
    }

    /// How much worse a change makes it: above zero where it is worse.
    pub fn regression(&self, change: f64) -> f64 {
        match self.worse {
            Worse::Higher => change,
            Worse::Lower => -change,
        }
    }
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Wanted, String> {
        // The name of a class may have colons of its own; a figure's has none, and comes last but for how much is allowed.
        let is_figure =
            |text: &str| metric::named(text.rsplit(':').next().unwrap_or_default().trim()).is_some();
        let (name, most) = match text.rsplit_once(':') {
            Some((name, most)) if most.trim().parse::<Share>().is_ok() || is_figure(name) => {
                (name, Some(most))
            }
            _ => (text, None),
        };
        let (of, name) = match name.rsplit_once(':') {
            Some((of, name)) => (Some(of.trim().to_string()), name.trim()),
            None => (None, name.trim()),
        };
        let Some(metric) = metric::named(name) else {
            let all = metric::all();
            let meant = nearest(name, all.iter().map(|metric| metric.name.as_str()));
            let meant = meant.map_or(String::new(), |meant| format!("did you mean '{meant}'? "));
            return Err(format!("there is no figure '{name}'; {meant}docs/metrics.md lists them all"));
        };
        let worse = worse(&metric).ok_or_else(|| {
            format!("'{name}' is neither better nor worse when it changes; name a latency, a share or a cost")
        })?;
        let most = most.map(|most| most.trim().parse::<Share>()).transpose()?;
        Ok(Wanted { of, metric, worse, regression_max: most.map(Share::get) })
    }
}

/// Which way a figure gets worse; nothing where it depends.
fn worse(metric: &Metric) -> Option<Worse> {
    match (metric.section, metric.unit) {
        _ if BETTER_HIGHER.contains(&metric.name.as_str()) => Some(Worse::Lower),
        _ if NEITHER.contains(&metric.name.as_str()) => None,
        ("goodput", Unit::TokensPerSecond) => Some(Worse::Lower),
        ("goodput", Unit::Share) | ("latency", Unit::Seconds) => Some(Worse::Higher),
        ("cost", Unit::Usd) | ("refusals", Unit::Count | Unit::Share) => Some(Worse::Higher),
        _ => None,
    }
}

/// What is judged where nobody names a figure.
const USUAL: [&str; 7] =
    ["ttft_p50", "ttft_p99", "e2e_p50", "e2e_p99", "refused_share", "good_share", "cost_per_good_request"];

const BETTER_HIGHER: [&str; 5] = ["cache_hit_share", "done", "good", "good_share", "goodput"];

/// Of their kind, and yet neither good nor bad.
const NEITHER: [&str; 4] = ["attempts", "cost_discount", "input_tokens_per_second", "status"];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Vec<Gate> {
        let wanted: Vec<Wanted> = texts.iter().map(|text| text.parse().unwrap()).collect();
        gates(&wanted, Allowed::default()).unwrap()
    }

    #[test]
    fn a_figure_may_get_worse_by_its_own_measure() {
        let found = of(&["ttft_p99", "e2e_p50 : 8%", "refused_share", "good_share:2%", "goodput"]);
        let told: Vec<_> = found.iter().map(|gate| (gate.worse, gate.scale, gate.regression_max)).collect();
        let (higher, lower) = (Worse::Higher, Worse::Lower);
        let (absolute, relative) = (Scale::Absolute, Scale::Relative);
        assert_eq!(
            told,
            [
                (higher, relative, 0.05),
                (higher, relative, 0.08),
                (higher, absolute, 0.01),
                (lower, absolute, 0.02),
                (lower, relative, 0.05)
            ]
        );
        assert_eq!((found[0].regression(0.2), found[3].regression(0.2)), (0.2, -0.2));
    }

    #[test]
    fn a_figure_may_be_of_a_class_whose_name_has_colons() {
        let found = of(&["chat: ttft_p99", "a:b : e2e_p50:8%", "ttft_p99"]);
        let told: Vec<_> = found.iter().map(|gate| (gate.name(), gate.regression_max)).collect();
        let expected = [("chat: ttft_p99", 0.05), ("a:b: e2e_p50", 0.08), ("ttft_p99", 0.05)];
        assert_eq!(told, expected.map(|(name, most)| (name.to_string(), most)));
    }

    #[test]
    fn the_usual_gates_are_all_there_and_nobody_asked_for_them() {
        let usual = of(&[]);
        assert_eq!(usual.iter().map(|gate| gate.metric.as_str()).collect::<Vec<_>>(), USUAL);
        assert!(usual.iter().all(|gate| !gate.is_asked) && of(&["ttft_p99"])[0].is_asked);
    }

    #[test]
    fn a_gate_that_cannot_be_meant_is_refused() {
        for (text, why) in [
            ("ttft_99", "did you mean 'ttft_p99'?"),
            ("ttft_p99:5s", "'5s' is not a share"),
            ("chat:ttft_99:5%", "did you mean 'ttft_p99'?"),
            ("chat: ttft_99", "did you mean 'ttft_p99'?"),
            ("input_tokens", "neither better nor worse"),
            ("offered_rate", "neither better nor worse"),
        ] {
            let error = text.parse::<Wanted>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        let twice = ["ttft_p99", "ttft_p99:1%"].map(|text| text.parse().unwrap());
        assert!(gates(&twice, Allowed::default()).unwrap_err().to_string().contains("twice"));
    }
}
