//! The plan: which request comes when, of which class, how long. The same for every policy that meets it.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{Answers, Portion};
use super::arrivals::AnyArrivals;
use super::images::Pictures;
use super::lengths::AnyLength;
use super::prefix::{Groups, SharedPrefix};
use super::purse::Budget;
use super::routers::AnyRouter;
use super::sessions::{AnySession, TurnId};
use super::stream::{Due, Origin, Stream};
use crate::analytic::normal;
use crate::index::Ring;
use crate::number::{Correlation, Positive, Span};
use crate::prompts::{Prompts, Source};
use crate::rng::{Draws, Purpose, Rng, normal_quantile};
use crate::time::Instant;
use crate::wire::{Beginnings, Cached, ClassId, Content, Images, Job, Request, RequestId};

/// A kind of request, with what its users expect.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    pub name: String,
    /// Traffic of the catalogue by its name, such as `chat`: stands for every key that is not given here, and with a
    /// `rate` for when its requests come. `tollgate init --presets` lists them.
    #[serde(default, skip_serializing)]
    pub preset: Option<String>,
    /// Mean arrivals per second of the preset, over its day or week: requests, or conversations where it has such.
    #[serde(default, skip_serializing)]
    pub rate: Option<Positive>,
    /// When its requests come, apart from those of other classes; where it is not given, it has its share of the
    /// scenario's `arrivals`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<AnyArrivals>,
    /// Its part of the scenario's `arrivals`, relative to the shares of the other classes that come by them; 1, where
    /// it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Positive>,
    /// Each of its arrivals begins a conversation of many turns; without it, each is a request by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<AnySession>,
    /// Prompt length in tokens. Not needed where the arrivals bring lengths or begin conversations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<AnyLength>,
    /// The beginning that its prompts share, which prompt caches can hold; none, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<SharedPrefix>,
    /// Prompts of one's own in place of made-up ones: their lengths go with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompts: Option<Prompts>,
    /// Images in its prompts, beside the text whose length `input` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Pictures>,
    /// Visible answer length in tokens; with `reasoning_share`, the reasoning included. Not needed where the arrivals
    /// bring lengths, or where the file of prompts does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<AnyLength>,
    /// The rank correlation (Spearman's) of prompt and answer lengths: above 0, long prompts have long answers. Both
    /// lengths are of a kind that tells its quantiles: empirical, fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_correlation: Option<Correlation>,
    /// Reasoning tokens before the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<AnyLength>,
    /// The part of `output` that is reasoning, in place of `reasoning`: such as 0.7, or quantiles of it. The visible
    /// answer is what is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_share: Option<Portion>,
    /// Cap on generated tokens, sent with each request; quotas may count it up front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    #[serde(default = "default_stream")]
    pub stream: bool,
    /// The whole time a request may take, from its intended start, retries included.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// The longest silence before and within an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_timeout: Option<Span>,
    #[serde(default, skip_serializing_if = "Slo::is_empty")]
    pub slo: Slo,
    /// Which endpoint gets its requests; where it is not given, the scenario's `router` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<AnyRouter>,
    /// What may be spent on its requests, beside what the scenario's `budget` says of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Where its requests wait for each other and the scheduling is by priority, those of the lowest number are served
    /// first; 0, where it is not given. It is sent to self-hosted servers that schedule so.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i32,
    /// The zone that must not be left, such as `eu`: only endpoints of this residency get its requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<String>,
    /// Providers and endpoints, by name, that must not get its requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// What makes a request good: it was answered, and within every limit given here.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// Intended start to first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft: Option<Span>,
    /// Intended start to first token that is not reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttfo: Option<Span>,
    /// Mean time per output token after the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot: Option<Span>,
    /// Intended start to last token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2e: Option<Span>,
}

impl Class {
    /// Its part of shared arrivals.
    pub fn share(&self) -> f64 {
        self.share.map_or(1.0, Positive::get)
    }

    /// The file of texts of which its prompts are, once it is loaded.
    pub fn source(&self) -> Option<&Arc<Source>> {
        let of_prompts = || self.prompts.as_ref()?.source();
        self.session.as_ref().map_or_else(of_prompts, AnySession::source)
    }

    /// Requests that one of its arrivals brings on average.
    pub fn requests_per_arrival(&self) -> f64 {
        self.session.as_ref().map_or(1.0, |session| session.requests_mean())
    }

