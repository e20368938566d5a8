//! A vendor's rule once for all its tiers: limits as a scenario writes them, with `"$tpm"` where a row's figure goes.
//!
//! A name stands alone (`"$output"`) or is multiplied and divided by whole numbers (`"$tpm * 1440"`,
//! `"$tpm * 6 / 1000"`, rounded down); of several with `or` between them the first counts that the row has
//! (`"$tpd or tpm * 1440"`). A limit one of whose figures the row does not have is left out: where
//! the vendor publishes no such limit, there is none. Of a figure with a question mark (`"$output_max?"`) only its key is.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::{Table, Value};

use crate::kind::TAG;
use crate::server::limits::AnyLimit;

/// How a vendor counts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The rule in words.
    pub about: String,
    /// Limits in the scenario's grammar.
    pub limits: Vec<Table>,
}

/// A row's figures by name.
pub type Figures = BTreeMap<&'static str, Value>;

/// The limits of a row.
#[derive(Clone, Debug)]
pub struct Filled {
    pub limits: Vec<AnyLimit>,
    /// Figures that the row does not have, so that the limits they belong to are left out.
    pub missing: BTreeSet<String>,
}

impl Rule {
    /// Puts the figures in their places; or says what in the rule is no limit.
    pub fn fill(&self, figures: &Figures) -> Result<Filled, String> {
        let mut filled = Filled { limits: Vec::new(), missing: BTreeSet::new() };
        for limit in &self.limits {
            let mut missing = BTreeSet::new();
            let limit = fill(&Value::Table(limit.clone()), figures, &mut missing)?;
            if missing.is_empty() {
                filled.limits.push(AnyLimit::deserialize(limit).map_err(|error| error.to_string())?);
            }
            filled.missing.append(&mut missing);
        }
        Ok(filled)
    }
}

/// The value with its figures in place and its kinds tagged, as the types read them.
fn fill(value: &Value, figures: &Figures, missing: &mut BTreeSet<String>) -> Result<Value, String> {
    match value {
        Value::Array(items) => {
            let items: Result<_, _> = items.iter().map(|item| fill(item, figures, missing)).collect();
            Ok(Value::Array(items?))
        }
        Value::String(text) => match text.strip_prefix('$') {
            Some(expression) => figure(expression, figures, missing),
            None => Ok(value.clone()),
        },
        Value::Table(table) => {
            let mut filled = Table::new();
            for (key, value) in table {
                let value = match optional(value) {
                    Some(name) => term(name, figures, &mut BTreeSet::new())?,
                    None => Some(fill(value, figures, missing)?),
                };
                filled.extend(value.map(|value| (key.clone(), value)));
            }
            match filled.remove("kind") {
                Some(Value::String(kind)) => {
                    Ok(Value::Table(Table::from_iter([(format!("{TAG}{kind}"), filled.into())])))
                }
                _ => Ok(Value::Table(filled)),
            }
        }
        _ => Ok(value.clone()),
    }
}

/// The figure that a key waits for which is left out where the row does not have it.
fn optional(value: &Value) -> Option<&str> {
    value.as_str()?.strip_prefix('$')?.strip_suffix('?')
}

/// What the first of `name * factor or name / divisor or …` comes to whose name the row has.
fn figure(expression: &str, figures: &Figures, missing: &mut BTreeSet<String>) -> Result<Value, String> {
    let mut absent = BTreeSet::new();
    for choice in expression.split(" or ") {
        if let Some(value) = term(choice, figures, &mut absent)? {
            return Ok(value);
        }
    }
    missing.append(&mut absent);
    Ok(Value::Integer(1))
}

fn term(
    expression: &str,
    figures: &Figures,
    missing: &mut BTreeSet<String>,
) -> Result<Option<Value>, String> {
    let mut words = expression.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    if !NAMES.contains(&name) {
        return Err(format!("a rule knows no figure `${name}`; there are: {}", NAMES.join(", ")));
    }
    let Some(mut value) = figures.get(name).cloned() else {
        missing.insert(name.into());
        return Ok(None);
    };
    while let Some(operator) = words.next() {
        let operand = words.next().and_then(|word| word.parse().ok());
        let result = match (operator, value.as_integer(), operand) {
            // What is beyond counting stays there.
            ("*", Some(value), Some(factor)) => Some(value.saturating_mul(factor)),
            ("/", Some(value), Some(divisor)) => value.checked_div(divisor),
            _ => None,
        };
        let unclear = || format!("`${expression}` is no figure of a rule; write such as \"$tpm * 6 / 1000\"");
        value = Value::Integer(result.ok_or_else(unclear)?.max(1));
    }
    Ok(Some(value))
}

