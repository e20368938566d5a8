//! A recording as it is played: thinned or told several times over, faster or slower, turns waiting for answers.
//!
//! ```text
//!   voice 0, as recorded ─┐  in order   ┌ which ones?  ┐            ┌─► its own time ─────────────┐
//!   voice 1, shifted ─────┼──────────►──┤ load − voice ├─► due? ──►─┤                             ├─► arrivals
//!   voice 2, shifted ─────┘  of time    └ as its chance┘            └─► waits for an answer ──────┘
//! ```
//! What is held is what is due next, and what is read ahead where turns wait for answers: an answer may come sooner
//! than it was recorded, and the turn after it with it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::survey::Survey;
use super::voice::Voice;
use super::{Arrival, Growth, Lengths};
use crate::client::texts::Texts;
use crate::error::Result;
use crate::rng::{Purpose, Rng, mix};
use crate::time::{Instant, Timeline};

/// How a recording is played.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Times as fast as recorded.
    pub speed: f64,
    /// Times as many requests as recorded.
    pub rate: f64,
    pub growth: Option<Growth>,
    /// From one round's beginning to the next one's, in nanoseconds of the recording.
    pub period: Option<u64>,
    /// What times are spread over, in nanoseconds of the recording.
    pub tick: u64,
}

impl Pace {
    /// When something comes that is so many nanoseconds from the beginning of the recording.
    pub fn time(&self, recorded: u64) -> Instant {
        // Played as recorded, a time stays exact to the nanosecond.
        Instant::from_nanos(if self.speed == 1.0 { recorded } else { (recorded as f64 / self.speed) as u64 })
    }

    /// Times as many requests as recorded, at a time.
    pub fn load(&self, at: Instant) -> f64 {
        self.rate * self.growth.as_ref().map_or(1.0, |growth| growth.at(at.as_secs_f64()))
    }

    /// How often the recording is told at once, at most.
    pub fn voices(&self) -> u32 {
        let most = self.rate * self.growth.as_ref().map_or(1.0, Growth::most);
        libm::ceil(most).clamp(1.0, f64::from(VOICES_MAX)) as u32
    }
}

/// More readers of one file than this no system opens.
const VOICES_MAX: u32 = 4096;

/// A conversation: of one voice, in one round, the recording's own number.
type Talk = (u32, u64, u64);

/// Who speaks in a conversation: itself, or the sub-agent of this session.
type Side = Option<u64>;

/// A request that is to come.
struct Row {
    arrival: Arrival,
    talk: Option<(Talk, Side)>,
    /// From the answer before it.
    thought: Option<Duration>,
}

/// What is under way in a conversation, and what waits for it.
#[derive(Default)]
struct Turns {
    under_way: Vec<Side>,
    /// In the order in which they were recorded.
    waiting: VecDeque<(Row, Side)>,
}

impl Turns {
    /// Whether a turn waits for any of those before it. One of the conversation's own waits for all, so for the
    /// sub-agents, too; one of a sub-agent for its own and the conversation's.
    fn waits(side: Side, mut before: impl Iterator<Item = Side>) -> bool {
        before.any(|other| side.is_none() || other.is_none() || other == side)
    }

    /// Takes the turns that wait for nothing any more.
    fn release(&mut self) -> Vec<Row> {
        let (mut released, mut place) = (Vec::new(), 0);
        let mut before: BTreeSet<Side> = self.under_way.iter().copied().collect();
        while let Some(&(_, side)) = self.waiting.get(place) {
            let is_free = !Turns::waits(side, before.iter().copied());
            before.insert(side);
            if is_free && let Some((row, _)) = self.waiting.remove(place) {
                self.under_way.push(side);
                released.push(row);
            } else if side.is_none() {
                break;
            } else {
                place += 1;
            }
        }
        released
    }
}

/// Plays a recording.
pub struct Player {
    survey: Arc<Survey>,
    pace: Pace,
    voices: Vec<Voice>,
    /// When each voice's next request comes, in nanoseconds of the recording.
    heads: BinaryHeap<Reverse<(u64, u32)>>,
    due: Timeline<Row>,
    texts: Texts,
    turns: BTreeMap<Talk, Turns>,
    waiting: usize,
    /// The conversations of requests under way.
    talks: BTreeMap<u64, (Talk, Side)>,
    taken: u64,
    failure: Option<String>,
}

impl Player {
    pub fn new(survey: Arc<Survey>, pace: Pace, rng: &Rng) -> Player {
        let shift = |nth: u32| {
            let most = survey.circle.min(SHIFT_MAX);
            if nth == 0 { 0 } else { rng.of(Purpose::Replay, u64::from(nth), SHIFT).below(most) }
        };
        let voice = |nth| Voice::new(survey.clone(), shift(nth), pace.period);
        let voices: Vec<Voice> = (0..pace.voices()).map(voice).collect();
        let texts = Texts::new(rng.of(Purpose::Replay, 0, TEXTS).u64(), BLOCKS_MAX);
        let mut player = Player {
            voices,
            heads: BinaryHeap::new(),
            due: Timeline::new(),
            texts,
            turns: BTreeMap::new(),
            waiting: 0,
            talks: BTreeMap::new(),
            taken: 0,
            failure: None,
            survey,
            pace,
        };
        (0..player.pace.voices()).for_each(|nth| player.advance(nth));
        player
    }

