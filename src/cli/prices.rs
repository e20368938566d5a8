//! `tollgate prices`: what tokens cost where, since when and on whose word.

mod diff;
mod grid;
mod import;
mod list;
mod quote;
mod select;
mod traffic;

use clap::Subcommand;
use tollgate::error::{ExitCode, Result};

/// List, compare, import and apply the prices of a catalogue
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  tollgate prices --provider azure --model 'gpt-6*' --date 2026-12-01")]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: list::Args,
}

#[derive(Subcommand)]
enum Verb {
    Diff(diff::Args),
    Import(import::Args),
    List(list::Args),
    Quote(quote::Args),
}

pub fn execute(args: Args) -> Result<ExitCode> {
    match args.verb {
        None => list::execute(args.list),
        Some(Verb::Diff(args)) => diff::execute(args),
        Some(Verb::Import(args)) => import::execute(args),
        Some(Verb::List(args)) => list::execute(args),
        Some(Verb::Quote(args)) => quote::execute(args),
    }
}
