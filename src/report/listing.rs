//! A page of one table, its plots and a scenario, as sweeps and searches have it.

use minijinja::value::Serde;
use serde::Serialize;

use super::page::{self, Drawings};
use crate::error::Result;

/// What stands on the page.
#[derive(Clone, Debug, Serialize)]
pub struct Listing<'a> {
    pub scenario: &'a str,
    pub question: &'a str,
    /// What was found, above everything.
    pub sentences: Vec<String>,
    /// Of the table.
    pub heading: &'a str,
    pub headings: Vec<String>,
    pub rows: Vec<Vec<String>>,
    pub notes: &'a [String],
    /// What is said below the table.
    pub about: &'a str,
    /// The file with every figure.
    pub csv: &'a str,
    /// Names and values.
    pub facts: Vec<(&'a str, String)>,
    pub plots: &'a Drawings,
    /// Which scenario it is.
    pub scenario_is: &'a str,
    pub scenario_toml: &'a str,
}

impl Listing<'_> {
    /// The page as HTML.
    pub fn page(&self) -> Result<String> {
        page::render(include_str!("listing.html"), Serde(self))
    }
}