    /// What its answers are made of.
    pub fn answers(&self) -> Answers<'_> {
        let Class { output, reasoning, reasoning_share, .. } = self;
        Answers {
            output: output.as_ref(),
            reasoning: reasoning.as_ref(),
            reasoning_share: reasoning_share.as_ref(),
        }
    }

    /// Every length it gives, by its key.
    pub fn lengths_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut AnyLength)> {
        let prefix = self.prefix.as_mut().and_then(|prefix| prefix.tokens.as_mut());
        let lengths = [
            ("input", self.input.as_mut()),
            ("output", self.output.as_mut()),
            ("prefix.tokens", prefix),
            ("reasoning", self.reasoning.as_mut()),
        ];
        lengths.into_iter().filter_map(|(key, length)| Some((key, length?)))
    }

    /// Prompt and answer length, in tokens, where they are drawn together.
    ///
    /// A Gaussian copula: two standard normals with correlation r are taken through Φ to shares, and the shares
    /// through each length's quantiles. Their rank correlation is (6/π)·asin(r/2), so r = 2·sin(π/6·given).
    fn correlated(&self, key: u64, rng: &Rng) -> Option<(u32, u32)> {
        let r = 2.0 * libm::sin(std::f64::consts::PI / 6.0 * self.length_correlation?.get());
        let share = rng.of(Purpose::InputLength, key, 0).unit();
        let y = r * normal_quantile(share)
            + libm::sqrt(1.0 - r * r) * rng.of(Purpose::AnswerLength, key, 0).normal();
        Some((self.input.as_ref()?.quantile(share)?, self.output.as_ref()?.quantile(normal::above(-y))?))
    }

    /// Whether nothing but the lengths of a prompt and of its answer are drawn, each by itself.
    fn is_plain(&self) -> bool {
        let Class { prefix, prompts, images, length_correlation, reasoning, reasoning_share, .. } = self;
        let is_more = [prefix.is_some(), prompts.is_some(), images.is_some(), length_correlation.is_some()];
        !is_more.contains(&true) && reasoning.is_none() && reasoning_share.is_none()
    }

    /// Why its lengths cannot be drawn together, if they are to be.
    pub fn correlation_problem(&self) -> Option<String> {
        self.length_correlation?;
        let lengths = [("input", &self.input), ("output", &self.output)];
        let (key, length) = lengths.into_iter().find(|(_, length)| {
            length
                .as_ref()
                .is_some_and(|length| !matches!(length, AnyLength::Empirical(_) | AnyLength::Fixed(_)))
        })?;
        let kind = length.as_ref().map_or("", AnyLength::kind);
        Some(format!("`{key}` is {kind}, which cannot be drawn together with another length"))
    }
}

impl Slo {
    pub fn is_empty(&self) -> bool {
        *self == Slo::default()
    }
}

/// The plan as it unrolls: streams of arrivals, merged in order of time.
#[derive(Clone, Debug)]
pub struct Workload {
    classes: Vec<Class>,
    /// What the prompts of each class share.
    prefixes: Vec<Option<Groups>>,
    /// Whether requests of each class are made of two lengths, where their arrivals tell nothing.
    is_plain: Vec<bool>,
    /// The shared arrivals, then those of classes in their order; of those due at once the one of the
    /// lowest priority goes first, and of one priority the first.
    streams: Vec<Stream>,
    /// The stream that is due first, as long as nothing has changed that.
    first: Option<Option<(Instant, usize)>>,
    next_id: u64,
    /// How often each request of the plan is asked.
    copies: u64,
    /// How many requests of each class there were, copies counted once.
    drawn: Vec<u64>,
    /// What is asked again, and how often.
    repeated: Option<(Planned, u64)>,
    /// What requests under way came of, where their streams must be told when they end.
    origins: Ring<Origin>,
    /// Of requests of which copies are under way, by the number of the first: the copies that have ended, and whether
    /// any was answered.
    ended: FxHashMap<u64, (u64, bool)>,
}

/// A request of the plan, as its copies have it.
#[derive(Clone, Debug)]
struct Planned {
    at: Instant,
    job: Job,
    origin: Origin,
}

