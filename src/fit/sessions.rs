//! The conversations of a log as classes of a scenario: those of one turn, and the others in two halves by their turns.
//!
//! Long conversations grow otherwise than short ones, so each half has its own lengths and pauses.
//! When conversations begin follows from when requests come: with R the rate of all their requests, r that at which
//! they begin and h(d) the requests that one brings d bins after its beginning, R(t) = Σ r(t − d)·h(d), so
//! r(t) = (R(t) − Σ r(t − d)·h(d) over d ≥ 1) / h(0).

use super::conversations::{Conversations, Figures, Talk};
use super::correlation;
use super::counts::{Bunching, Noise};
use super::length::Histogram;
use super::log::Log;
use super::rate::Rate;
use crate::client::lengths::{Empirical, Knots, Length};
use crate::rng::{Purpose, Rng};

/// Conversations as they are fitted.
#[derive(Clone, Debug)]
pub struct Sessions {
    /// At which conversations begin; none where the log does not tell.
    pub rate: Option<Rate>,
    /// Classes of conversations, those of fewer turns first.
    pub parts: Vec<Part>,
}

/// Conversations that are alike.
#[derive(Clone, Debug)]
pub struct Part {
    pub name: &'static str,
    /// How many there are, beside those of other parts.
    pub count: u64,
    /// Lengths of first prompts and of answers.
    pub input: Knots,
    pub output: Knots,
    /// The rank correlation of prompt and answer lengths; none where it is as good as none.
    pub correlation: Option<f64>,
    pub figures: Figures,
    /// The beginning that they share.
    pub system: Option<System>,
    pub compaction: Option<Compaction>,
}

/// A beginning that conversations share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct System {
    pub tokens: u32,
    pub groups: u32,
}

/// What is done about a context that has grown too long, in tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compaction {
    pub above: u32,
    pub to: u32,
}

impl Sessions {
    /// None where the log has no conversations of several turns, or their prompts do not carry what was said.
    pub fn fit(log: &Log) -> Option<Sessions> {
        let all = in_order(&log.conversations)?;
        let (single, several) = all.split_at(all.partition_point(|talk| talk.turns.len() == 1));
        let until = until(&all, log.all.seconds.len());
        let short_turns = middle(several.iter().filter(|talk| talk.is_early(until)));
        let (short, long) = several.split_at(several.partition_point(|talk| talk.turns.len() <= short_turns));
        let long_name = if short.is_empty() { "conversations" } else { "long-conversations" };
        let parts = [("one-turn", single), ("short-conversations", short), (long_name, long)];
        Some(Sessions::of(log, &parts, until))
    }

    /// The same in one class, those of one turn included.
    pub fn fit_as_one(log: &Log) -> Option<Sessions> {
        let all = in_order(&log.conversations)?;
        Some(Sessions::of(log, &[("conversations", &all)], until(&all, log.all.seconds.len())))
    }