    pub fn peek(&mut self, rng: &Rng) -> Option<Instant> {
        self.read_on(rng);
        self.due.peek().map(|(at, _)| at)
    }

    pub fn next(&mut self, rng: &Rng) -> Option<Arrival> {
        self.peek(rng)?;
        let (at, row) = self.due.pop()?;
        if let Some(talk) = row.talk {
            self.talks.insert(self.taken, talk);
        }
        self.taken += 1;
        Some(Arrival { at, ..row.arrival })
    }

    /// The `nth` request that was taken has ended: what waited for it comes when its user has thought.
    pub fn on_finish(&mut self, now: Instant, nth: u64) {
        let Some((talk, side)) = self.talks.remove(&nth) else { return };
        let turns = self.turns.get_mut(&talk).expect("a conversation under way is known");
        let ended = turns.under_way.iter().position(|other| *other == side);
        turns.under_way.swap_remove(ended.expect("a turn under way is known to its conversation"));
        let released = turns.release();
        if turns.under_way.is_empty() {
            self.turns.remove(&talk);
        }
        self.waiting -= released.len();
        for row in released {
            self.due.push(now + row.thought.unwrap_or_default(), row);
        }
    }

    /// Why it ended before its time, if it did.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Requests held in memory.
    pub fn held(&self) -> usize {
        self.due.len() + self.waiting
    }

    /// Reads as far as is needed to know what comes first.
    fn read_on(&mut self, rng: &Rng) {
        while let Some(Reverse((at, nth))) = self.heads.peek().copied() {
            let is_next = self.due.peek().is_none_or(|(first, _)| self.pace.time(at) <= first);
            let reads_ahead = self.survey.has_thoughts && self.held() < AHEAD;
            if !is_next && !reads_ahead {
                return;
            }
            self.heads.pop();
            self.take(nth, rng);
            self.advance(nth);
        }
    }

    fn advance(&mut self, nth: u32) {
        let next: Result<Option<u64>> = self.voices[nth as usize].advance();
        match next {
            Ok(Some(at)) => self.heads.push(Reverse((at, nth))),
            Ok(None) => {}
            Err(error) => self.failure = Some(error.to_string()),
        }
    }

    /// Takes the request at which a voice stands, if it is one of those that come.
    fn take(&mut self, nth: u32, rng: &Rng) {
        let voice = &self.voices[nth as usize];
        let (record, number) = (voice.record(), voice.number());
        // A conversation comes as a whole or not at all.
        let conversation = record.parent.or(record.session);
        let key = conversation.map_or(number, |session| mix(session ^ mix(voice.round() + 1)));
        let level = self.pace.load(self.pace.time(voice.at())) - f64::from(nth);
        if level < 1.0 && rng.of(Purpose::Replay, key, nth).unit() >= level {
            return;
        }
        let spread = match self.pace.tick {
            0 => 0,
            tick => rng.of(Purpose::Tick, number, nth).below(tick),
        };
        let at = self.pace.time(voice.at().saturating_add(spread));
        let talk = conversation.filter(|_| self.survey.has_thoughts);
        let side = record.session.filter(|_| record.parent.is_some());
        let talk = talk.map(|session| ((nth, voice.round(), session), side));
        let reader = mix(voice.round() ^ mix(u64::from(nth)));
        let beginnings =
            self.texts.beginnings(reader, &record.blocks, record.block_tokens, record.input_tokens);
        let reasoning = self.survey.has_reasoning.then(|| record.reasoning_tokens.min(record.output_tokens));
        let lengths = Lengths {
            input: record.input_tokens,
            output: record.output_tokens - reasoning.unwrap_or_default(),
            reasoning,
        };
        let (images, tenant) = (record.images, record.tenant);
        let arrival = Arrival { at, lengths: Some(lengths), beginnings, images, tenant };
        let thought = record.thought.map(|thought| self.pace.time(thought).since(Instant::START));
        self.plan(at, Row { arrival, talk, thought });
    }

    /// A turn waits where the one before it is under way or waits itself; the rest comes at its recorded time.
    fn plan(&mut self, at: Instant, row: Row) {
        if let Some((talk, side)) = row.talk {
            let turns = self.turns.entry(talk).or_default();
            let waiting = turns.waiting.iter().map(|(_, side)| *side);
            if row.thought.is_some() && Turns::waits(side, turns.under_way.iter().copied().chain(waiting)) {
                turns.waiting.push_back((row, side));
                self.waiting += 1;
                return;
            }
            turns.under_way.push(side);
        }
        self.due.push(at, row);
    }
}

/// Voices are shifted by up to an hour: bursts part, and the shape of the day stays.
const SHIFT_MAX: u64 = 3_600_000_000_000;

/// Requests read ahead where turns wait for answers.
pub const AHEAD: usize = 1 << 16;

/// Blocks of prompts that are remembered at least.
const BLOCKS_MAX: usize = 1 << 20;

/// Draws that are no voice's.
const SHIFT: u32 = u32::MAX;
const TEXTS: u32 = u32::MAX - 1;
