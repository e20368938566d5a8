//! What `run` and `simulate` share: which scenario, with what changed, and what becomes of the findings.

use std::fs::File;
use std::io::BufWriter;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use sha2::{Digest, Sha256};
use tollgate::bill::Bill;
use tollgate::catalogue::{Offer, UnitOffer};
use tollgate::client::purse::Budget;
use tollgate::client::workload::Class;
use tollgate::collectors::Setup;
use tollgate::collectors::log::Log;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::report::focus::{self, Account, Resource};
use tollgate::report::prices::{Source, Sources, UnitSource};
use tollgate::report::repeats::{self, RepeatEnd, Repeated};
use tollgate::report::summary::{
    Host, SCHEMA, Summary, ThresholdResult, ThresholdVerdict, Validity, Verb, Verdict,
};
use tollgate::report::{self, csv, hdr, json, markdown, prices, show, terminal};
use tollgate::scenario::{self, EndpointSpec, Scenario};
use tollgate::section::{self, Figure, Judgement, Section, Value};
use tollgate::sweep;
use tollgate::time::Instant as RunInstant;
use tollgate::warmup;

use super::found::Found;
use super::output;
use super::picked::Picked;

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
    folder: PathBuf,
    verb: Verb,
    started: Instant,
    calendar: jiff::Timestamp,
}

impl Subject {
    /// Makes the results folder of a scenario that was read by [`Common::load`].
    pub fn new(args: &Common, scenario: Scenario, verb: Verb, is_virtual: bool) -> Result<Subject> {
        let folder = new_folder(args.out.as_deref(), &scenario, jiff::Timestamp::now())?;
        Ok(Subject::within(folder, args, scenario, verb, is_virtual))
    }

    /// The same with a folder that is there.
    pub fn within(
        folder: PathBuf,
        args: &Common,
        scenario: Scenario,
        verb: Verb,
        is_virtual: bool,
    ) -> Subject {
        let calendar = jiff::Timestamp::now();
        let setup = tollgate::machines::setup(&scenario, is_virtual);
        let text = std::fs::read_to_string(&args.picked.scenario).unwrap_or_default();
        let question = scenario::question(&text);
        Subject { scenario, setup, question, folder, verb, started: Instant::now(), calendar }
    }

    /// The log of every attempt, as a file of the results.
    pub fn log(&self) -> Result<Log<BufWriter<File>>> {
        let path = self.folder.join("requests.csv");
        let file = File::create(&path).map_err(|cause| Error::file("create", &path, cause))?;
        Ok(Log::new(&self.setup, BufWriter::new(file)))
    }

    /// Requests expected in all, where the scenario says.
    pub fn expected(&self) -> Option<f64> {
        self.scenario.expected(self.scenario.duration.get())
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
        let mut sections = std::mem::take(&mut found.sections);
        match self.unswept() {
            _ if args.no_sweep => {}
            None => sections.push(sweep::load_sweep(&self.scenario, threads)?),
            Some(why) if !args.quiet => output::complain(&format!("no curves of other loads: {why}")),
            Some(_) => {}
        }
        let text = resolved(&self.scenario, &self.question)?;
        let verdict = verdict(&sections);
        // Where the harness was the limit, nothing it measured is judged.
        let is_valid = verdict.validity == Validity::Valid;
        let thresholds = self.scenario.thresholds.iter().map(|threshold| threshold.judge(&sections));
        let thresholds = thresholds.map(|judgement| result(judgement, is_valid)).collect();
        let summary = Summary {
            schema: SCHEMA,
            verb: self.verb,
            scenario: self.scenario.name.clone(),
            question: self.question.clone(),
            seed: u64::from(self.scenario.seed),
            version: env!("CARGO_PKG_VERSION").into(),
            scenario_sha256: sha256(&text),
            catalogue_sha256: self.scenario.prices.hash(),
            catalogue_date: self.scenario.prices.day().to_string(),
            duration_secs: self.scenario.duration.as_secs_f64(),
            warmup_secs: self.scenario.warmup.get().as_secs_f64(),
            warmup_by: self.scenario.warmup.chosen(),
            cooldown_secs: self.scenario.cooldown.as_secs_f64(),
            is_interrupted: found.is_interrupted,
            warnings: [self.scenario.warnings(), std::mem::take(&mut found.told.notes)].concat(),
            stopped: self.stopped(&found),
            verdict,
            thresholds,
            sections,
            certainty: found.told.certainty.take(),
            against: found.told.against.take(),
            standings: std::mem::take(&mut found.told.standings),
            preview: std::mem::take(&mut found.told.preview),
            host: host(self.started, self.calendar),
        };
        let bill = found.collectors.cost.bill(found.until);
        let written = self.write(&summary, &text, &found, &bill);
        // Shown even where it could not be written, and then quiet or not: a run is not lost to a full disk.
        if !args.quiet || written.is_err() {
            print(&summary, args.format, &self.folder)?;
        }
        written?;
        if let Some(failure) = found.log_failure {
            return Err(Error::failed(format!(
                "requests.csv is incomplete: {failure}; the other results are whole"
            )));
        }
        Ok(exit_code(&summary))
    }