    fn of(log: &Log, parts: &[(&'static str, &[&Talk])], until: usize) -> Sessions {
        let parts: Vec<Part> = parts.iter().filter_map(|(name, of)| Part::fit(name, of, until)).collect();
        let rate = log.first.map(|first| begin(log, first, &parts));
        Sessions { rate, parts }
    }
}

impl Part {
    /// None where there are no such conversations. Those that begin late are cut off by the log's end: how many there
    /// are, of how many turns, and what passes between these is told by those that begin until then.
    fn fit(name: &'static str, conversations: &[&Talk], until: usize) -> Option<Part> {
        let all = || conversations.iter().copied();
        let early = Figures::of(all().filter(|talk| talk.is_early(until)));
        let count = early.turns.total();
        if count == 0 {
            return None;
        }
        let Figures { turns, tool_pauses, user_pauses, .. } = early;
        let figures = Figures { turns, tool_pauses, user_pauses, ..Figures::of(all()) };
        let turns = all().flat_map(|talk| &talk.turns);
        let pairs: Vec<(u32, u32)> = turns.map(|turn| (turn.input_tokens, turn.output_tokens)).collect();
        let prompts = pairs.iter().map(|(input, _)| f64::from(*input)).sum::<f64>() / pairs.len() as f64;
        Some(Part {
            name,
            count,
            input: figures.first_input.knots()?,
            output: figures.output.knots()?,
            correlation: correlation(&pairs),
            system: System::fit(&figures),
            compaction: Compaction::fit(&figures, prompts),
            figures,
        })
    }

    /// Whether its conversations have one turn each, so that they are plain requests.
    pub fn is_single(&self) -> bool {
        self.figures.later() == 0
    }
}

impl System {
    /// So long that first prompts share as many tokens as recorded, but hardly ever longer than a first prompt.
    fn fit(figures: &Figures) -> Option<System> {
        let first = &figures.first_input;
        let hits = first.total().saturating_sub(figures.first_unknown);
        let wanted = (figures.first_known * first.total()).checked_div(hits)?;
        let (mut low, mut high) = (0, first.quantiles(&[1.0])[0]);
        while low < high {
            let middle = low + (high - low) / 2;
            if first.sum_cut(middle) < wanted { low = middle + 1 } else { high = middle }
        }
        let is_single = figures.later() == 0;
        let tokens = if is_single { low } else { low.min(first.quantiles(&[FIRST_SHORT])[0]) };
        let groups = figures.first_unknown.clamp(1, GROUPS_MAX) as u32;
        (tokens >= SYSTEM_MIN).then_some(System { tokens, groups })
    }
}

impl Compaction {
    /// Where some prompts begin anew: to what such prompts are, above what makes prompts as long as recorded on
    /// average.
    fn fit(figures: &Figures, prompts_mean: f64) -> Option<Compaction> {
        let restarts = figures.restarts.total();
        if restarts < RESTARTS_MIN || (restarts as f64) < RESTARTS_SHARE_MIN * figures.later() as f64 {
            return None;
        }
        let to = figures.restarts.quantiles(&[0.5])[0];
        let growths = growths(figures)?;
        let (mut low, mut high) = (to + 1, figures.longest.quantiles(&[1.0])[0]);
        while low < high {
            let above = low + (high - low) / 2;
            if mean_prompt(&growths, Compaction { above, to }) < prompts_mean {
                low = above + 1;
            } else {
                high = above;
            }
        }
        Some(Compaction { above: low, to })
    }
}

/// Conversations drawn: each the length of its first prompt, and of each later turn the answer before it and what is
/// new.
fn growths(figures: &Figures) -> Option<Vec<Vec<(u32, u32)>>> {
    let [turns, first, new, output] =
        [&figures.turns, &figures.first_input, &figures.new_input, &figures.output].map(Histogram::knots);
    let [turns, first, new, output] = [turns?, first?, new?, output?].map(Empirical::of);
    let draw = |length: &Empirical, purpose, nth: u32, turn| {
        length.draw(&mut Rng::new(1).of(purpose, nth.into(), turn))
    };
    let conversation = |nth| {
        let later = 1..draw(&turns, Purpose::Turns, nth, 0);
        let begin = (0, draw(&first, Purpose::InputLength, nth, 0));
        let grow = |turn| {
            (draw(&output, Purpose::AnswerLength, nth, turn), draw(&new, Purpose::InputLength, nth, turn))
        };
        std::iter::once(begin).chain(later.map(grow)).collect()
    };
    Some((0..DRAWN / 4).map(conversation).collect())
}

fn mean_prompt(conversations: &[Vec<(u32, u32)>], compaction: Compaction) -> f64 {
    let (mut sum, mut prompts) = (0.0, 0_u64);
    for conversation in conversations {
        let mut prompt = 0_u32;
        for (nth, (answer, new)) in conversation.iter().enumerate() {
            prompt = prompt.saturating_add(answer.saturating_add(*new));
            if nth > 0 && prompt > compaction.above {
                prompt = compaction.to.saturating_add(*new);
            }
            sum += f64::from(prompt);
            prompts += 1;
        }
    }
    sum / prompts.max(1) as f64
}

/// Conversations by their turns; none where they are not fitted as such.
fn in_order(conversations: &Conversations) -> Option<Vec<&Talk>> {
    if why_not(conversations).is_some() {
        return None;
    }
    let mut all: Vec<&Talk> = conversations.all().collect();
    all.sort_by_key(|talk| talk.turns.len());
    Some(all)
}

/// Why the requests of a log's conversations are fitted one by one, where there are conversations.
pub fn why_not(conversations: &Conversations) -> Option<String> {
    let figures = Figures::of(conversations.all());
    let later = figures.later();
    let restarts = figures.restarts.total() as f64 / later.max(1) as f64;
    match later {
        0 => Some("none has a second turn".into()),
        _ if restarts > RESTARTS_SHARE_MAX => Some(format!(
            "{:.0} % of their later prompts are shorter than three quarters of the one before, so they do not carry \
             what was said",
            restarts * 100.0
        )),
        _ if figures.dropped as f64 > DROPPED_SHARE_MAX * figures.answered as f64 => Some(format!(
            "{:.0} % of the tokens of answers come back in no later prompt, so prompts do not carry what was said",
            100.0 * figures.dropped as f64 / figures.answered as f64
        )),
        _ if !conversations.are_named() && (later as f64) < CHAINED_MIN * figures.output.total() as f64 => {
            Some("hardly any prompt goes on from one before".into())
        }
        _ => None,
    }
}

/// The most turns of a short conversation: short ones have about half of all turns. 0 where there are too few of
/// either for that. They come in order of their turns.
fn middle<'a>(several: impl Iterator<Item = &'a &'a Talk>) -> usize {
    let counts: Vec<usize> = several.map(|talk| talk.turns.len()).collect();
    let (half, mut before) = (counts.iter().sum::<usize>() / 2, 0);
    let middle = counts.iter().position(|turns| {
        before += turns;
        before > half
    });
    let turns = middle.map_or(0, |place| counts[place]);
    let is_enough = |most: &usize| {
        let short = counts.partition_point(|turns| turns <= most);
        short.min(counts.len() - short) >= HALF_MIN
    };
    [turns, turns.saturating_sub(1)].into_iter().find(is_enough).unwrap_or(0)
}

/// The last second in which conversations begin that had time to go on: half of the log. Where few begin by then, all
/// have to do.
fn until(conversations: &[&Talk], seconds: usize) -> usize {
    let half = seconds / 2;
    let early = conversations.iter().filter(|talk| talk.begun.is_some_and(|begun| begun <= half)).count();
    if early < EARLY_MIN { usize::MAX } else { half }
}

/// The rate at which conversations begin.
fn begin(log: &Log, first: i64, parts: &[Part]) -> Rate {
    let begun: u64 = log.begun.iter().map(|count| u64::from(*count)).sum();
    let (drawn, requests) = (Drawn::of(log, parts), log.conversations.requests.max(1));
    let noise = Noise { one: drawn.noise(1.0), ten: drawn.noise(10.0), sixty: drawn.noise(60.0) };
    let bunching = Bunching { by_gaps: begun as f64 / requests as f64, noise };
    let all = Rate::fit(&log.turns(), first, bunching);
    if !all.is_recorded() {
        return Rate::fit(&log.begun, first, Bunching::NONE);
    }
    let brought = drawn.brought(all.every_secs, all.rates.len());
    let mut rates: Vec<f64> = Vec::with_capacity(all.rates.len());
    for rate in &all.rates {
        let before = rates.iter().rev().zip(&brought[1..]);
        let rest = rate - before.map(|(rate, requests)| rate * requests).sum::<f64>();
        rates.push((rest / brought[0]).max(0.0));
    }
    Rate { rates, ..all }
}

/// Conversations drawn from their parts: the weight of each, and when its turns come, in seconds from its beginning.
struct Drawn(Vec<(f64, Vec<f64>)>);

impl Drawn {
    fn of(log: &Log, parts: &[Part]) -> Drawn {
        let took = log.took.knots().map(Empirical::of).filter(|_| !log.conversations.are_pauses_from_start());
        let all: u64 = parts.iter().map(|part| part.count).sum();
        let mut drawn = Vec::new();
        for part in parts {
            let [turns, pauses] =
                [&part.figures.turns, &part.figures.pauses()].map(|of| of.knots().map(Empirical::of));
            let weight = part.count as f64 / all as f64 / f64::from(DRAWN);
            let draw = |length: &Option<Empirical>, purpose, nth: u32, turn| {
                length
                    .as_ref()
                    .map_or(0, |length| length.draw(&mut Rng::new(1).of(purpose, nth.into(), turn)))
            };
            for nth in 0..DRAWN {
                let mut secs = 0.0;
                let mut times = vec![secs];
                for turn in 1..draw(&turns, Purpose::Turns, nth, 0) {
                    secs += f64::from(draw(&took, Purpose::Latency, nth, turn)) / 1000.0;
                    secs += f64::from(draw(&pauses, Purpose::Think, nth, turn)) / 1000.0;
                    times.push(secs);
                }
                drawn.push((weight, times));
            }
        }
        Drawn(drawn)
    }

