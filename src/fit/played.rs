//! The traffic of a scenario as a log would have it: what is asked, with answers that take as long as recorded ones.

use std::time::Duration;

use rustc_hash::FxHashMap;

use super::log::{Log, RECENT};
use crate::client::arrivals::{AnyArrivals, Modulated};
use crate::client::lengths::{Empirical, Length};
use crate::client::workload::{Class, Workload};
use crate::error::Result;
use crate::machines;
use crate::number::{NonNegative, Span};
use crate::rng::{Purpose, Rng, mix};
use crate::scenario::Scenario;
use crate::time::{Instant, Timeline, span_from_secs};
use crate::traces::{Record, Records};
use crate::wire::{Beginnings, RequestId};

/// The requests of a scenario in order of time.
pub struct Played {
    workload: Workload,
    /// When the log ends; none where it tells no time: then all conversations come to their end.
    end: Option<Instant>,
    /// What each class's requests are in the log.
    sources: Vec<Source>,
    answers: Timeline<RequestId>,
    /// The longest prompt with each beginning, and when it came last.
    known: FxHashMap<u64, (u32, Instant)>,
    recent_tokens: u64,
    rng: Rng,
}

impl Played {
    /// Of a scenario that was fitted to `log`.
    pub fn new(scenario: &Scenario, log: &Log) -> Played {
        let mut scenario = scenario.clone();
        let sources: Vec<Source> =
            scenario.classes.iter().map(|class| Source::of(class, &scenario.classes, log)).collect();
        if log.first.is_none() {
            let shared = sources.iter().find(|source| !source.has_arrivals).map_or(0, |source| source.count);
            scenario.arrivals = scenario.arrivals.as_ref().map(|_| within_an_hour(shared));
            for (class, source) in scenario.classes.iter_mut().zip(&sources) {
                class.arrivals = class.arrivals.as_ref().map(|_| within_an_hour(source.count));
            }
        }
        Played {
            end: log.first.map(|_| Instant::from_secs_f64(log.span_secs())),
            sources,
            answers: Timeline::new(),
            known: FxHashMap::default(),
            recent_tokens: 0,
            rng: Rng::new(u64::from(scenario.seed)),
            workload: machines::workload(&scenario),
        }
    }

    /// When the next request comes; answers that are there by then have ended.
    fn peek(&mut self) -> Option<Instant> {
        loop {
            let due = self.workload.peek();
            let answer = self.answers.peek().map(|(at, _)| at);
            if answer.is_none_or(|answer| due.is_some_and(|due| due < answer)) {
                return due;
            }
            if let Some((at, id)) = self.answers.pop() {
                self.workload.on_finish(at, id, true);
            }
        }
    }

    /// Prompt tokens that were seen in the [`RECENT`] time before.
    pub fn recent_tokens(&self) -> u64 {
        self.recent_tokens
    }

    /// Tokens of a prompt that were seen before. From now on all of it is.
    fn known(&mut self, now: Instant, beginnings: &Beginnings) -> u32 {
        let (mut known, mut recent) = (0, 0);
        for prefix in beginnings.as_slice() {
            let Some((longest, last)) = self.known.get(&prefix.id) else { continue };
            let tokens = prefix.tokens.min(*longest);
            known = known.max(tokens);
            if now.since(*last) <= RECENT {
                recent = recent.max(tokens);
            }
        }
        for prefix in beginnings.as_slice() {
            let (longest, last) = self.known.entry(prefix.id).or_insert((0, now));
            (*longest, *last) = (prefix.tokens.max(*longest), now);
        }
        self.recent_tokens += u64::from(recent);
        known
    }
}

/// What a class's requests are in the log.
struct Source {
    /// Which of the log's parts; none where it is not parted.
    part: Option<usize>,
    /// They are turns of conversations, or would be if they had a second.
    is_talk: bool,
    has_arrivals: bool,
    /// So many arrivals the log has of it, or of all classes that share the scenario's.
    count: u64,
    /// Milliseconds from a request to its whole answer; none where pauses are counted from the start.
    took: Option<Empirical>,
}

impl Source {
    fn of(class: &Class, classes: &[Class], log: &Log) -> Source {
        let parts = &log.parts.0;
        let part = parts.iter().position(|part| part.has_class(&class.name));
        let is_beside = |other: &&Class| part.is_none_or(|part| parts[part].has_class(&other.name));
        let has_talk = classes.iter().filter(is_beside).any(|other| other.session.is_some());
        let log = part.map_or(log, |part| &parts[part].log);
        let has_arrivals = class.arrivals.is_some();
        let is_talk = has_talk && (class.session.is_some() || !has_arrivals);
        let count = match (is_talk, has_talk) {
            (true, _) => log.conversations.count() as u64,
            (false, true) => log.alone.rows,
            (false, false) => log.all.rows,
        };
        let is_timed = !log.conversations.are_pauses_from_start();
        let took = log.took.knots().filter(|_| is_timed).map(Empirical::of);
        Source { part, is_talk, has_arrivals, count, took }
    }
}

impl Records for Played {
    fn read(&mut self, record: &mut Record) -> Result<bool> {
        if self.peek().is_none_or(|at| self.end.is_some_and(|end| at >= end)) {
            return Ok(false);
        }
        let Some((at, job)) = self.workload.take() else { return Ok(false) };
        let (id, class) = (job.request.id, usize::from(job.request.class.0));
        let turn = self.workload.turn(id);
        let session = turn.map(|turn| mix(class as u64 ^ mix(turn.session ^ mix(turn.agent.into()))));
        let draw = |took: &Empirical| took.draw(&mut self.rng.of(Purpose::Latency, id.0, 0));
        let source = &self.sources[class];
        let (is_talk, tenant) = (source.is_talk, source.part.map(|part| part as u64));
        let took = u64::from(source.took.as_ref().map_or(0, draw)) * 1_000_000;
        self.answers.push(at + Duration::from_nanos(took), id);
        *record = Record {
            at: i64::try_from(at.as_nanos()).ok(),
            input_tokens: job.request.input_tokens,
            output_tokens: job.answer_tokens,
            cached_tokens: Some(self.known(at, &job.request.beginnings)),
            session: session.or_else(|| is_talk.then(|| mix(id.0))),
            tenant,
            took: Some(took),
            ..Record::default()
        };
        Ok(true)
    }
}

/// So many arrivals, about, within an hour, and none after it.
fn within_an_hour(count: u64) -> AnyArrivals {
    let rate = NonNegative::new(count as f64 / HOUR_SECS).unwrap_or_default();
    AnyArrivals::Modulated(Modulated::new(vec![rate], Span(span_from_secs(HOUR_SECS))))
}

const HOUR_SECS: f64 = 3600.0;
