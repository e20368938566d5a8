//! How a simulation goes over time: what was under way at each endpoint, and the latency of each part of the run.
//!
//! The planned duration is cut into [`PARTS`] parts. What begins and what ends in each is counted, so that
//! the number under way is known at every edge between two parts, exactly.

use crate::outcome::{Attempt, Ended, Outcome};
use crate::server::cloud::Spill;
use crate::statistics::batches::{self, Part};
use crate::statistics::interval::{Confidence, Interval, NoInterval};
use crate::time::{Instant, nanos};
use std::time::Duration;

/// Enough that a minute's batches of five settle a run, few enough to weigh nothing.
pub const PARTS: usize = 300;

/// One run's parts.
#[derive(Clone, Debug)]
pub struct Steady {
    /// Nanoseconds to a part.
    width: u64,
    /// By the intended start.
    answers: Vec<Answers>,
    endpoints: Vec<Presence>,
    /// By endpoint, what it passes on and to which other.
    spills: Vec<Option<Spill>>,
    window: (Instant, Instant),
    /// The part asked for last, and where it begins: most are asked for many times in a row.
    recent: (u64, usize),
}

/// Answers to what was intended in a part, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    count: u64,
    e2e: u64,
    ttft: u64,
}

/// Who came to an endpoint and who went.
#[derive(Clone, Debug)]
struct Presence {
    began: Vec<u64>,
    ended: Vec<u64>,
    asked: u64,
    refused: u64,
    passed_on: u64,
    under_way: [u64; 3],
}

impl Steady {
    /// Requests come for `duration`; those after `warmup` are measured. `spills` has for each endpoint what it passes on.
    pub fn new(spills: Vec<Option<Spill>>, warmup: Duration, duration: Duration) -> Steady {
        let empty = Presence {
            // What comes and goes after the duration has a part of its own.
            began: vec![0; PARTS + 1],
            ended: vec![0; PARTS + 1],
            asked: 0,
            refused: 0,
            passed_on: 0,
            under_way: [0; 3],
        };
        Steady {
            width: nanos(duration).div_ceil(PARTS as u64).max(1),
            answers: vec![Answers::default(); PARTS + 1],
            endpoints: vec![empty; spills.len()],
            spills,
            window: (Instant::START + warmup, Instant::START + duration),
            recent: (0, 0),
        }
    }

    pub fn collect(&mut self, outcome: &Outcome) {
        for (nth, attempt) in outcome.attempts.iter().enumerate() {
            let (began, ended) = (self.part(attempt.sent), self.part(attempt.finished));
            let (from, until) = self.window;
            let asked = usize::from(attempt.endpoint.0);
            let passed_to = self.passed_to(attempt);
            let is_rejected = matches!(attempt.ended, Ended::Rejected(_));
            if (from..until).contains(&attempt.sent) {
                let earlier = &outcome.attempts[..nth];
                if !earlier.iter().any(|other| self.reaches(other, asked)) {
                    let presence = &mut self.endpoints[asked];
                    presence.asked += 1;
                    presence.refused += u64::from(is_rejected || passed_to.is_some());
                    presence.passed_on += u64::from(passed_to.is_some());
                }
                if let Some(to) = passed_to.filter(|to| !earlier.iter().any(|other| self.reaches(other, *to)))
                {
                    self.endpoints[to].asked += 1;
                    self.endpoints[to].refused += u64::from(is_rejected);
                }
            }
            let presence = &mut self.endpoints[passed_to.unwrap_or(asked)];
            presence.began[began] += 1;
            presence.ended[ended] += 1;
            let is_there = |at: Instant| u64::from(attempt.sent < at && attempt.finished >= at);
            let instants = [from, from + until.since(from) / 2, until];
            let there = presence.under_way.iter_mut().zip(instants);
            there.for_each(|(count, at)| *count += is_there(at));
        }
        if let Some(answer) = outcome.answer() {
            let part = self.part(outcome.intended);
            let since = |at: Instant| nanos(at.since(outcome.intended));
            let answers = &mut self.answers[part];
            answers.count += 1;
            answers.e2e += since(answer.last_token.unwrap_or(answer.finished));
            answers.ttft += since(answer.first_token.unwrap_or(answer.finished));
        }
    }

