//! What playing a scenario has brought, for the results that are made of it.

use tollgate::client::purse::Spent;
use tollgate::client::safety::Halt;
use tollgate::collectors::Collectors;
use tollgate::report::Files;
use tollgate::report::against::Against;
use tollgate::report::certainty::Certainty;
use tollgate::report::standing::{Expectation, Standing};
use tollgate::section::Section;
use tollgate::time::Instant;

use super::rows::Rows;

/// What playing a scenario has brought.
pub struct Found {
    pub collectors: Collectors,
    /// What they have found.
    pub sections: Vec<Section>,
    /// What is told beside it.
    pub told: Told,
    /// When the arrivals were stopped; the end of time where nobody did.
    pub until: Instant,
    pub is_interrupted: bool,
    /// The budgets that were spent.
    pub spent: Vec<Spent>,
    /// What ended the plan before its time, beside budgets.
    pub halt: Option<Halt>,
    /// Its requests.csv, where there is one.
    pub rows: Option<Rows>,
    /// More files of the results: their names, and what is in them.
    pub files: Files,
}

/// What is told beside sections; most of it of simulations.
#[derive(Default)]
pub struct Told {
    /// What befell a run that makes no figure wrong.
    pub notes: Vec<String>,
    pub against: Option<Against>,
    pub certainty: Option<Certainty>,
    pub preview: Vec<Expectation>,
    pub standings: Vec<Standing>,
}
