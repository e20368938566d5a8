//! `tollgate search --real`: each value is a bounded run over HTTP, judged by what it measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use tollgate::client::safety::{Halt, Why};
use tollgate::collectors::Collectors;
use tollgate::collectors::threshold::Threshold;
use tollgate::error::{Error, Result};
use tollgate::estimate::estimate;
use tollgate::number::Span;
use tollgate::outcome::Outcome;
use tollgate::report::summary::Validity;
use tollgate::run::{Interrupts, Ran};
use tollgate::scenario::warmup::Warmup;
use tollgate::scenario::{Draft, EndpointSpec, Scenario};
use tollgate::search::real::{self, Run, RunStanding};
use tollgate::search::saturation::{Mark, Saturation};
use tollgate::search::{Aim, Cut, Found, Probe, Search, Standing, Tried, report};
use tollgate::section::Section;
use tollgate::simulate::Flow;
use tollgate::statistics::interval::Confidence;
use tollgate::time::Instant;
use tollgate::{machines, trial, warmup};

use super::super::interrupt;
use super::super::output::{self, Progress};
use super::super::picked::Picked;
use super::super::real::{Allowance, Real};
use super::super::subject;
use super::{Args, at};

#[derive(clap::Args)]
#[command(next_help_heading = "With --real")]
pub struct Asked {
    /// Run each value in real time over HTTP, and do not simulate it
    #[arg(long = "real")]
    is_real: bool,
    /// How long requests of each value come, after the warm-up; twice and then four times as long where that decides nothing
    #[arg(long, value_name = "SPAN", default_value = "10s", requires = "is_real")]
    probe: Span,
    #[command(flatten)]
    real: Real,
}

impl Asked {
    pub fn is_real(&self) -> bool {
        self.is_real
    }

    /// Whether something is asked that only a run in real time can do.
    pub fn is_idle(&self) -> bool {
        !self.is_real && self.real.is_given()
    }
}

/// Looks for the value by runs, one after the other.
pub fn search(
    args: &Args,
    draft: &Draft,
    aim: Aim,
    under: &[Threshold],
    confidence: Confidence,
) -> Result<Found> {
    let Asked { probe, real, .. } = &args.real;
    if args.picked.duration.is_some() {
        let message = "with --real it is --probe that says how long each value is run; leave --duration out";
        return Err(Error::usage(message));
    }
    if probe.is_zero() {
        return Err(Error::usage("a probe of no length measures nothing; write such as --probe 10s"));
    }
    let mut prober = Prober {
        args,
        draft,
        under,
        confidence,
        key: aim.key.clone(),
        allowance: Allowance::new(),
        stay: None,
        runs: 0,
        stop: interrupt::flag(),
    };
    let most = prober.scenario(aim.max, 0)?;
    if most.endpoints.iter().any(EndpointSpec::is_remote) {
        let has_end = args.max.is_some() || most.search.as_ref().is_some_and(|spec| spec.max.is_some());
        if !has_end {
            let message =
                "a search by real requests needs an end; give --max the largest value that may be tried";
            return Err(Error::usage(message));
        }
        // Doubling asks no more in all than the last value does twice, and halving as often as the precision wants.
        let halvings = libm::ceil(libm::log2(1.0 / aim.precision)).max(1.0) as u32;
        let sum = estimate(&most)?.times(halvings + 3).within(most.safety.requests_max);
        real.guard_sum(&most, &sum)?;
    }
    real.stage(&most)?;
    Search::new(aim, &mut |value| prober.tried(value)).run()
}

/// Runs values, and remembers what the next runs are to know.
struct Prober<'a> {
    args: &'a Args,
    draft: &'a Draft,
    under: &'a [Threshold],
    confidence: Confidence,
    key: String,
    allowance: Allowance,
    /// How long requests took on average at the last value that passed.
    stay: Option<Duration>,
    /// Each run has a seed of its own, so that no prompt is cached from the one before.
    runs: u32,
    stop: Arc<AtomicBool>,
}

/// A run that is over.
struct Measured {
    probe: Probe,
    /// How long requests took on average.
    stay: Option<Duration>,
    cut: Option<Cut>,
}

