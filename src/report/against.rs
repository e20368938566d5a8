//! Two scenarios that met the same chance, side by side.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::certainty::{Bounds, FIRST, Method, Place, around, shown};
use super::show;
use super::summary::Summary;
use super::table::Table;
use crate::section::{ScopeKind, Unit};

/// What differs between a scenario, A, and another, B, replication by replication.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Against {
    /// B: a file's name, or what was changed.
    pub other: String,
    pub confidence: f64,
    /// Pairs of simulations on the same seeds.
    pub pairs: u64,
    pub figures: Vec<Difference>,
    /// Where the two do not ask the same, so that their requests do not pair.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlike: Vec<String>,
}

/// A figure of both.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Difference {
    #[serde(flatten)]
    pub place: Place,
    pub unit: Unit,
    /// Means over the replications.
    pub a: f64,
    pub b: f64,
    /// B − A.
    pub difference: Bounds,
    /// Var(B − A) / (Var(A) + Var(B)): below 1 the common chance helps. None where neither varies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variance_ratio: Option<f64>,
}

impl Against {
    /// `B saves $412 ± $31 a month`: what it comes to in money.
    pub fn headline(&self) -> Option<String> {
        let month = self.total("cost_per_month")?;
        let Bounds::Interval { estimate, low, high } = month.difference else { return None };
        let amount = |number: f64| around(number, high - estimate, Unit::Usd);
        Some(match estimate {
            _ if low == 0.0 && high == 0.0 => "B costs the same".into(),
            _ if low <= 0.0 && high >= 0.0 => {
                format!("neither is cheaper as far as can be told: B − A is {} a month", amount(estimate))
            }
            _ if estimate < 0.0 => format!("B saves {} a month", amount(-estimate)),
            _ => format!("B costs {} a month more", amount(estimate)),
        })
    }

    fn total(&self, figure: &str) -> Option<&Difference> {
        self.figures.iter().find(|one| one.place.kind == ScopeKind::Total && one.place.figure == figure)
    }
}

/// The whole run's first figures of both.
pub(super) fn table(summary: &Summary) -> Option<Table> {
    let against = summary.against.as_ref()?;
    let pairs = show::count_of(against.pairs);
    let mut table =
        Table::new("A against B", ["figure", "A", "B", "B − A\n± 95 %"].map(String::from).into_iter());
    table
        .notes
        .push(format!("A is {}, B is {}: {pairs} pairs on the same seeds", summary.scenario, against.other));
    for (label, one) in FIRST.iter().filter_map(|(label, name)| Some((label, against.total(name)?))) {
        let difference = one.difference.shown(one.unit, Method::Replications);
        table.rows.push(vec![label.to_string(), shown(one.a, one.unit), shown(one.b, one.unit), difference]);
    }
    table.notes.extend(against.headline());
    table.notes.extend(against.unlike.iter().map(|unlike| format!("requests do not pair: {unlike}")));
    Some(table)
}
