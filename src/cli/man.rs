//! `tollgate man`: the manual, a page for each verb.

use std::path::PathBuf;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use tollgate::error::{Error, ExitCode, Result, nearest};

use super::{Cli, output};

/// Print a page of the manual, or write all of them into a folder
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Whose page it is, such as `run` or `prices import`; the program's own, where none is named
    #[arg(value_name = "VERB")]
    verbs: Vec<String>,
    /// The folder for a page of the program and one of each verb
    #[arg(long, value_name = "DIR", conflicts_with = "verbs")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  tollgate man run > tollgate-run.1
  tollgate man --out ~/.local/share/man/man1";

pub fn execute(args: Args) -> Result<ExitCode> {
    let mut command = without_help(Cli::command());
    command.build();
    let Some(folder) = args.out else {
        output::say(&page(find(&command, &args.verbs)?))?;
        return Ok(ExitCode::Fine);
    };
    std::fs::create_dir_all(&folder).map_err(|cause| Error::file("make", &folder, cause))?;
    let mut left = vec![&command];
    while let Some(next) = left.pop() {
        let path = folder.join(manual(next).get_filename());
        std::fs::write(&path, page(next)).map_err(|cause| Error::file("write", &path, cause))?;
        left.extend(next.get_subcommands());
    }
    Ok(ExitCode::Fine)
}

/// Each verb has `--help`; a verb that does the same needs no page.
fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

/// The command of a verb, and of a verb within it.
fn find<'a>(command: &'a Command, verbs: &[String]) -> Result<&'a Command> {
    verbs.iter().try_fold(command, |command, verb| {
        command.find_subcommand(verb).ok_or_else(|| {
            let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            let meant = nearest(verb, names.iter().copied());
            let meant = meant.map_or(String::new(), |meant| format!("did you mean '{meant}'? "));
            let known = match names[..] {
                [] => "it has none".to_string(),
                _ => format!("there are: {}", names.join(", ")),
            };
            Error::usage(format!("`{}` has no verb '{verb}'; {meant}{known}", command.get_name()))
        })
    })
}

/// Its page, with the version of the program at the foot.
fn manual(command: &Command) -> Man {
    Man::new(command.clone()).source(concat!("tollgate ", env!("CARGO_PKG_VERSION")))
}

fn page(command: &Command) -> String {
    let mut page = Vec::new();
    manual(command).render(&mut page).expect("memory takes what is written to it");
    String::from_utf8_lossy(&page).into_owned()
}
