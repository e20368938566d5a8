//! What other tools read, made from a results folder alone.
//!
//! To add a form: its file, its `mod` line and its line in `FORMS`.

use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;

use super::summary::Summary;
use super::{
    Files, SCENARIO_FILE, action_benchmark, github, hdr, hgrm, json, junit, markdown, openmetrics, vllm,
};
use crate::error::{Error, Result};

/// A form that another tool reads.
pub struct Form {
    /// As it is asked for.
    pub name: &'static str,
    /// Whose it is and what is in it.
    pub about: &'static str,
    pub write: fn(&Results) -> Result<Files>,
}

/// Every form.
pub const FORMS: &[Form] = &[
    Form {
        name: "action-benchmark",
        about: "github-action-benchmark's JSON, a file for each way in which a figure gets better",
        write: |results| action_benchmark::write(&results.summary),
    },
    Form {
        name: "github",
        about: "GitHub's annotations: an error, a warning or a notice for each finding",
        write: |results| one(github::FILE, github::write(&results.summary, &results.cases)),
    },
    Form {
        name: "gitlab",
        about: "GitLab's unit test report (JUnit XML) and its metrics report (OpenMetrics)",
        write: |results| {
            let junit = (junit::FILE.into(), junit::write(&results.summary, &results.cases).into_bytes());
            let metrics = (openmetrics::FILE.into(), openmetrics::write(&results.summary).into_bytes());
            Ok(vec![junit, metrics])
        },
    },
    Form {
        name: "hgrm",
        about: "HdrHistogram's percentile distributions in milliseconds, a file for each endpoint and measure",
        write: |results| hgrm::write(&results.histograms()?),
    },
    Form {
        name: "json",
        about: "every figure, as in summary.json",
        write: |results| one(json::FILE, json::write(&results.summary)?),
    },
    Form {
        name: "junit",
        about: "JUnit XML, a test case for each threshold, for each figure held against a --baseline and for the run itself",
        write: |results| one(junit::FILE, junit::write(&results.summary, &results.cases)),
    },
    Form {
        name: "markdown",
        about: "tables for pull requests, as in summary.md",
        write: |results| one(markdown::FILE, markdown::write(&results.summary)),
    },
    Form {
        name: "vllm",
        about: "what `vllm bench serve --save-result` writes",
        write: |results| one(vllm::FILE, vllm::write(results)?),
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
}

/// Verbs whose summaries are of one play.
const READ: [&str; 3] = ["plan", "run", "simulate"];

fn one(name: &str, content: String) -> Result<Files> {
    Ok(vec![(name.into(), content.into_bytes())])
}
