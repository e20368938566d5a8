//! `tollgate schema`: the scenario's JSON Schema, for editors.

use tollgate::error::{ExitCode, Result};
use tollgate::scenario::schema;

use super::output;

/// Print the scenario format's JSON Schema (2020-12)
#[derive(clap::Args)]
#[command(
    after_help = "Example: tollgate schema > tollgate.schema.json, and in a scenario: #:schema tollgate.schema.json"
)]
pub struct Args {}

pub fn execute(_args: Args) -> Result<ExitCode> {
    output::say(&schema::text())?;
    Ok(ExitCode::Fine)
}