    fn write(&self, summary: &Summary, scenario: &str, found: &Found, bill: &Bill) -> Result<()> {
        report::write_all(&self.folder, summary, scenario)?;
        let histograms = found.collectors.latency.histograms();
        // An export of which a part has no price would be taken for the whole.
        let focus = bill.is_known().then(|| focus::write(bill, &self.account())).transpose()?;
        let files = [
            (csv::COST_FILE, csv::cost(bill)?),
            (hdr::FILE, hdr::write(histograms, self.scenario.duration.get())?),
            (prices::FILE, prices::write(&self.setup.sheet, &self.sources())?),
        ];
        let focus = focus.map(|focus| (focus::FILE, focus));
        for (name, content) in files.iter().chain(&focus).chain(&found.files) {
            let path = self.folder.join(name);
            std::fs::write(&path, content).map_err(|cause| Error::file("write", &path, cause))?;
        }
        Ok(())
    }

    /// Where the prices of tokens and of capacity were read.
    fn sources(&self) -> Sources {
        let source = |offer: &Offer| Source {
            model: offer.model.clone(),
            scope: offer.scope.clone(),
            tier: offer.tier,
            from: offer.from.map(|day| day.to_string()),
            source: offer.source.clone(),
            dated: offer.dated.to_string(),
        };
        let sources = |spec| self.scenario.offers(spec).into_iter().map(source).collect();
        let unit = |row: &UnitOffer, share| UnitSource {
            provider: row.provider.clone(),
            unit: row.unit.clone(),
            scope: row.scope.clone(),
            term: row.term,
            price: row.price,
            share,
            source: row.source.clone(),
            dated: row.dated.to_string(),
        };
        let bought = self.scenario.commitments.iter().zip(&self.scenario.unit_rows);
        let bought = bought.filter_map(|(one, row)| Some((one, row.as_ref()?))).flat_map(|(one, row)| {
            one.endpoints().iter().map(move |name| ((one.name().into(), name.clone()), unit(row, None)))
        });
        let rented = self.scenario.endpoints.iter().filter_map(|spec| {
            let rent = self.scenario.rent(spec)?;
            Some(((spec.name.clone(), spec.name.clone()), unit(rent.row, Some(rent.share()))))
        });
        Sources {
            endpoints: self.scenario.endpoints.iter().map(sources).collect(),
            capacities: bought.chain(rented).collect(),
        }
    }

    /// Whose bill it is, and of what.
    fn account(&self) -> Account {
        let resource = |spec: &EndpointSpec| Resource {
            provider: spec.provider.name().into(),
            model: spec.model.clone(),
            region: spec.region.clone(),
        };
        Account {
            name: self.scenario.name.clone(),
            day: self.scenario.first_day(),
            resources: self.scenario.endpoints.iter().map(resource).collect(),
        }
    }

    /// Why the scenario is not tried at other loads: an endpoint cannot be simulated, or it would take minutes.
    fn unswept(&self) -> Option<String> {
        let without = self.scenario.endpoints.iter().find(|spec| spec.latency.is_none());
        if let Some(spec) = without {
            return Some(format!("endpoint '{}' has no `latency` to simulate it by", spec.name));
        }
        let expected = self.expected().filter(|expected| *expected > sweep::REQUESTS_MAX)?;
        let (expected, max) = (show::count_of(expected as u64), show::count_of(sweep::REQUESTS_MAX as u64));
        Some(format!("about {expected} requests, more than {max}; give a shorter --duration to have them"))
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

/// How a summary ends the process.
pub fn exit_code(summary: &Summary) -> ExitCode {
    let has = |verdict| summary.thresholds.iter().any(|threshold| threshold.verdict == verdict);
    let precision = summary.certainty.as_ref().and_then(|certainty| certainty.precision.as_ref());
    let is_unsure = precision.is_some_and(|precision| !precision.is_reached);
    match summary.verdict.validity {
        _ if summary.is_interrupted => ExitCode::Interrupted,
        _ if summary.stopped.is_some() => ExitCode::Failed,
        Validity::Invalid => ExitCode::NoVerdict,
        Validity::Valid if has(ThresholdVerdict::Fail) => ExitCode::Gate,
        Validity::Valid if has(ThresholdVerdict::NoVerdict) => ExitCode::NoVerdict,
        Validity::Valid if is_unsure => ExitCode::NoVerdict,
        Validity::Valid => ExitCode::Fine,
    }
}

/// How repeats end the process: none counts, or not as many as were asked for, or a threshold is not met.
pub fn exit_code_of_repeats(repeated: &Repeated) -> ExitCode {
    match repeats::fails(repeated) {
        _ if repeated.repeats.iter().any(|repeat| repeat.ending == RepeatEnd::Interrupted) => {
            ExitCode::Interrupted
        }
        _ if repeated.repeats.iter().any(|repeat| repeat.ending == RepeatEnd::Stopped) => ExitCode::Failed,
        _ if repeated.repeats.len() < repeated.wanted as usize => ExitCode::Failed,
        _ if repeated.counted() < 2 => ExitCode::NoVerdict,
        (true, _) => ExitCode::Gate,
        (false, true) => ExitCode::NoVerdict,
        (false, false) => ExitCode::Fine,
    }
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

fn result(judgement: Judgement, is_valid: bool) -> ThresholdResult {
    let Judgement { threshold, verdict, value, unit } = judgement;
    let verdict = match verdict {
        _ if !is_valid => ThresholdVerdict::NoVerdict,
        section::Verdict::Fail => ThresholdVerdict::Fail,
        section::Verdict::NoVerdict => ThresholdVerdict::NoVerdict,
        section::Verdict::Pass => ThresholdVerdict::Pass,
    };
    let figure = Figure { name: String::new(), value, unit };
    let shown = if is_valid { show::figure(Some(&figure)) } else { "the run is invalid".into() };
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
