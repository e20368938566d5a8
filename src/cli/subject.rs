//! What `run` and `simulate` share: which scenario, with what changed, and what becomes of the findings.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use sha2::{Digest, Sha256};
use tollgate::bill::Bill;
use tollgate::client::purse::Budget;
use tollgate::client::workload::Class;
use tollgate::collectors::Setup;
use tollgate::collectors::log;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::recover::marker::{self, Facts};
use tollgate::report::summary::{
    Host, SCHEMA, Summary, ThresholdResult, ThresholdVerdict, Validity, Verb, Verdict,
};
use tollgate::report::{self, csv, focus, hdr, json, markdown, prices, show, terminal};
use tollgate::scenario::{self, Scenario};
use tollgate::section::{self, Figure, Judgement, Section, Value};
use tollgate::time::Instant as RunInstant;
use tollgate::warmup;

use super::account;
use super::exit;
use super::found::Found;
use super::loads;
use super::output;
use super::picked::Picked;
use super::rows::Rows;

#[derive(Clone, clap::Args)]
pub struct Common {
    #[command(flatten)]
    pub picked: Picked,
    /// A new folder for the results, instead of results/SCENARIO/TIME
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// No simulation of other loads for the cost curve
    #[arg(long)]
    pub no_sweep: bool,
    /// Only errors and the exit code
    #[arg(long, short)]
    pub quiet: bool,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    pub format: Format,
}

impl Common {
    /// Reads the scenario, applies what the command line changes, and finds its warm-up where it asks for that.
    pub fn load(&self) -> Result<Scenario> {
        let mut scenario = self.picked.scenario(&self.picked.draft()?, &[])?;
        warmup::resolve(&mut scenario)?;
        if !self.quiet {
            output::warn(&scenario.warnings());
        }
        Ok(scenario)
    }
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Format {
    Json,
    Markdown,
    Terminal,
}

/// A scenario about to be played, and where its results go.
pub struct Subject {
    pub scenario: Scenario,
    pub setup: Setup,
    pub question: String,
    /// The scenario as it is written beside the results.
    text: String,
    folder: PathBuf,
    verb: Verb,
    warmup_by: String,
    /// When it began, where it plays here.
    started: Option<Instant>,
    host: Host,
    /// Why it is recovered, where it is.
    recovered: Option<String>,
}

impl Subject {
    /// Makes the results folder of a scenario that was read by [`Common::load`], with the scenario in it.
    pub fn new(args: &Common, scenario: Scenario, verb: Verb, is_virtual: bool) -> Result<Subject> {
        let folder = new_folder(args.out.as_deref(), &scenario, jiff::Timestamp::now())?;
        Subject::within(folder, args, scenario, verb, is_virtual)
    }

    /// The same with a folder that is there.
    pub fn within(
        folder: PathBuf,
        args: &Common,
        scenario: Scenario,
        verb: Verb,
        is_virtual: bool,
    ) -> Result<Subject> {
        let (started, calendar) = (Instant::now(), jiff::Timestamp::now());
        let setup = tollgate::machines::setup(&scenario, is_virtual);
        let question =
            scenario::question(&std::fs::read_to_string(&args.picked.scenario).unwrap_or_default());
        let text = resolved(&scenario, &question)?;
        report::begin(&folder, &text)?;
        let (warmup_by, host) = (scenario.warmup.chosen(), host(started, calendar));
        let started = Some(started);
        Ok(Subject {
            scenario,
            setup,
            question,
            text,
            folder,
            verb,
            warmup_by,
            started,
            host,
            recovered: None,
        })
    }

    /// One that was played up to `now` and left `facts` in its folder, and why it is made again.
    pub fn recovered(
        folder: &Path,
        scenario: Scenario,
        setup: Setup,
        facts: Facts,
        now: RunInstant,
        why: String,
    ) -> Result<Subject> {
        let path = folder.join(report::SCENARIO_FILE);
        let text = std::fs::read_to_string(&path).map_err(|cause| Error::file("read", &path, cause))?;
        Ok(Subject {
            scenario,
            setup,
            question: scenario::question(&text),
            text,
            folder: folder.into(),
            verb: facts.verb,
            warmup_by: facts.warmup_by,
            started: None,
            host: Host { wall_secs: now.as_secs_f64(), ..facts.host },
            recovered: Some(why),
        })
    }

