//! What the folders of repeats, searches, sweeps and worlds have in common: how their summaries begin, and how their
//! files are written and made again.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::chart::Chart;
use super::page::Drawings;
use super::{Files, SCENARIO_FILE, json, make_parent, png, svg};
use crate::error::{Error, Result};

/// How the content of such a `summary.json` begins.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Head {
    /// The version of the schema of this verb's summaries.
    pub schema: u32,
    /// What has written it: `repeats`, `search`, `sweep` or `worlds`.
    pub verb: String,
    /// The scenario's name.
    pub scenario: String,
    /// What the scenario asks: its first comment.
    pub question: String,
    pub seed: u64,
    /// Tollgate's version.
    pub version: String,
}

/// The summary and the scenario, from which every other file can be made again.
pub fn sources(summary: &impl Serialize, scenario_toml: &str) -> Result<Files> {
    Ok(vec![
        (json::FILE.into(), json::pretty(summary)?.into_bytes()),
        (SCENARIO_FILE.into(), scenario_toml.into()),
    ])
}

/// The charts as files, and as drawings of a page.
pub fn plots(charts: &[Chart]) -> Result<(Files, Drawings)> {
    let mut files = Files::new();
    for chart in charts {
        files.push((format!("plots/{}.png", chart.name), png::write(chart)?));
        files.push((format!("plots/{}.svg", chart.name), svg::write(chart)?.into_bytes()));
    }
    Ok((files, Drawings::of(charts)?))
}

/// Writes the files in their order; those that are there already are replaced.
pub fn write(folder: &Path, files: Files) -> Result<()> {
    for (name, content) in files {
        let path = folder.join(name);
        make_parent(&path)?;
        std::fs::write(&path, content).map_err(|cause| Error::file("write", &path, cause))?;
    }
    Ok(())
}

/// Makes every file that is made from the summary and the scenario again, and gives the summary; `None` where `verb` has
/// not written the folder.
pub fn render_again<T: DeserializeOwned>(
    folder: &Path,
    verb: &str,
    schema: u32,
    files: impl Fn(&T, &str) -> Result<Files>,
) -> Result<Option<T>> {
    let Some((summary, scenario_toml)) = json::read_of::<T>(folder, verb, schema)? else { return Ok(None) };
    write(folder, files(&summary, &scenario_toml)?)?;
    Ok(Some(summary))
}