impl Workload {
    /// `shared` arrivals bring those classes that have none of their own. There is a class, and each has arrivals.
    /// Requests are numbered as they are taken, so that the copies of one follow each other.
    pub fn new(shared: Option<AnyArrivals>, classes: Vec<Class>, rng: Rng) -> Workload {
        let ids = || (0..).map(ClassId).zip(&classes);
        let without = ids().filter(|(_, class)| class.arrivals.is_none());
        let shared = shared.map(|arrivals| Stream::shared(arrivals, without, rng));
        let own = ids().filter_map(|(id, class)| Some(Stream::own(class.arrivals.clone()?, id, class, rng)));
        let streams = shared.into_iter().chain(own).collect();
        let groups = |(id, class): (ClassId, &Class)| Some(Groups::new(id, class.prefix.as_ref()?));
        let prefixes = ids().map(groups).collect();
        let is_plain = classes.iter().map(Class::is_plain).collect();
        let (next_id, copies, repeated, origins) = (0, 1, None, Ring::new());
        let (ended, drawn) = (FxHashMap::default(), vec![0; classes.len()]);
        let first = None;
        Workload {
            drawn,
            classes,
            prefixes,
            is_plain,
            streams,
            first,
            next_id,
            copies,
            repeated,
            origins,
            ended,
        }
    }

    /// The same plan with every request asked so many times at once; at least once.
    pub fn repeated(self, copies: usize) -> Workload {
        Workload { copies: copies.max(1) as u64, ..self }
    }

    pub fn class(&self, id: ClassId) -> &Class {
        &self.classes[usize::from(id.0)]
    }

    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// When the next request is to be sent.
    pub fn peek(&mut self) -> Option<Instant> {
        match &self.repeated {
            Some((planned, _)) => Some(planned.at),
            None => self.first().map(|(at, _)| at),
        }
    }

    /// Takes the next request, with its intended start.
    pub fn take(&mut self) -> Option<(Instant, Job)> {
        if let Some((planned, left)) = &mut self.repeated {
            let Planned { at, mut job, origin } = planned.clone();
            *left -= 1;
            if *left == 0 {
                self.repeated = None;
            }
            job.request.id = self.number(origin);
            return Some((at, job));
        }
        let (_, stream) = self.first()?;
        self.first = None;
        let due = self.streams[stream].next()?;
        let turn = due.turn.as_ref().map(|turn| turn.id);
        let origin = Origin { stream, class: due.class, nth: due.nth, turn };
        let (at, id) = (due.arrival.at, self.number(origin));
        let drawn = &mut self.drawn[usize::from(due.class.0)];
        *drawn += 1;
        let nth = *drawn - 1;
        let rng = self.streams[stream].rng();
        let is_plain = self.is_plain[usize::from(due.class.0)] && due.is_bare();
        let job = if is_plain { self.plain(id, &due, rng) } else { self.job(id, due, nth, rng) };
        if self.copies > 1 {
            self.repeated = Some((Planned { at, job: job.clone(), origin }, self.copies - 1));
        }
        Some((at, job))
    }

    /// The number of a request that is taken, which is found again by it when it ends.
    fn number(&mut self, origin: Origin) -> RequestId {
        let id = self.next_id;
        if self.streams[origin.stream].heeds_ends() {
            self.origins.insert(id, origin);
        }
        self.next_id += 1;
        RequestId(id)
    }

    /// The turn of a conversation that a request which was taken and has not ended is.
    pub fn turn(&self, id: RequestId) -> Option<TurnId> {
        self.origins.get(id.0)?.turn
    }

    /// A request that was taken has ended, with a whole answer or without. A conversation of which each turn is asked
    /// several times at once goes on when the last copy has ended, answered if any copy was. Says whether that may have
    /// changed what comes next.
    pub fn on_finish(&mut self, now: Instant, id: RequestId, is_answered: bool) -> bool {
        let Some(origin) = self.origins.remove(id.0) else { return false };
        self.first = None;
        if origin.turn.is_none() || self.copies == 1 {
            self.streams[origin.stream].on_finish(now, &origin, is_answered);
            return true;
        }
        let first = id.0 / self.copies;
        let (count, is_any) = self.ended.entry(first).or_default();
        (*count, *is_any) = (*count + 1, *is_any || is_answered);
        if *count == self.copies {
            let is_any = *is_any;
            self.ended.remove(&first);
            self.streams[origin.stream].on_finish(now, &origin, is_any);
        }
        true
    }

    /// Why arrivals ended before their time, if they did.
    pub fn failure(&self) -> Option<&str> {
        self.streams.iter().find_map(Stream::failure)
    }

    /// Nothing of `class` is wanted any more. Beside others in a stream its requests still come. To be said once.
    pub fn stop(&mut self, class: ClassId) {
        self.first = None;
        self.streams.iter_mut().for_each(|stream| stream.stop(class));
    }

    /// The stream that is due first.
    #[inline]
    fn first(&mut self) -> Option<(Instant, usize)> {
        match self.first {
            Some(first) => first,
            None => *self.first.insert(first_of(&mut self.streams)),
        }
    }

