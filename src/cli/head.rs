//! How the summaries of several plays begin.

use tollgate::report::folder::Head;
use tollgate::scenario::Scenario;

/// For a verb and the version of its summaries' schema, and the question that the scenario asks.
pub fn head((verb, schema): (&str, u32), scenario: &Scenario, question: String) -> Head {
    Head {
        schema,
        verb: verb.into(),
        scenario: scenario.name.clone(),
        question,
        seed: u64::from(scenario.seed),
        version: env!("CARGO_PKG_VERSION").into(),
    }
}
