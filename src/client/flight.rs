//! One request under way: its attempts so far, and which of them may still answer.

use std::time::Duration;

use smallvec::SmallVec;

use super::retry::Failure;
use crate::outcome::{Attempt, Cause, End, Ended, Outcome};
use crate::time::{Instant, nanos};
use crate::wire::{Cached, EndpointId, Finish, Forecast, Job, Kind, Source, Tokens, Usage, generated};

#[derive(Clone, Debug)]
pub(super) struct Flight {
    /// The request, its attempts so far, and at last what became of it.
    pub outcome: Outcome,
    answer_tokens: u32,
    reasoning_tokens: u32,
    /// When its whole time is over.
    pub deadline: Instant,
    /// The last failure that left no attempt live.
    pub failure: Option<Failure>,
    /// One attempt, and perhaps its hedge.
    live: [Option<Live>; 2],
    /// How the answer of the attempt that was sent last will come, where nothing is heard of it before its end.
    forecast: Option<Forecast>,
    /// Attempts from this one on make the round: each endpoint is tried once in it.
    round: usize,
    /// The earliest instant at which an endpoint of this round promised to take the request.
    promised: Option<Instant>,
}

/// An attempt that may still answer.
#[derive(Clone, Copy, Debug)]
struct Live {
    nth: u16,
    /// The last sign of life, or the send.
    heard: Instant,
    /// Tokens flow unseen since `heard`, so far apart.
    steady: Option<(Kind, Duration)>,
}

impl Flight {
    pub fn new(job: Job, intended: Instant, timeout: Duration) -> Flight {
        let Job { request, answer_tokens, reasoning_tokens, .. } = job;
        let outcome = Outcome {
            request,
            intended,
            finished: intended,
            end: End::Cancelled,
            is_measured: false,
            attempts: SmallVec::new(),
            winner: None,
        };
        Flight {
            outcome,
            answer_tokens,
            reasoning_tokens,
            deadline: intended + timeout,
            failure: None,
            live: [None, None],
            forecast: None,
            round: 0,
            promised: None,
        }
    }

    /// Becomes a new one, in the memory of one that is over.
    pub fn renew(&mut self, job: Job, intended: Instant, timeout: Duration) {
        debug_assert!(self.live.iter().all(Option::is_none), "what is reused is over");
        self.outcome.request = job.request;
        self.outcome.intended = intended;
        self.outcome.attempts.clear();
        (self.answer_tokens, self.reasoning_tokens) = (job.answer_tokens, job.reasoning_tokens);
        self.deadline = intended + timeout;
        (self.failure, self.forecast, self.round, self.promised) = (None, None, 0, None);
    }

    pub fn attempt(&self, nth: u16) -> &Attempt {
        &self.outcome.attempts[usize::from(nth)]
    }

    fn attempt_mut(&mut self, nth: u16) -> &mut Attempt {
        &mut self.outcome.attempts[usize::from(nth)]
    }

    /// Whoever answers has been asked.
    pub fn was_asked(&mut self, nth: u16) {
        self.attempt_mut(nth).is_sent = true;
    }

    /// What is asked of whoever serves it.
    pub fn job(&self) -> Job {
        Job {
            request: self.outcome.request.clone(),
            answer_tokens: self.answer_tokens,
            reasoning_tokens: self.reasoning_tokens,
            cached: Cached::NONE,
        }
    }

    pub fn send(&mut self, now: Instant, endpoint: EndpointId, cause: Cause) -> u16 {
        let nth = u16::try_from(self.outcome.attempts.len()).expect("attempts are capped far below 65,536");
        self.forecast = None;
        let place = self.live.iter_mut().find(|live| live.is_none());
        *place.expect("at most two attempts are live at once") = Some(Live { nth, heard: now, steady: None });
        self.outcome.attempts.push(Attempt {
            endpoint,
            cause,
            sent: now,
            is_sent: false,
            first_token: None,
            first_text: None,
            last_token: None,
            finished: now,
            ended: Ended::Cancelled,
            chunks: 0,
            gaps: Vec::new(),
            usage: Usage::default(),
            raw_usage: None,
            is_cut: false,
            tier: None,
            is_spilled: false,
        });
        nth
    }

