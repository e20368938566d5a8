//! `tollgate prices import`: another project's price list as a catalogue's file.

use std::path::PathBuf;

use clap::ValueEnum;
use jiff::civil::Date;
use tollgate::catalogue::import::{self, Format, Imported, Settings, write};
use tollgate::error::{Error, ExitCode, Result};

use super::{list, select};
use crate::cli::{output, put};

/// Turn LiteLLM's or genai-prices' data into a catalogue's file
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The price list, as JSON
    file: PathBuf,
    /// Whose list it is; found out, where it is not given
    #[arg(long, value_enum)]
    format: Option<Kind>,
    /// Only of this provider, as rows name it; may be given several times
    #[arg(long, value_name = "NAME")]
    provider: Vec<String>,
    /// The catalogue's file to write; standard output, where it is not given
    #[arg(long, value_name = "FILE.toml")]
    out: Option<PathBuf>,
    /// When the prices were read; today, where it is not given
    #[arg(long, value_name = "DAY")]
    dated: Option<Date>,
    /// What each row's source begins with, such as "litellm 1.109.1"; the format's name, where it is not given
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// Write over a file that is there
    #[arg(long, requires = "out")]
    force: bool,
    /// The report as JSON, with every row and key that it is about
    #[arg(long, requires = "out")]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    GenaiPrices,
    Litellm,
}

const HELP: &str = "LiteLLM has its map in its package: litellm/model_prices_and_context_window_backup.json.
genai-prices has its data as Python; this writes it as JSON:

    python3 -c \"import json; from genai_prices.data import providers as p; print(json.dumps(p,
        default=lambda o: vars(o) if hasattr(o, '__dict__') else str(o)))\" > genai-prices.json

What a list has no price for stays without one. What was not understood is reported, and nothing is rounded.

Examples:
  tollgate prices import model_prices_and_context_window_backup.json --out litellm.toml";

pub fn execute(args: Args) -> Result<ExitCode> {
    let text = std::fs::read_to_string(&args.file).map_err(|cause| Error::file("read", &args.file, cause))?;
    let format = match args.format {
        Some(Kind::GenaiPrices) => Format::GenaiPrices,
        Some(Kind::Litellm) => Format::Litellm,
        None => Format::sniff(&text).ok_or_else(|| {
            let file = args.file.display();
            Error::usage(format!(
                "{file} is neither LiteLLM's map nor genai-prices' data as JSON; see --help"
            ))
        })?,
    };
    let source = args.source.unwrap_or_else(|| format.name().into());
    let dated = args.dated.unwrap_or_else(select::today);
    let settings = Settings { format, providers: args.provider, source, dated };
    let Imported { offers, units, report } = import::import(&text, &settings)?;
    if offers.is_empty() && units.is_empty() {
        output::complain(&report.text());
        return Err(Error::failed("there is no price in it, or none of the providers asked for"));
    }
    let heading = format!(
        "{} rows from {}, read on {dated}.\nMade by `tollgate prices import` from a file with SHA-256\n{}.",
        offers.len() + units.len(),
        settings.source,
        report.sha256
    );
    let catalogue = write::toml(&heading, &offers, &units)?;
    match &args.out {
        None => {
            output::say(&catalogue)?;
            output::complain(report.text().trim_end());
        }
        Some(out) => {
            put::put(out, catalogue.as_bytes(), args.force)?;
            output::say(&if args.json { list::json(&report)? } else { report.text() })?;
        }
    }
    Ok(ExitCode::Fine)
}