    /// Which endpoint an attempt was passed on to; where that refused it too, the refusal is of the endpoint asked.
    pub fn passed_to(&self, attempt: &Attempt) -> Option<usize> {
        let spill = self.spills[usize::from(attempt.endpoint.0)]?;
        let is_refused = || match attempt.ended {
            Ended::Rejected(rejection) => spill.statuses.contains(&rejection.status),
            _ => false,
        };
        (attempt.is_spilled || spill.is_direct || is_refused()).then_some(spill.to)
    }

    /// Whether an attempt asked an endpoint, or was passed on to it.
    fn reaches(&self, attempt: &Attempt, endpoint: usize) -> bool {
        usize::from(attempt.endpoint.0) == endpoint || self.passed_to(attempt) == Some(endpoint)
    }

    fn part(&mut self, at: Instant) -> usize {
        let (from, part) = self.recent;
        if at.as_nanos().checked_sub(from).is_some_and(|into| into < self.width) {
            return part;
        }
        let part = ((at.as_nanos() / self.width) as usize).min(PARTS);
        self.recent = (part as u64 * self.width, part);
        part
    }

    /// Requests that asked an endpoint or were passed on to it within the window, each once; and how many of them it
    /// refused or passed on the first time.
    pub fn asked(&self, endpoint: usize) -> (u64, u64) {
        let Presence { asked, refused, .. } = self.endpoints[endpoint];
        (asked, refused)
    }

    /// How many of those that asked an endpoint it passed on the first time.
    pub fn passed_on(&self, endpoint: usize) -> u64 {
        self.endpoints[endpoint].passed_on
    }

    /// Attempts at an endpoint when the window began, at its middle and when it ended.
    pub fn under_way(&self, endpoint: usize) -> [u64; 3] {
        self.endpoints[endpoint].under_way
    }

    /// Attempts at an endpoint at the end of each part.
    pub fn in_flight(&self, endpoint: usize) -> Vec<u64> {
        let Presence { began, ended, .. } = &self.endpoints[endpoint];
        let mut there = 0;
        let there = began.iter().zip(ended).take(PARTS).map(|(began, ended)| {
            there = there + began - ended;
            there
        });
        there.collect()
    }

    /// The parts that lie within the window.
    pub fn measured(&self) -> std::ops::Range<usize> {
        let first = self.window.0.as_nanos().div_ceil(self.width) as usize;
        first.min(PARTS)..PARTS
    }

    /// How long a part is.
    pub fn width(&self) -> Duration {
        Duration::from_nanos(self.width)
    }

    /// The interval of the mean seconds from the intended start to the last token, of what was intended in the window: by
    /// batches of whole parts of it.
    pub fn e2e_mean(&self, confidence: Confidence) -> Result<Interval, NoInterval> {
        self.mean(confidence, |answers| answers.e2e)
    }

    /// The same to the first token.
    pub fn ttft_mean(&self, confidence: Confidence) -> Result<Interval, NoInterval> {
        self.mean(confidence, |answers| answers.ttft)
    }

    fn mean(&self, confidence: Confidence, nanos: fn(&Answers) -> u64) -> Result<Interval, NoInterval> {
        let measured = &self.answers[self.measured()];
        let parts = measured.len() / BATCHES;
        let batch = |answers: &[Answers]| Part {
            sum: answers.iter().map(|answers| nanos(answers) as f64 / 1e9).sum(),
            count: answers.iter().map(|answers| answers.count).sum(),
        };
        let last = &measured[measured.len() - parts * BATCHES..];
        let batches: Vec<Part> = last.chunks_exact(parts.max(1)).map(batch).collect();
        // A batch without an answer says nothing of answers.
        let have = batches.iter().filter(|batch| batch.count > 0).count();
        if have < BATCHES {
            return Err(NoInterval::TooFew { have: have as u64, needed: BATCHES as u64 });
        }
        batches::of_parts(&batches, confidence)
    }
}

/// Schmeiser: 10 to 30 are enough, and the fewer the longer each.
const BATCHES: usize = 10;
