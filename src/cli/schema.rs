//! `tollgate schema`: the scenario's JSON Schema, for editors.

use tollgate::error::{ExitCode, Result};
use tollgate::scenario::schema;

use super::output;

/// Print the scenario format's JSON Schema (2020-12)
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {}

const HELP: &str =
    "A scenario that begins with `#:schema tollgate.schema.json` is checked by editors as it is written.

Examples:
  tollgate schema > tollgate.schema.json";

pub fn execute(_args: Args) -> Result<ExitCode> {
    output::say(&schema::text())?;
    Ok(ExitCode::Fine)
}
