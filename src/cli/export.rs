//! `tollgate export`: a results folder in the forms that other tools read.

#[cfg(feature = "net")]
mod post;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use tollgate::compare::report::{cases, kept};
use tollgate::error::{Error, ExitCode, Result};
use tollgate::export::{FORMS, Form, Make, Results, Stream, named};
use tollgate::report::{Files, markdown};

use super::{output, put};

/// Show a results folder in a form that another tool reads
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The folder that run, simulate or plan wrote
    folder: PathBuf,
    /// The form
    #[arg(long, value_name = "FORM", value_parser = form())]
    to: &'static Form,
    /// A file for it, or a folder for its files; standard output, where it is not given and there is but one
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Write over files that are there
    #[arg(long, requires = "out")]
    force: bool,
    /// With `--to otlp`: send it to the OTLP/HTTP receiver at this base URL, with the headers of OTEL_EXPORTER_OTLP_HEADERS
    #[cfg(feature = "net")]
    #[arg(long, value_name = "URL", conflicts_with = "out")]
    post: Option<String>,
    /// Post to a host beyond this machine
    #[cfg(feature = "net")]
    #[arg(long, requires = "post")]
    live: bool,
    /// With `--to github`: append summary.md to the step's summary, the file that GITHUB_STEP_SUMMARY names
    #[arg(long)]
    step_summary: bool,
}

const HELP: &str = "The exit code says whether it was written, not whether thresholds hold: that is said by the verb that played.
docs/ci.md has pipelines for GitHub and GitLab.

Examples:
  tollgate export results/first-light --to junit --out junit.xml
  tollgate export results/first-light --to gitlab --out gitlab
  tollgate export results/first-light --to github --step-summary
  tollgate export results/first-light --to parquet --out requests.parquet
  tollgate export results/first-light --to otlp --post http://127.0.0.1:4318";

pub fn execute(args: Args) -> Result<ExitCode> {
    let step_summary = args.step_summary.then(|| step_summary(args.to)).transpose()?;
    #[cfg(feature = "net")]
    if args.post.is_some() && args.to.name != "otlp" {
        let message = format!("--post goes with --to otlp, not with --to {}", args.to.name);
        return Err(Error::usage(message));
    }
    let mut results = Results::open(&args.folder)?;
    results.cases = kept(&args.folder)?.iter().flat_map(cases).collect();
    #[cfg(feature = "net")]
    if let Some(url) = &args.post {
        post::post(&results, url, args.live)?;
        return Ok(ExitCode::Fine);
    }
    match args.to.make {
        Make::Streamed(streams) => stream(&args, &results, streams)?,
        Make::Whole(make) => whole(&args, make(&results)?)?,
    }
    if let Some(path) = step_summary {
        append(&path, &markdown::write(&results.summary))?;
    }
    Ok(ExitCode::Fine)
}

/// Reads a form's name, and tells the help of each.
fn form() -> impl TypedValueParser<Value = &'static Form> {
    let names = FORMS.iter().map(|form| PossibleValue::new(form.name).help(form.about));
    PossibleValuesParser::new(names).map(|name| named(&name).expect("only names of forms are let through"))
}

/// Prints a form's file, or puts its files where they are wanted.
fn whole(args: &Args, files: Files) -> Result<()> {
    match (&args.out, &files[..]) {
        (Some(out), _) => {
            let path = place(out, files.len())?;
            files.iter().try_for_each(|(name, content)| put::put(&path(name), content, args.force))
        }
        (None, [(_, content)]) => output::say(&String::from_utf8_lossy(content)),
        (None, _) => Err(several(args.to, files.len())),
    }
}

/// The same of files that are written as rows are read.
fn stream(args: &Args, results: &Results, streams: &[Stream]) -> Result<()> {
    match (&args.out, streams) {
        (Some(out), _) => {
            // Where there is nothing to write, no folder is made.
            results.rows_path()?;
            let path = place(out, streams.len())?;
            let put = |stream: &Stream| {
                put::stream(&path(stream.file), args.force, |file| (stream.write)(results, file))
            };
            streams.iter().try_for_each(put)
        }
        (None, [_]) if io::stdout().is_terminal() => Err(Error::usage(format!(
            "--to {} is nothing to read on a terminal; give --out a file",
            args.to.name
        ))),
        (None, [stream]) => (stream.write)(results, &mut output::Stdout),
        (None, _) => Err(several(args.to, streams.len())),
    }
}

/// Where each of so many files goes: one where it is said, or into a folder that is there or ends with a slash; several
/// into a folder.
fn place(out: &Path, files: usize) -> Result<impl Fn(&str) -> PathBuf> {
    let is_folder = out.is_dir() || out.to_string_lossy().ends_with(std::path::is_separator);
    let is_file = files == 1 && !is_folder;
    if !is_file {
        std::fs::create_dir_all(out).map_err(|cause| Error::file("make", out, cause))?;
    }
    Ok(move |name: &str| if is_file { out.to_path_buf() } else { out.join(name) })
}

fn several(form: &Form, files: usize) -> Error {
    Error::usage(format!("--to {} makes {files} files; give --out a folder for them", form.name))
}

/// The summary of the step that runs this, for a form that goes with it.
fn step_summary(form: &Form) -> Result<PathBuf> {
    if form.name != "github" {
        let message = format!("--step-summary goes with --to github, not with --to {}", form.name);
        return Err(Error::usage(message));
    }
    let path = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty());
    path.map(PathBuf::from).ok_or_else(|| {
        Error::usage(format!(
            "--step-summary needs {STEP_SUMMARY}, which GitHub sets for a step; elsewhere there is --to markdown"
        ))
    })
}

fn append(path: &Path, text: &str) -> Result<()> {
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|cause| Error::file("write", path, cause))
}

const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";
