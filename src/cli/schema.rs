//! `tollgate schema`: the scenario's JSON Schema, for editors.

use schemars::generate::SchemaSettings;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::scenario::Scenario;

use super::output;

/// Print the scenario format's JSON Schema (2020-12)
#[derive(clap::Args)]
#[command(
    after_help = "Example: tollgate schema > tollgate.schema.json, and in a scenario: #:schema tollgate.schema.json"
)]
pub struct Args {}

pub fn execute(_args: Args) -> Result<ExitCode> {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Scenario>();
    let text = serde_json::to_string_pretty(&schema);
    let text = text.map_err(|cause| Error::failed(format!("the schema cannot be written: {cause}")))?;
    output::say(&(text + "\n"))?;
    Ok(ExitCode::Fine)
}
