//! Closed-form answers of arrivals, costs, planning, queues, rate limits, retries and statistics, met by the product's own
//! code.

mod closed_forms;
mod file;
mod oracles_of_costs;
mod oracles_of_planning;
mod oracles_of_rate_limits;
mod oracles_of_retries;
mod oracles_of_statistics;

use std::collections::BTreeSet;

use file::{COVERED, oracles};

#[test]
fn oracles_of_these_categories_all_have_a_test() {
    let oracles = oracles();
    if oracles.is_empty() {
        return;
    }
    for (category, covered) in COVERED {
        let there: BTreeSet<&str> = oracles
            .iter()
            .filter(|oracle| oracle.category == *category)
            .map(|oracle| oracle.name.as_str())
            .collect();
        assert_eq!(there, covered.iter().copied().collect(), "{category}");
    }
}
