//! `tollgate schema`: the scenario's JSON Schema, for editors.

use super::Output;
use crate::error::{ExitCode, Result};
use crate::scenario::schema;

/// Print the JSON Schema of a scenario, for editors.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  tollgate schema > tollgate.schema.json
A TOML editor (taplo, Even Better TOML) completes and checks a scenario whose first line is:
  #:schema ./tollgate.schema.json")]
pub struct Args {}

pub fn execute(_: Args) -> Result<ExitCode> {
    Output::print(&schema::text())?;
    Ok(ExitCode::Fine)
}
