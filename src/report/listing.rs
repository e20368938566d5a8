//! A page of one table, its plots and a scenario, as sweeps and searches have it.

use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;

use super::html;
use crate::error::{Error, Result};

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
    /// Names and SVG.
    pub plots: &'a [(&'a str, String)],
    /// Which scenario it is.
    pub scenario_is: &'a str,
    pub scenario_toml: &'a str,
}

impl Listing<'_> {
    /// The page as HTML.
    pub fn page(&self) -> Result<String> {
        let failed =
            |cause: minijinja::Error| Error::failed(format!("could not write {}: {cause:#}", html::FILE));
        let mut environment = Environment::new();
        environment.add_template(html::FILE, include_str!("listing.html")).map_err(failed)?;
        environment.add_global("style", html::STYLE);
        environment.get_template(html::FILE).map_err(failed)?.render(Serde(self)).map_err(failed)
    }
}
