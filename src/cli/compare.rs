//! `tollgate compare`: results held against a baseline.

use std::path::PathBuf;

use clap::ValueEnum;
use tollgate::compare::gate::{self, Allowed, Gate, Wanted};
use tollgate::compare::side::Side;
use tollgate::compare::{Comparison, Verdict, compare, report};
use tollgate::error::{ExitCode, Result};
use tollgate::number::Share;

use super::output;

/// Hold results against a baseline: PASS, FAIL or INCONCLUSIVE, figure by figure
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 every figure passes · 99 one fails · 3 one is inconclusive and none fails

Examples:
  tollgate compare results/first-light new
  tollgate compare results/first-light new --metric ttft_p99:8% --metric 'chat: refused_share'"
)]
pub struct Args {
    /// The folder of results to hold others against: of run, run --repeats or simulate
    base: PathBuf,
    /// Folders of results that are held against it, each by itself
    #[arg(required = true)]
    new: Vec<PathBuf>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    gates: Gates,
}

/// What may become of which figures.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Baseline")]
pub struct Gates {
    /// A figure to judge in place of the usual ones, of all or of a class or endpoint, and how much worse it may be; may be given
    /// more than once
    #[arg(long, value_name = "[OF:]NAME[:MAX]")]
    metric: Vec<Wanted>,
    /// How much worse a figure may be, as a part of the baseline's; 5% where it is not given
    #[arg(long, value_name = "SHARE")]
    max_regression: Option<Share>,
    /// How much worse a share may be, in points: from 3 % to 4 % is 1%, and allowed where it is not given
    #[arg(long, value_name = "SHARE")]
    max_share_regression: Option<Share>,
    /// Judge no figure of fewer samples on either side; 100 where it is not given
    #[arg(long, value_name = "N")]
    min_samples: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Json,
    Junit,
    Markdown,
    Text,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let gates = args.gates.gates()?;
    let base = Side::open(&args.base)?;
    base.check(&gates)?;
    let samples_min = args.gates.samples_min();
    let against = |new: &PathBuf| {
        let new = Side::open(new)?;
        new.check(&gates)?;
        Ok(compare(&base, &new, &gates, samples_min))
    };
    let all: Vec<Comparison> = args.new.iter().map(against).collect::<Result<_>>()?;
    output::say(&match args.format {
        Format::Json => report::json(&all)?,
        Format::Junit => report::junit(&all),
        Format::Markdown => report::markdown(&all),
        Format::Text => report::text(&all),
    })?;
    Ok(exit_code(&all))
}

/// How comparisons end the process.
pub fn exit_code(all: &[Comparison]) -> ExitCode {
    match report::verdict(all) {
        Verdict::Fail => ExitCode::Gate,
        Verdict::Inconclusive => ExitCode::NoVerdict,
        Verdict::Pass => ExitCode::Fine,
    }
}

impl Gates {
    /// What is judged, and by how much it may be worse.
    pub fn gates(&self) -> Result<Vec<Gate>> {
        let usual = Allowed::default();
        gate::gates(
            &self.metric,
            Allowed {
                relative: self.max_regression.unwrap_or(usual.relative),
                of_shares: self.max_share_regression.unwrap_or(usual.of_shares),
            },
        )
    }

    pub fn samples_min(&self) -> u64 {
        self.min_samples.unwrap_or(gate::SAMPLES_MIN)
    }

    /// Whether anything of it is on the command line.
    pub fn are_given(&self) -> bool {
        let Gates { metric, max_regression, max_share_regression, min_samples } = self;
        !metric.is_empty() || max_regression.or(*max_share_regression).is_some() || min_samples.is_some()
    }
}
