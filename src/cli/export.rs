//! `tollgate export`: a results folder in the forms that other tools read.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use tollgate::compare::report::{cases, kept};
use tollgate::error::{Error, ExitCode, Result};
use tollgate::report::export::{FORMS, Form, Results, named};
use tollgate::report::markdown;

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
    /// With `--to github`: append summary.md to the step's summary, the file that GITHUB_STEP_SUMMARY names
    #[arg(long)]
    step_summary: bool,
}

const HELP: &str = "The exit code says whether it was written, not whether thresholds hold: that is said by the verb that played.
docs/ci.md has pipelines for GitHub and GitLab.

Examples:
  tollgate export results/first-light --to junit --out junit.xml
  tollgate export results/first-light --to gitlab --out gitlab
  tollgate export results/first-light --to github --step-summary";

pub fn execute(args: Args) -> Result<ExitCode> {
    let step_summary = args.step_summary.then(|| step_summary(args.to)).transpose()?;
    let mut results = Results::open(&args.folder)?;
    results.cases = kept(&args.folder)?.iter().flat_map(cases).collect();
    let files = (args.to.write)(&results)?;
    match (&args.out, &files[..]) {
        (Some(out), _) => write(out, &files, args.force)?,
        (None, [(_, content)]) => output::say(&String::from_utf8_lossy(content))?,
        (None, _) => {
            return Err(Error::usage(format!(
                "--to {} makes {} files; give --out a folder for them",
                args.to.name,
                files.len()
            )));
        }
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

/// One file goes where it is said, or into a folder that is there or ends with a slash; several go into a folder.
fn write(out: &Path, files: &[(String, Vec<u8>)], is_forced: bool) -> Result<()> {
    let is_folder = out.is_dir() || out.to_string_lossy().ends_with(std::path::is_separator);
    if let ([(_, content)], false) = (files, is_folder) {
        return put::put(out, content, is_forced);
    }
    std::fs::create_dir_all(out).map_err(|cause| Error::file("make", out, cause))?;
    files.iter().try_for_each(|(name, content)| put::put(&out.join(name), content, is_forced))
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