impl Prober<'_> {
    /// The scenario of a value, with requests for as long as a look takes.
    fn scenario(&self, value: f64, look: u32) -> Result<Scenario> {
        let Args { picked, real, .. } = self.args;
        let written = picked.scenario(self.draft, &[])?;
        let probe = real.probe.get() * (1 << look);
        let duration = Some(Span(probe + written.warmup.get() + written.cooldown.get()));
        let picked = Picked { duration, ..picked.clone() };
        let mut scenario = at(&picked, self.draft, &self.key, value)?;
        if scenario.warmup == Warmup::Auto {
            warmup::resolve(&mut scenario)?;
        }
        real.real.bound(&mut scenario)?;
        Ok(scenario)
    }

    /// Runs a value until it is decided, for longer each time, and at most a few times.
    fn tried(&mut self, value: f64) -> Result<Tried> {
        let (mut looks, mut requests, mut cost) = (0, 0.0, Some(0.0));
        loop {
            let mut scenario = self.scenario(value, looks)?;
            scenario.seed = trial::seed(scenario.seed, self.runs);
            if !self.allowance.bound(&mut scenario) {
                return Ok(Tried::Cut(Cut::Stopped("a cap or a budget left nothing for another run".into())));
            }
            looks += 1;
            self.runs += 1;
            let Measured { mut probe, stay, cut } = self.run(value, &scenario, looks)?;
            if let Some(cut) = cut {
                return Ok(Tried::Cut(cut));
            }
            requests += probe.requests;
            cost = cost.zip(probe.cost).map(|(sum, cost)| sum + cost);
            if probe.standing == Standing::Undecided && looks < LOOKS_MAX {
                continue;
            }
            if probe.standing == Standing::Pass {
                self.stay = stay;
            }
            probe = Probe { replications: looks, requests, cost, ..probe };
            self.say(&probe);
            if probe.standing == Standing::Fail && probe.why.is_some() {
                self.rest();
            }
            return Ok(Tried::Probe(probe));
        }
    }

    fn run(&mut self, value: f64, scenario: &Scenario, look: u32) -> Result<Measured> {
        let stage = self.args.real.real.stage(scenario)?;
        let mut collectors = Collectors::new(&machines::setup(scenario, false));
        let (interrupts, given) = unbounded_channel();
        let mut saturation = Saturation::new(self.stay);
        let (mut broke, mut is_told) = (None, false);
        let (mut stay, mut ended) = (Duration::ZERO, 0u32);
        let until = Instant::START + scenario.duration.get();
        let mut progress = Progress::new(scenario.duration.get().as_millis() as u64, self.args.quiet);
        let record = |outcome: &Outcome| {
            collectors.collect(outcome);
            stay += outcome.finished.since(outcome.intended);
            ended += 1;
            Flow::Continue
        };
        let ran = stage.play(scenario, Interrupts::Given(given), record, |now| {
            if broke.is_none() && now.now < until {
                let mark = Mark { now: now.now, asked: now.asked, in_flight: now.in_flight };
                broke = saturation.look(mark);
            }
            if !is_told && (broke.is_some() || self.stop.load(Ordering::Relaxed)) {
                // Ends the arrivals; what is under way has the grace period.
                is_told = interrupts.send(()).is_ok();
            }
            progress.set(now.now.as_nanos() / 1_000_000, || {
                format!("{} = {value}: {} asked, {} in flight", self.key, now.asked, now.in_flight)
            });
        })?;
        progress.finish();
        if let Some(why) = ran.failure {
            return Err(Error::failed(format!("the trace could not be played to its end: {why}")));
        }
        collectors.fidelity.witness(ran.harness);
        collectors.fidelity.witness_waits(&ran.openings.waits);
        let sections = collectors.finish(ran.stopped);
        let cut = self.cut(&ran);
        let storm =
            ran.halt.filter(|halt| matches!(halt.why, Why::Storm { .. })).map(|halt| halt.to_string());
        let standing = standing(broke.or(storm), &sections);
        let run = Run { collectors: &collectors, sections: &sections, standing };
        let probe = real::probe(value, self.under, &run, self.confidence.of_look(look));
        self.allowance.spend(ran.requests, &collectors.cost);
        Ok(Measured { probe, stay: stay.checked_div(ended), cut })
    }

    /// Whether the run ended so that no other is to follow.
    fn cut(&self, ran: &Ran) -> Option<Cut> {
        if self.stop.load(Ordering::Relaxed) {
            return Some(Cut::Interrupted);
        }
        match ran.halt {
            Some(Halt { why: Why::Storm { .. }, .. }) => None,
            Some(halt) => Some(Cut::Stopped(halt.to_string())),
            None => (!ran.spent.is_empty()).then(|| Cut::Stopped("a budget was spent".into())),
        }
    }

    /// One line for each value, as a search in real time takes long.
    fn say(&self, probe: &Probe) {
        if self.args.quiet {
            return;
        }
        let held = probe.held.iter().map(|held| format!("{}: {}", held.threshold, report::shown(held)));
        let held: Vec<String> = held.chain(probe.why.clone()).collect();
        output::complain(&format!(
            "{} = {}: {} · {}",
            self.key,
            probe.value,
            probe.standing.name(),
            held.join("; ")
        ));
    }

    /// Whoever was asked too much has something left to do.
    fn rest(&self) {
        let slices = REST.as_millis() / SLICE.as_millis();
        for _ in 0..slices {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(SLICE);
        }
    }
}

/// Whether a run can be judged, which was cut short for a reason or for none.
fn standing(broke: Option<String>, sections: &[Section]) -> RunStanding {
    let verdict = subject::verdict(sections);
    let dropped = sections.iter().find_map(|section| section.total("dropped")?.value.as_f64());
    match (broke, verdict.validity) {
        // What was dropped was not sent as what was under way was not answered.
        (Some(why), Validity::Invalid) if dropped > Some(0.0) => RunStanding::Broke(why),
        (_, Validity::Invalid) => RunStanding::Invalid(verdict.reason),
        (Some(why), Validity::Valid) => RunStanding::Broke(why),
        (None, Validity::Valid) => RunStanding::Judged,
    }
}

/// A value that was not decided is run for longer, so often in all.
const LOOKS_MAX: u32 = 3;

const REST: Duration = Duration::from_secs(2);

const SLICE: Duration = Duration::from_millis(100);