/// Every figure that a row may have.
const NAMES: [&str; 20] = [
    "burndown",
    "burst",
    "cache_read",
    "cache_write",
    "cache_write_long",
    "capacity",
    "context_max",
    "input",
    "itpm",
    "long_context",
    "lowered",
    "otpm",
    "output",
    "output_burst",
    "output_capacity",
    "output_max",
    "rpd",
    "rpm",
    "tpd",
    "tpm",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(limit: &str, figures: &[(&'static str, i64)]) -> Result<Filled, String> {
        let rule: Rule = toml::from_str(&format!("about = ''\nlimits = [{limit}]")).unwrap();
        rule.fill(&figures.iter().map(|(name, figure)| (*name, Value::Integer(*figure))).collect())
    }

    #[test]
    fn figures_go_where_their_names_stand_multiplied_and_divided() {
        let filled =
            fill("{ kind = 'requests', per_minute = '$tpm * 6 / 1000' }", &[("tpm", 10_500)]).unwrap();
        assert!(toml::to_string(&filled.limits[0]).unwrap().contains("per_minute = 63"));
        let tokens = "{ kind = 'tokens', per_minute = '$tpm', settled = { output = '$burndown' } }";
        let filled = fill(tokens, &[("tpm", 9), ("burndown", 5)]).unwrap();
        assert!(toml::to_string(&filled.limits[0]).unwrap().contains("output = 5"));
    }

    #[test]
    fn a_limit_without_its_figure_is_left_out_and_its_name_told() {
        let filled = fill(
            "{ kind = 'requests', per_minute = '$rpm' }, { kind = 'tokens', per_minute = '$tpm' }",
            &[("tpm", 9)],
        );
        let filled = filled.unwrap();
        assert_eq!(filled.limits.len(), 1);
        assert_eq!(filled.missing, BTreeSet::from(["rpm".to_string()]));
    }

    #[test]
    fn a_key_that_waits_for_a_figure_is_left_out_without_it() {
        let limit =
            "{ kind = 'tokens', per_minute = '$tpm', offered = { max_tokens_assumed = '$output_max?' } }";
        let assumed = |figures: &[(&'static str, i64)]| {
            let filled = fill(limit, figures).unwrap();
            assert!(filled.missing.is_empty());
            toml::to_string(&filled.limits[0]).unwrap().contains("max_tokens_assumed = 64")
        };
        assert!(assumed(&[("tpm", 9), ("output_max", 64)]));
        assert!(!assumed(&[("tpm", 9)]));
        let misspelt = limit.replace("output_max", "max_output");
        assert!(fill(&misspelt, &[("tpm", 9)]).unwrap_err().contains("no figure `$max_output`"));
    }

    #[test]
    fn a_figure_beyond_counting_stays_there() {
        let limit = "{ kind = 'tokens', per_day = '$tpm * 1440' }";
        let filled = fill(limit, &[("tpm", i64::MAX)]).unwrap();
        assert!(toml::to_string(&filled.limits[0]).unwrap().contains(&i64::MAX.to_string()));
    }

    #[test]
    fn what_is_no_figure_is_said() {
        let error = |limit: &str| fill(limit, &[("tpm", i64::MAX)]).unwrap_err();
        assert!(error("{ kind = 'requests', per_minute = '$tmp' }").contains("no figure `$tmp`"));
        for bad in ["$tpm / 0", "$tpm + 1", "$tpm *"] {
            let limit = format!("{{ kind = 'requests', per_minute = '{bad}' }}");
            assert!(error(&limit).contains("is no figure of a rule"), "{bad}");
        }
        assert!(error("{ kind = 'request', per_minute = 1 }").contains("did you mean 'requests'"));
    }
}
