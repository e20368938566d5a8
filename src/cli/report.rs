//! `tollgate report`: every report of a results folder, made again from its files.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use tollgate::calibrate::{self, Calibration};
use tollgate::error::{ExitCode, Result};
use tollgate::export::Results;
use tollgate::export::metrics_dialect::{self, DIALECTS, MetricsDialect};
use tollgate::report::{self, terminal};
use tollgate::search;

use super::exit;
use super::output;
use super::recover;
use super::subject::{self, Format};

/// Make the reports of a results folder again, and print the summary
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The folder that run, simulate, sweep, calibrate or another verb wrote
    folder: PathBuf,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    format: Format,
    /// Instead, print the same stamps in another tool's definitions and names; of the rows in requests.csv
    #[arg(long, value_name = "TOOL", value_parser = dialect(), conflicts_with_all = ["format", "quiet"])]
    metrics_dialect: Option<&'static MetricsDialect>,
    /// Only errors and the exit code
    #[arg(long, short)]
    quiet: bool,
}

const HELP: &str =
    "docs/metrics.md says how the tools of --metrics-dialect differ from each other and from Tollgate.

Examples:
  tollgate report results/first-light --format markdown
  tollgate report results/first-light --metrics-dialect vllm";

pub fn execute(args: Args) -> Result<ExitCode> {
    if let Some(dialect) = args.metrics_dialect {
        let table = metrics_dialect::table(&Results::open(&args.folder)?, dialect)?;
        output::say(&format!("{}\n{}", table.caption, terminal::plain(&table)))?;
        return Ok(ExitCode::Fine);
    }
    if let Some(code) = recover::report(&args.folder, args.format, args.quiet)? {
        return Ok(code);
    }
    if let Some(swept) = report::sweep::render_again(&args.folder)? {
        if !args.quiet {
            output::say(&report::sweep::view(&swept, &args.folder))?;
        }
        return Ok(ExitCode::Fine);
    }
    if let Some(worlds) = report::worlds::render_again(&args.folder)? {
        if !args.quiet {
            output::say(&report::worlds::view(&worlds, &args.folder))?;
        }
        return Ok(ExitCode::Fine);
    }
    if let Some(repeated) = report::repeats::render_again(&args.folder)? {
        if !args.quiet {
            output::say(&report::repeats::view(&repeated, &args.folder))?;
        }
        return Ok(exit::of_repeats(&repeated));
    }
    if let Some(searched) = search::report::render_again(&args.folder)? {
        if !args.quiet {
            output::say(&super::search::view(&searched, &args.folder))?;
        }
        return Ok(super::search::exit_code(&searched));
    }
    if let Some(calibration) = Calibration::alone_in(&args.folder)? {
        if !args.quiet {
            output::say(&calibrate::report::view(&calibration))?;
        }
        return Ok(exit::of_calibration(&calibration));
    }
    let summary = report::render_again(&args.folder)?;
    if !args.quiet {
        subject::print(&summary, args.format, &args.folder)?;
    }
    Ok(exit::of_summary(&summary))
}

/// Reads a dialect's name, and tells the help of each.
fn dialect() -> impl TypedValueParser<Value = &'static MetricsDialect> {
    let names = DIALECTS.iter().map(|dialect| PossibleValue::new(dialect.name).help(dialect.about));
    PossibleValuesParser::new(names)
        .map(|name| metrics_dialect::named(&name).expect("only names of dialects are let through"))
}
