//! `tollgate completions`: what a shell needs to complete our command line.

use clap::CommandFactory;
use clap_complete::Shell;
use tollgate::error::{ExitCode, Result};

use super::{Cli, output};

/// Print a script by which a shell completes verbs, options and their values
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The shell that reads it
    #[arg(value_enum)]
    shell: Shell,
}

const HELP: &str =
    "zsh reads such files from the folders of its fpath, which must be set before compinit is called.

Examples:
  tollgate completions bash > ~/.local/share/bash-completion/completions/tollgate
  tollgate completions zsh > ~/.zfunc/_tollgate
  tollgate completions fish > ~/.config/fish/completions/tollgate.fish";

pub fn execute(args: Args) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tollgate", &mut script);
    output::say(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::Fine)
}