    /// The send really happened at `at`.
    pub fn sent(&mut self, nth: u16, at: Instant) {
        let Some(live) = self.live_mut(nth) else { return };
        live.heard = live.heard.max(at);
        let attempt = self.attempt_mut(nth);
        if !attempt.is_sent {
            (attempt.sent, attempt.is_sent) = (attempt.sent.max(at), true);
        }
    }

    /// Tokens of a live attempt; says whether they are its first.
    pub fn on_tokens(&mut self, nth: u16, at: Instant, tokens: Tokens) -> bool {
        let input = self.outcome.request.input_tokens;
        let Some(live) = self.live_mut(nth) else { return false };
        let (was_summary, heard) = (live.steady.is_some(), live.heard);
        live.heard = at;
        live.steady = tokens.steady.map(|gap| (tokens.kind, gap));
        let attempt = self.attempt_mut(nth);
        attempt.is_sent = true;
        let at = at.max(attempt.sent);
        let is_first = attempt.first_token.is_none();
        if is_first {
            attempt.first_token = Some(at);
            attempt.usage.input = input;
        } else if !was_summary {
            attempt.gaps.push((nanos(at.since(heard)) / 1_000).min(u64::from(u32::MAX)) as u32);
        }
        if tokens.kind == Kind::Text && attempt.first_text.is_none() {
            attempt.first_text = Some(at);
        }
        attempt.last_token = Some(at);
        attempt.chunks += 1;
        count(&mut attempt.usage, tokens.kind, tokens.count);
        is_first
    }

    /// How a live attempt's answer will come.
    pub fn foretell(&mut self, nth: u16, forecast: Forecast) {
        self.was_asked(nth);
        self.forecast = Some(forecast);
    }

    /// The provider handed a live attempt on.
    pub fn pass_on(&mut self, nth: u16) {
        self.was_asked(nth);
        self.attempt_mut(nth).is_spilled = true;
    }

    /// The answer is whole, and ends a live attempt. One that came in a single piece has all its tokens now.
    /// Says whether these are the first that are heard of.
    pub fn on_finish(&mut self, nth: u16, at: Instant, finish: Finish) -> bool {
        self.release(nth);
        let Outcome { request, attempts, .. } = &mut self.outcome;
        let attempt = &mut attempts[usize::from(nth)];
        let at = at.max(attempt.sent);
        let was_silent = attempt.first_token.is_none();
        if let Some(forecast) = self.forecast.take() {
            fulfil(attempt, at, &forecast);
            attempt.last_token = Some(at);
            attempt.chunks = forecast.told(at) + u32::from(forecast.answer > 1);
        }
        if attempt.first_token.is_none() && finish.usage.generated() > 0 {
            attempt.first_token = Some(at);
            attempt.first_text = (finish.usage.output > 0).then_some(at);
            attempt.last_token = Some(at);
            attempt.chunks = 1;
        }
        attempt.raw_usage = finish.raw_usage;
        attempt.tier = finish.tier;
        attempt.usage = match finish.usage.source {
            Source::Provider => finish.usage,
            Source::Counted => Usage { input: request.input_tokens, ..finish.usage },
        };
        attempt.is_cut = finish.is_cut;
        (attempt.finished, attempt.ended, attempt.is_sent) = (at, Ended::Done, true);
        was_silent
    }

    /// Ends a live attempt, of which no whole answer came.
    pub fn end(&mut self, nth: u16, at: Instant, ended: Ended) {
        let Some(live) = self.release(nth) else { return };
        let Outcome { request, attempts, .. } = &mut self.outcome;
        let attempt = &mut attempts[usize::from(nth)];
        attempt.finished = at.max(attempt.sent);
        // Where it was refused, whoever it was passed on to has refused it too.
        attempt.is_spilled &= !matches!(ended, Ended::Rejected(_));
        let is_given_up = matches!(ended, Ended::Cancelled | Ended::Stalled | Ended::TimedOut);
        if is_given_up && attempt.is_sent {
            // The server took it in and works on it: the prompt is billed, and so is what flowed unseen.
            attempt.usage.input = request.input_tokens;
            if let Some(forecast) = self.forecast.take() {
                (attempt.usage.reasoning, attempt.usage.output) = forecast.seen(at);
                attempt.chunks = forecast.told(at);
                fulfil(attempt, at, &forecast);
            } else if let Some((kind, gap)) = live.steady.filter(|(_, gap)| !gap.is_zero()) {
                // An estimate where the pace has changed since, and never more than the answer has.
                let (reasoning, answer) =
                    generated(request.max_tokens, self.reasoning_tokens, self.answer_tokens);
                let left = match kind {
                    Kind::Reasoning => reasoning.saturating_sub(attempt.usage.reasoning),
                    Kind::Text => answer.saturating_sub(attempt.usage.output),
                };
                let unseen = nanos(at.since(live.heard)) / nanos(gap);
                count(&mut attempt.usage, kind, u32::try_from(unseen).unwrap_or(u32::MAX).min(left));
            }
        }
        attempt.ended = ended;
    }

