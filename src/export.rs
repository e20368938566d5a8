//! What other tools read, made from a results folder alone.
//!
//! To add a form: its file, here or, where the summary is enough for it, with the reports; its `mod` line and its line in
//! `FORMS`.

mod llm_d;
pub mod metrics_dialect;
pub mod otlp;
#[cfg(feature = "parquet")]
mod parquet;
mod vllm;

use std::io::Write;
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;
use serde::Deserialize;

use crate::collectors::log;
use crate::collectors::rows::{Recorded, Rows};
use crate::error::{Error, Result};
use crate::report::summary::{Summary, Verb};
use crate::report::{
    Files, SCENARIO_FILE, action_benchmark, github, hdr, hgrm, json, junit, markdown, openmetrics,
};

/// A form that another tool reads.
pub struct Form {
    /// As it is asked for.
    pub name: &'static str,
    /// Whose it is and what is in it.
    pub about: &'static str,
    pub make: Make,
}

/// How a form's files are made.
pub enum Make {
    /// Of the rows, which may be more than memory holds: each file is written as they are read.
    Streamed(&'static [Stream]),
    /// All at once.
    Whole(fn(&Results) -> Result<Files>),
}

/// A file that is written as rows are read.
pub struct Stream {
    pub file: &'static str,
    pub write: fn(&Results, &mut Sink) -> Result<()>,
}

/// Where a file is written to.
pub type Sink<'a> = dyn Write + Send + 'a;

/// Every form.
pub const FORMS: &[Form] = &[
    Form {
        name: "action-benchmark",
        about: "github-action-benchmark's JSON, a file for each way in which a figure gets better",
        make: Make::Whole(|results| action_benchmark::write(&results.summary)),
    },
    Form {
        name: "github",
        about: "GitHub's annotations: an error, a warning or a notice for each finding",
        make: Make::Whole(|results| one(github::FILE, github::write(&results.summary, &results.cases))),
    },
    Form {
        name: "gitlab",
        about: "GitLab's unit test report (JUnit XML) and its metrics report (OpenMetrics)",
        make: Make::Whole(|results| {
            let junit = (junit::FILE.into(), junit::write(&results.summary, &results.cases).into_bytes());
            let metrics = (openmetrics::FILE.into(), openmetrics::write(&results.summary).into_bytes());
            Ok(vec![junit, metrics])
        }),
    },
    Form {
        name: "hgrm",
        about: "HdrHistogram's percentile distributions in milliseconds, a file for each endpoint and measure",
        make: Make::Whole(|results| hgrm::write(&results.histograms()?)),
    },
    Form {
        name: "json",
        about: "every figure, as in summary.json",
        make: Make::Whole(|results| one(json::FILE, json::write(&results.summary)?)),
    },
    Form {
        name: "junit",
        about: "JUnit XML, a test case for each threshold, for each figure held against a --baseline and for the run itself",
        make: Make::Whole(|results| one(junit::FILE, junit::write(&results.summary, &results.cases))),
    },
    Form {
        name: "llm-d",
        about: "llm-d's Benchmark Report 0.2, as JSON",
        make: Make::Whole(|results| one(llm_d::FILE, llm_d::write(results)?)),
    },
    Form {
        name: "markdown",
        about: "tables for pull requests, as in summary.md",
        make: Make::Whole(|results| one(markdown::FILE, markdown::write(&results.summary))),
    },
    Form {
        name: "otlp",
        about: "OpenTelemetry's metrics and spans of the requests in requests.csv, as OTLP JSON lines",
        make: Make::Streamed(otlp::STREAMS),
    },
    #[cfg(feature = "parquet")]
    Form {
        name: "parquet",
        about: "the rows of requests.csv with types, compressed",
        make: Make::Streamed(&[Stream { file: parquet::FILE, write: parquet::write }]),
    },
    Form {
        name: "vllm",
        about: "what `vllm bench serve --save-result` writes",
        make: Make::Whole(|results| one(vllm::FILE, vllm::write(results)?)),
    },
];

/// The form of this name.
pub fn named(name: &str) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.name == name)
}

