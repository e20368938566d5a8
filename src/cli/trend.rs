//! `tollgate trend`: figures over many results, and where they changed their level.

use std::path::PathBuf;

use clap::ValueEnum;
use tollgate::compare::gate::{self, Allowed, Wanted};
use tollgate::error::{Error, ExitCode, Result};
use tollgate::number::Share;
use tollgate::trend::{Rules, report, trends};

use super::output;

/// Show how figures went over many results, and since when a level is another
#[derive(clap::Args)]
#[command(
    after_help = "Of runs a change is one that chance brings in one series of a hundred at most (a rank test); of simulations any is.

Examples:
  tollgate trend results
  tollgate trend results/first-light --metric ttft_p99 --metric 'chat: good_share' --format csv"
)]
pub struct Args {
    /// Folders of results, or folders that hold such
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// A figure to follow in place of the usual ones, of all or of a class or endpoint; may be given more than once
    #[arg(long, value_name = "[OF:]NAME")]
    metric: Vec<Wanted>,
    /// A change by less than this is none: a part of the figure, or of a share so many points
    #[arg(long, value_name = "SHARE", default_value = "1%")]
    min_change: Share,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Csv,
    Json,
    Markdown,
    Text,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let gates = gate::gates(&args.metric, Allowed::default())?;
    let rules = Rules { alpha: ALPHA, change_min: args.min_change.get() };
    let all = trends(&args.folders, &gates, rules)?;
    if let Some(gate) = gates.iter().find(|gate| {
        gate.is_asked
            && !all.iter().flat_map(|trend| &trend.series).any(|series| series.figure == gate.name())
    }) {
        return Err(Error::usage(format!(
            "no result has a figure '{}'; see what one has in its summary.json",
            gate.name()
        )));
    }
    output::say(&match args.format {
        Format::Csv => String::from_utf8_lossy(&report::csv(&all)?).into_owned(),
        Format::Json => report::json(&all, rules)?,
        Format::Markdown => report::markdown(&all),
        Format::Text => report::text(&all),
    })?;
    Ok(ExitCode::Fine)
}

/// As rarely a figure that does not change is said to.
const ALPHA: f64 = 0.01;
