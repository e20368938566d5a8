//! `tollgate init`: writes a commented scenario that plays as it is.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use super::Output;
use crate::error::{Error, ExitCode, Result};

/// Also a scenario of its own, and so checked as they all are.
const STARTER: &str = include_str!("../../scenarios/starter.toml");

/// Write a commented scenario to start from; it plays as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tollgate init my-question.toml && tollgate check my-question.toml")]
pub struct Args {
    /// Where to write it.
    #[arg(value_name = "FILE", default_value = "scenario.toml")]
    path: PathBuf,
    /// Overwrite the file if it is there.
    #[arg(long)]
    force: bool,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let path = args.path.display();
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).create_new(!args.force);
    let mut file = options.open(&args.path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::failed(format!("{path} is already there; --force overwrites it, or name another file"))
        }
        _ => Error::file("write", &args.path, cause),
    })?;
    file.write_all(STARTER.as_bytes()).map_err(|cause| Error::file("write", &args.path, cause))?;
    Output::print(&format!("wrote {path}\nnext:\n  tollgate check {path}\n  tollgate simulate {path}\n"))?;
    Ok(ExitCode::Fine)
}