    /// Requests that a conversation brings in each bin from its beginning on, on average.
    fn brought(&self, every_secs: f64, bins: usize) -> Vec<f64> {
        let mut brought = vec![0.0; bins.max(1)];
        for (weight, times) in &self.0 {
            for secs in times {
                let Some(bin) = brought.get_mut((secs / every_secs) as usize) else { break };
                *bin += weight;
            }
        }
        brought
    }

    /// The dispersion of requests in bins of this width where conversations begin as a Poisson process does: Σ n² over
    /// Σ n, where n is how many of one conversation's requests a bin has.
    fn noise(&self, every_secs: f64) -> f64 {
        let (mut squares, mut sum) = (0.0, 0.0);
        for ((weight, times), nth) in self.0.iter().zip(0..) {
            let phase = Rng::new(1).of(Purpose::Jitter, nth, 0).unit();
            let bin = |secs: &f64| (secs / every_secs + phase) as u64;
            for run in times.chunk_by(|a, b| bin(a) == bin(b)) {
                let requests = run.len() as f64;
                squares += weight * requests * requests;
                sum += weight * requests;
            }
        }
        squares / sum
    }
}

/// Conversations of a part that are drawn.
const DRAWN: u32 = 4000;

/// Fewer conversations than these are not parted in two.
const HALF_MIN: usize = 10;

/// Fewer conversations than these do not tell what all are like.
const EARLY_MIN: usize = 100;

/// The part of first prompts that may be shorter than the system prompt that is fitted.
const FIRST_SHORT: f64 = 0.05;

/// A shorter beginning is not worth a cache's while.
const SYSTEM_MIN: u32 = 16;

/// What a scenario allows.
const GROUPS_MAX: u64 = 1_000_000;

/// So many prompts that begin anew, and such a part of later ones, are compactions and no accidents; more than so
/// many are a sign that prompts do not carry their conversation.
const RESTARTS_MIN: u64 = 3;
const RESTARTS_SHARE_MIN: f64 = 0.001;
const RESTARTS_SHARE_MAX: f64 = 0.05;

/// Where more of what answers say comes back in no later prompt, as where answers are mostly reasoning, prompts that
/// grow by whole answers would be too long.
const DROPPED_SHARE_MAX: f64 = 0.5;

/// Where the log names no conversations, so many requests at least go on from others.
const CHAINED_MIN: f64 = 0.05;