    /// An attempt is live no more.
    fn release(&mut self, nth: u16) -> Option<Live> {
        self.live.iter_mut().find_map(|place| place.take_if(|live| live.nth == nth))
    }

    /// The round ends: every endpoint may be tried again.
    pub fn end_round(&mut self) {
        self.round = self.outcome.attempts.len();
        self.promised = None;
    }

    /// An endpoint of this round will take the request in `wait`: how long until the first of them does.
    pub fn promise(&mut self, now: Instant, wait: Duration) -> Duration {
        let at = self.promised.map_or(now + wait, |earlier| earlier.min(now + wait));
        self.promised = Some(at);
        at.since(now)
    }

    /// Endpoints already asked in this round.
    pub fn tried(&self) -> impl Iterator<Item = EndpointId> + '_ {
        self.outcome.attempts[self.round..].iter().map(|attempt| attempt.endpoint)
    }

    /// Whether none of its attempts may still answer.
    pub fn is_quiet(&self) -> bool {
        self.live.iter().all(Option::is_none)
    }

    pub fn live(&self) -> impl Iterator<Item = u16> + use<> {
        let [first, second] = &self.live;
        let nth = |live: &Live| live.nth;
        first.as_ref().map(nth).into_iter().chain(second.as_ref().map(nth))
    }

    pub fn is_live(&self, nth: u16) -> bool {
        let [first, second] = &self.live;
        first.is_some_and(|live| live.nth == nth) || second.is_some_and(|live| live.nth == nth)
    }

    /// Whether a lone silent attempt may get a hedge.
    pub fn is_waiting_on(&self, nth: u16) -> bool {
        self.is_live(nth) && self.live().count() == 1 && self.attempt(nth).first_token.is_none()
    }

    /// When the attempt has been silent for `stall`, unless it gives a sign; `None` while tokens are known to flow.
    pub fn stalls_at(&self, nth: u16, stall: Duration) -> Option<Instant> {
        let live = self.live.iter().flatten().find(|live| live.nth == nth)?;
        let flows = live.steady.is_some_and(|(_, gap)| gap < stall);
        (!flows).then(|| live.heard + stall)
    }

    /// Its fate is sealed.
    pub fn finish(&mut self, now: Instant, end: End, winner: Option<u16>, is_measured: bool) {
        debug_assert!(self.live.iter().all(Option::is_none), "no attempt outlives its request");
        let outcome = &mut self.outcome;
        outcome.winner = winner.map(usize::from);
        // An answer was whole when it was read, not when it was looked at.
        let finished = outcome.answer().map_or(now, |answer| answer.finished);
        (outcome.finished, outcome.end, outcome.is_measured) = (finished, end, is_measured);
    }

    fn live_mut(&mut self, nth: u16) -> Option<&mut Live> {
        self.live.iter_mut().flatten().find(|live| live.nth == nth)
    }
}

/// What was foretold has come, up to `now`.
fn fulfil(attempt: &mut Attempt, now: Instant, forecast: &Forecast) {
    let sent = attempt.sent;
    attempt.first_token = (forecast.first_token <= now).then(|| forecast.first_token.max(sent));
    attempt.first_text = forecast.text_by(now).map(|at| at.max(sent));
    attempt.last_token = forecast.last_told(now).map(|at| at.max(sent));
}

fn count(usage: &mut Usage, kind: Kind, tokens: u32) {
    let counted = match kind {
        Kind::Reasoning => &mut usage.reasoning,
        Kind::Text => &mut usage.output,
    };
    *counted = counted.saturating_add(tokens);
}