    /// The rows of every attempt, as a file of the results.
    pub fn rows(&self, args: &Common) -> Result<Rows> {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or(path.into());
        let facts = Facts {
            schema: marker::SCHEMA,
            verb: self.verb,
            folder: absolute(&args.picked.scenario).parent().unwrap_or(Path::new("")).into(),
            catalogue: args.picked.catalogue.as_deref().map(absolute),
            catalogue_sha256: self.scenario.prices.hash(),
            warmup_by: self.warmup_by.clone(),
            host: self.host.clone(),
        };
        Rows::begin(&self.folder, &self.setup, &facts)
    }

    /// Where its results go.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// That budgets are gone or another bound was reached, in words.
    pub fn stopped(&self, found: &Found) -> Option<String> {
        let words = found.spent.iter().map(|spent| match spent.class {
            Some(class) => self.overspent_by(&self.scenario.classes[usize::from(class.0)], spent.at),
            None => self.overspent_by_all(found, spent.at),
        });
        let words: Vec<_> = words.chain(found.halt.map(|halt| halt.to_string())).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    fn overspent_by(&self, class: &Class, at: RunInstant) -> String {
        let (name, secs) = (&class.name, at.as_secs_f64());
        let Budget { max, strict } = class.budget.expect("only a class with a budget spends it");
        let became = if strict { "had no room for the next request" } else { "was spent" };
        format!(
            "class '{name}': its budget of ${max} {became} at {secs:.1} s, and nothing of it was sent any more"
        )
    }

    fn overspent_by_all(&self, found: &Found, at: RunInstant) -> String {
        let Budget { max, strict } = self.scenario.budget.expect("only a run with a budget spends it");
        let (spent, secs) = (found.collectors.cost.spent(), at.as_secs_f64());
        if strict {
            format!(
                "the budget of ${max} had no room for the next request at {secs:.1} s, ${spent} was spent"
            )
        } else {
            format!("the budget of ${max} was spent at {secs:.1} s, ${spent} with what was under way")
        }
    }

    /// Writes the results, prints the summary, and says how it ends.
    pub fn conclude(self, args: &Common, mut found: Found, threads: NonZeroUsize) -> Result<ExitCode> {
        // Before anything that takes long: the rows are whole whatever happens then.
        let failure = found.rows.as_mut().and_then(Rows::end);
        if !args.no_sweep {
            found.sections.extend(loads::curves(&self.scenario, threads, args.quiet)?);
        }
        let rows = found.rows.take();
        let code = self.close(found, args.format, args.quiet)?;
        rows.into_iter().for_each(Rows::are_reported);
        match failure {
            Some(failure) => Err(Error::failed(format!(
                "{} is incomplete: {failure}; the other results are whole",
                log::FILE
            ))),
            None => Ok(code),
        }
    }

    /// Writes the results without curves of other loads, prints the summary, and says how it ends.
    pub fn close(&self, mut found: Found, format: Format, is_quiet: bool) -> Result<ExitCode> {
        let summary = self.summary(&mut found);
        let bill = found.collectors.cost.bill(found.until);
        let written = self.write(&summary, found, &bill);
        // Shown even where it could not be written, and then quiet or not: a run is not lost to a full disk.
        if !is_quiet || written.is_err() {
            print(&summary, format, &self.folder)?;
        }
        written.map(|()| exit::of_summary(&summary))
    }

    /// What was found, judged.
    pub fn summary(&self, found: &mut Found) -> Summary {
        let sections = std::mem::take(&mut found.sections);
        let verdict = verdict(&sections);
        // Where the harness was the limit, nothing it measured is judged; nor where what was slow may be missing.
        let unjudged = match (verdict.validity, &self.recovered) {
            (Validity::Invalid, _) => Some("the run is invalid"),
            (Validity::Valid, Some(_)) => Some("it did not come to its end"),
            (Validity::Valid, None) => None,
        };
        let thresholds = self.scenario.thresholds.iter().map(|threshold| threshold.judge(&sections));
        let thresholds = thresholds.map(|judgement| result(judgement, unjudged)).collect();
        let took = self.started.map_or(self.host.wall_secs, |started| started.elapsed().as_secs_f64());
        Summary {
            schema: SCHEMA,
            verb: self.verb,
            scenario: self.scenario.name.clone(),
            question: self.question.clone(),
            seed: u64::from(self.scenario.seed),
            version: env!("CARGO_PKG_VERSION").into(),
            scenario_sha256: sha256(&self.text),
            catalogue_sha256: self.scenario.prices.hash(),
            catalogue_date: self.scenario.prices.day().to_string(),
            duration_secs: self.scenario.duration.as_secs_f64(),
            warmup_secs: self.scenario.warmup.get().as_secs_f64(),
            warmup_by: self.warmup_by.clone(),
            cooldown_secs: self.scenario.cooldown.as_secs_f64(),
            is_interrupted: found.is_interrupted,
            recovered: self.recovered.clone(),
            warnings: [self.scenario.warnings(), std::mem::take(&mut found.told.notes)].concat(),
            stopped: self.stopped(found),
            verdict,
            thresholds,
            sections,
            certainty: found.told.certainty.take(),
            against: found.told.against.take(),
            standings: std::mem::take(&mut found.told.standings),
            preview: std::mem::take(&mut found.told.preview),
            host: Host { wall_secs: took, ..self.host.clone() },
        }
    }

    fn write(&self, summary: &Summary, found: Found, bill: &Bill) -> Result<()> {
        let histograms = found.collectors.latency.histograms();
        // An export of which a part has no price would be taken for the whole.
        let focus =
            bill.is_known().then(|| focus::write(bill, &account::account(&self.scenario))).transpose()?;
        let files = [
            (csv::COST_FILE.into(), csv::cost(bill)?),
            (hdr::FILE.into(), hdr::write(histograms, self.scenario.duration.get())?),
            (prices::FILE.into(), prices::write(&self.setup.sheet, &account::sources(&self.scenario))?),
        ];
        let focus = focus.map(|focus| (focus::FILE.into(), focus));
        let more = files.into_iter().chain(focus).chain(found.files).collect();
        if !self.folder.join(report::SCENARIO_FILE).exists() {
            // Somebody has removed the folder meanwhile: what there still is goes into a new one.
            report::begin(&self.folder, &self.text)?;
        }
        report::write_all(&self.folder, summary, &self.text, more)
    }
}

/// The scenario as it was played, with its question. It names environment variables and holds no secret.
pub fn resolved(scenario: &Scenario, question: &str) -> Result<String> {
    let text = toml::to_string(scenario)
        .map_err(|cause| Error::failed(format!("the scenario cannot be written back: {cause}")))?;
    let question = question.lines().map(|line| format!("# {line}\n")).collect::<String>();
    Ok(format!("{question}{text}"))
}

/// The folder for results: an empty one that was named, or a new one for the scenario and the time.
pub fn new_folder(out: Option<&Path>, scenario: &Scenario, calendar: jiff::Timestamp) -> Result<PathBuf> {
    match out {
        Some(folder) => empty_dir(folder).map(|()| folder.into()),
        None => report::results_dir(Path::new("results"), &scenario.name, calendar),
    }
}

/// Where it was played, from when on and for how long.
pub fn host(started: Instant, calendar: jiff::Timestamp) -> Host {
    Host {
        started: calendar.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        wall_secs: started.elapsed().as_secs_f64(),
        os: std::env::consts::OS.into(),
        arch: std::env::consts::ARCH.into(),
        cpus: threads().get() as u64,
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Processors there are to use.
pub fn threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Prints a summary and where its files are.
pub fn print(summary: &Summary, format: Format, folder: &Path) -> Result<()> {
    output::say(&match format {
        Format::Json => json::write(summary)?,
        Format::Markdown => markdown::write(summary),
        Format::Terminal => terminal::view(summary, Some(folder), output::is_coloured(&std::io::stdout())),
    })
}

/// Whether the harness kept to its plan, as the fidelity section found.
pub fn verdict(sections: &[Section]) -> Verdict {
    let fidelity = sections.iter().find(|section| section.name == "fidelity");
    let text = |name| match fidelity.and_then(|section| section.total(name)).map(|figure| &figure.value) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let validity = if text("verdict") == "INVALID" { Validity::Invalid } else { Validity::Valid };
    Verdict { validity, reason: text("reason") }
}

/// What becomes of a threshold; nothing, where it says why not.
fn result(judgement: Judgement, unjudged: Option<&str>) -> ThresholdResult {
    let Judgement { threshold, verdict, value, unit } = judgement;
    let verdict = match verdict {
        _ if unjudged.is_some() => ThresholdVerdict::NoVerdict,
        section::Verdict::Fail => ThresholdVerdict::Fail,
        section::Verdict::NoVerdict => ThresholdVerdict::NoVerdict,
        section::Verdict::Pass => ThresholdVerdict::Pass,
    };
    let figure = Figure { name: String::new(), value, unit };
    let shown = unjudged.map_or_else(|| show::figure(Some(&figure)), String::from);
    ThresholdResult { text: threshold, verdict, shown }
}

/// Makes `folder` for results, which must not hold anything yet.
fn empty_dir(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|cause| Error::file("create", folder, cause))?;
    let mut entries = std::fs::read_dir(folder).map_err(|cause| Error::file("read", folder, cause))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(Error::failed(format!(
            "{} is not empty, and results are never overwritten; give --out another folder",
            folder.display()
        ))),
    }
}
