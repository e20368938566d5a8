//! `tollgate fit`: what a log is like.

use std::path::PathBuf;

use clap::ValueEnum;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::traces::layout::{Field, Mapping};

use super::figures;

/// Tell what a request log is like
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The log: CSV or JSON, plain or gzip; a folder is all files in it
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the figures of each file: rates, bursts, lengths, shared beginnings
    #[arg(long)]
    stats: bool,
    /// How figures are printed
    #[arg(long, value_enum, default_value = "terminal", requires = "stats")]
    format: Format,
    /// The log's layout, such as litellm-spend-log, instead of what its columns look like
    #[arg(long, value_name = "NAME")]
    layout: Option<String>,
    /// Which column is what, such as --column input=prompt_tokens; once for each
    #[arg(long, value_name = "FIELD=COLUMN", value_parser = column)]
    column: Vec<(Field, String)>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Json,
    Terminal,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let mapping = Mapping {
        layout: args.layout.clone(),
        columns: args.column.iter().cloned().collect(),
        ..Mapping::default()
    };
    if !args.stats {
        return Err(Error::usage("say what to do with the log: --stats prints its figures"));
    }
    figures::print(&args.files, &mapping, args.format == Format::Json)
}

fn column(text: &str) -> std::result::Result<(Field, String), String> {
    let (field, column) = text.split_once('=').ok_or("write such as input=prompt_tokens")?;
    let field = serde_json::from_value(field.trim().into()).map_err(|error| error.to_string())?;
    Ok((field, column.trim().into()))
}

const EXAMPLES: &str = "Example: tollgate fit --stats requests.csv.gz conversations/
A log of your own:  tollgate fit --stats log.jsonl --column time=ts --column input=usage.in --column output=usage.out";