/// A results folder to be shown in another form.
pub struct Results {
    dir: PathBuf,
    pub summary: Summary,
    /// What else is judged of it.
    pub cases: Vec<junit::Case>,
}

impl Results {
    /// Reads the summary that `run`, `simulate` or `plan` has left in a folder.
    pub fn open(dir: &Path) -> Result<Results> {
        let shown = dir.display();
        if dir.join(SCENARIO_FILE).exists() && !dir.join(json::FILE).exists() {
            return Err(Error::failed(format!(
                "{shown} has a scenario and no {}; `tollgate report {shown}` makes it of what there is",
                json::FILE
            )));
        }
        match json::verb(dir) {
            Some(verb) if !READ.contains(&verb.as_str()) => Err(Error::usage(format!(
                "{shown} holds the results of `{verb}`; only those of {} can be exported",
                READ.join(", ")
            ))),
            _ => Ok(Results { dir: dir.into(), summary: json::read(dir)?, cases: Vec::new() }),
        }
    }

    /// Its latency distributions in microseconds, each with its tag: an endpoint's name or `all`, a colon, the measure.
    pub fn histograms(&self) -> Result<Vec<(String, Histogram<u64>)>> {
        let path = self.dir.join(hdr::FILE);
        let log = std::fs::read(&path).map_err(|cause| Error::file("read", &path, cause))?;
        hdr::read(&log).map_err(|why| Error::file("read", &path, why))
    }

    /// The scenario as it was played.
    pub fn scenario(&self) -> Result<toml::Table> {
        let path = self.dir.join(SCENARIO_FILE);
        let text = std::fs::read_to_string(&path).map_err(|cause| Error::file("read", &path, cause))?;
        text.parse().map_err(|cause| Error::file("read", &path, cause))
    }

    /// Its rows; or what to do to have some.
    pub fn rows_path(&self) -> Result<PathBuf> {
        let path = self.dir.join(log::FILE);
        let next = match self.summary.verb {
            Verb::Plan => "a plan keeps none; play its scenario by `tollgate simulate --rows`",
            Verb::Run => "run without --no-rows to have it",
            Verb::Simulate => "simulate with --rows to have it",
        };
        match path.exists() {
            true => Ok(path),
            false => Err(Error::failed(format!("{} has no {}; {next}", self.dir.display(), log::FILE))),
        }
    }

    /// Classes and endpoints, in the scenario's order.
    pub fn played(&self) -> Result<Played> {
        let wrong = |why| Error::file("read", &self.dir.join(SCENARIO_FILE), why);
        self.scenario()?.try_into().map_err(wrong)
    }

    /// Hands every request in the rows to `collect`, in their order, until it fails. A crash may have left the last one
    /// without all of its attempts: then it is left out.
    pub fn each(&self, played: &Played, mut collect: impl FnMut(&Recorded) -> Result<()>) -> Result<()> {
        let path = self.rows_path()?;
        let wrong = |why| Error::file("read", &path, why);
        let classes = played.classes.iter().map(|class| class.name.as_str());
        let endpoints = played.endpoints.iter().map(|endpoint| endpoint.name.as_str());
        let mut rows = Rows::open(&path, classes, endpoints).map_err(wrong)?;
        while let Some(recorded) = rows.read().map_err(wrong)? {
            match recorded.concluded() {
                Ok(recorded) => collect(&recorded)?,
                Err(why) if rows.read().map_err(wrong)?.is_some() => return Err(wrong(why)),
                Err(_) => break,
            }
        }
        Ok(())
    }
}

/// What the forms want to know of a scenario.
#[derive(Deserialize)]
pub struct Played {
    pub classes: Vec<Class>,
    pub endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
pub struct Class {
    pub name: String,
}

#[derive(Deserialize)]
pub struct Endpoint {
    pub name: String,
    #[serde(default)]
    pub provider: String,
    #[serde(default)]
    pub model: String,
    #[serde(default)]
    pub dialect: String,
}

/// Verbs whose summaries are of one play.
const READ: [&str; 3] = ["plan", "run", "simulate"];

fn one(name: &str, content: String) -> Result<Files> {
    Ok(vec![(name.into(), content.into_bytes())])
}
