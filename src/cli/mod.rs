//! The command line: one small file per verb.

mod account;
mod baseline;
#[cfg(feature = "net")]
mod calibrate;
mod check;
#[cfg(feature = "net")]
mod client;
mod compare;
mod completions;
mod exit;
mod export;
mod figures;
mod fit;
mod found;
mod head;
mod init;
mod interrupt;
mod loads;
#[cfg(feature = "net")]
mod login;
mod man;
#[cfg(feature = "net")]
mod mock;
mod output;
mod picked;
mod plan;
mod prices;
mod put;
#[cfg(feature = "net")]
mod real;
mod recover;
#[cfg(feature = "net")]
mod repeats;
mod report;
#[cfg(feature = "net")]
mod room;
mod rows;
#[cfg(feature = "net")]
mod run;
mod schema;
#[cfg(feature = "tui")]
mod screen;
#[cfg(all(feature = "net", not(feature = "tui")))]
#[path = "no_screen.rs"]
mod screen;
mod search;
mod selftest;
mod simulate;
mod subject;
mod sweep;
mod trend;
#[cfg(feature = "net")]
mod watch;
mod worlds;

use clap::{Parser, Subcommand};
use tollgate::error::{ExitCode, Result};

/// What will this LLM traffic cost, how fast will it be, and where will it be refused?
#[derive(Parser)]
#[command(name = "tollgate", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = HELP)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    #[cfg(feature = "net")]
    Calibrate(calibrate::Args),
    Check(check::Args),
    Compare(compare::Args),
    Completions(completions::Args),
    Export(export::Args),
    Fit(fit::Args),
    Init(init::Args),
    Man(man::Args),
    #[cfg(feature = "net")]
    Mock(mock::Args),
    Plan(plan::Args),
    Prices(prices::Args),
    Report(report::Args),
    #[cfg(feature = "net")]
    Run(run::Args),
    Schema(schema::Args),
    Search(search::Args),
    Selftest(selftest::Args),
    Simulate(simulate::Args),
    Sweep(sweep::Args),
    Trend(trend::Args),
}

/// Does what the command line says and gives the process's exit code.
pub fn main() -> std::process::ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { ExitCode::Usage } else { ExitCode::Fine };
            // A closed pipe is nobody's error.
            let _ = error.print();
            return (code as u8).into();
        }
    };
    let code = execute(cli.verb).unwrap_or_else(|error| {
        output::complain(&error.show(output::is_coloured(&std::io::stderr())));
        error.code
    });
    (code as u8).into()
}

fn execute(verb: Verb) -> Result<ExitCode> {
    match verb {
        #[cfg(feature = "net")]
        Verb::Calibrate(args) => calibrate::execute(args),
        Verb::Check(args) => check::execute(args),
        Verb::Compare(args) => compare::execute(args),
        Verb::Completions(args) => completions::execute(args),
        Verb::Export(args) => export::execute(args),
        Verb::Fit(args) => fit::execute(args),
        Verb::Init(args) => init::execute(args),
        Verb::Man(args) => man::execute(args),
        #[cfg(feature = "net")]
        Verb::Mock(args) => mock::execute(args),
        Verb::Plan(args) => plan::execute(args),
        Verb::Prices(args) => prices::execute(args),
        Verb::Report(args) => report::execute(args),
        #[cfg(feature = "net")]
        Verb::Run(args) => run::execute(args),
        Verb::Schema(args) => schema::execute(args),
        Verb::Search(args) => search::execute(args),
        Verb::Selftest(args) => selftest::execute(args),
        Verb::Simulate(args) => simulate::execute(args),
        Verb::Sweep(args) => sweep::execute(args),
        Verb::Trend(args) => trend::execute(args),
    }
}

const HELP: &str =
    "Exit codes: 0 fine · 1 could not complete · 2 bad command line or scenario · 3 no verdict · \
99 a threshold or a comparison failed · 130 interrupted, partial results saved

Examples:
  tollgate init --preset chat chat.toml
  tollgate simulate chat.toml
  tollgate run scenarios/first-light.toml --duration 10s";

#[cfg(all(test, feature = "net"))]
mod tests;