    /// What is asked, where it is made of two lengths. Chance is keyed by its number in the stream.
    fn plain(&self, id: RequestId, due: &Due, rng: &Rng) -> Job {
        let class = self.class(due.class);
        let draw = |length: &Option<AnyLength>, mut draws: Draws| {
            length.as_ref().map_or(0, |length| length.draw(&mut draws))
        };
        let input_tokens = draw(&class.input, rng.of(Purpose::InputLength, due.nth, 0));
        let answer_tokens = draw(&class.output, rng.of(Purpose::AnswerLength, due.nth, 0));
        Job {
            request: Request {
                id,
                class: due.class,
                priority: class.priority,
                input_tokens,
                max_tokens: class.max_tokens,
                stream: class.stream,
                beginnings: Beginnings::None,
                content: Content::TEXT,
            },
            answer_tokens,
            reasoning_tokens: 0,
            cached: Cached::NONE,
        }
    }

    /// The same of any other, the `nth` request of its class.
    fn job(&self, id: RequestId, due: Due, nth: u64, rng: &Rng) -> Job {
        let class = self.class(due.class);
        let (answers, key) = (class.answers(), due.nth);
        let prompts = class.prompts.as_ref().filter(|_| due.turn.is_none());
        let own = prompts.and_then(|prompts| prompts.pick(nth, due.class, rng));
        let input = || {
            let draw = |length: &AnyLength| length.draw(&mut rng.of(Purpose::InputLength, key, 0));
            class.input.as_ref().map_or(0, draw)
        };
        let (input_tokens, (answer_tokens, reasoning_tokens)) = match (&due.turn, due.arrival.lengths, &own) {
            (Some(turn), ..) => (turn.input_tokens, (turn.answer_tokens, turn.reasoning_tokens)),
            (None, Some(told), _) => {
                let reasoning = told.reasoning.unwrap_or_else(|| answers.reasoning(key, rng));
                (told.input, (told.output, reasoning))
            }
            (None, None, Some((_, entry))) => {
                let told = entry.output_tokens.map(|output| (output, answers.reasoning(key, rng)));
                (entry.input_tokens, told.unwrap_or_else(|| answers.draw(key, rng)))
            }
            (None, None, None) => match class.correlated(key, rng) {
                Some((input, output)) => (input, answers.split(output, key, rng)),
                None => (input(), answers.draw(key, rng)),
            },
        };
        let recorded = due.arrival.images;
        let pictures =
            class.images.as_ref().map(|pictures| (pictures, pictures.draw(recorded, due.nth, rng)));
        let images = pictures.map_or(Images::default(), |(_, images)| images);
        let prompt_tokens =
            pictures.map_or(input_tokens, |(pictures, images)| pictures.prompt_tokens(input_tokens, &images));
        let row = due.turn.as_ref().map_or(own.map(|(row, _)| row), |turn| turn.row);
        let question = due.turn.as_ref().map_or(0, |turn| turn.id.nth);
        let beginnings = match (due.turn, &self.prefixes[usize::from(due.class.0)]) {
            (Some(turn), _) => Beginnings::from(turn.beginnings),
            (None, Some(groups)) => groups.draw(RequestId(due.nth), input_tokens, rng).into(),
            (None, None) => {
                let text = prompt_tokens.saturating_sub(images.tokens());
                let mut told = due.arrival.beginnings;
                told.iter_mut().for_each(|prefix| prefix.tokens = prefix.tokens.min(text));
                Beginnings::from(told)
            }
        };
        Job {
            request: Request {
                id,
                class: due.class,
                priority: class.priority,
                input_tokens: prompt_tokens,
                max_tokens: own.and_then(|(_, entry)| entry.max_tokens).or(class.max_tokens),
                stream: class.stream,
                beginnings,
                content: Content { row, question, images },
            },
            answer_tokens,
            reasoning_tokens,
            cached: Cached::NONE,
        }
    }
}

/// The stream that is due first.
fn first_of(streams: &mut [Stream]) -> Option<(Instant, usize)> {
    if let [only] = streams {
        return only.peek().map(|at| (at, 0));
    }
    let streams = streams.iter_mut().enumerate();
    let due = streams.filter_map(|(index, stream)| Some((stream.peek()?, stream.priority(), index)));
    due.min().map(|(at, _, index)| (at, index))
}

fn is_zero(priority: &i32) -> bool {
    *priority == 0
}

fn default_stream() -> bool {
    true
}

fn default_timeout() -> Span {
    Span(std::time::Duration::from_secs(600))
}
