//! The plan: which request comes when, of which class, how long. The same for every policy that meets it.

mod class;

use rustc_hash::FxHashMap;

pub use self::class::{Class, Slo};
use super::arrivals::AnyArrivals;
use super::lengths::AnyLength;
use super::prefix::Groups;
use super::sessions::TurnId;
use super::stream::{Due, Origin, Stream};
use crate::index::Ring;
use crate::rng::{Draws, Purpose, Rng};
use crate::time::Instant;
use crate::wire::{Beginnings, Cached, ClassId, Content, Images, Job, Request, RequestId};

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
        if self.copies == 1 && self.is_plain[usize::from(due.class.0)] && due.is_bare() {
            return Some((at, self.plain(id, &due, rng)));
        }
        let job = self.job(id, due, nth, rng);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> Class {
        let mut table = toml::de::DeTable::parse(text).unwrap();
        crate::kind::tag(table.get_mut());
        serde::Deserialize::deserialize(toml::de::Deserializer::from(table)).unwrap()
    }

    /// Those of which there are copies are made as any request is, others by themselves where two lengths are all.
    #[test]
    fn a_request_of_two_lengths_is_the_same_however_it_is_made() {
        let lengths = "input = { kind = 'lognormal', median = 900, sigma = 1 }\n\
                       output = { kind = 'uniform', min = 5, max = 500 }\nmax_tokens = 300\npriority = 2";
        let arrivals = "arrivals = { kind = 'poisson', rate = 5 }";
        for more in ["", "stream = false", "reasoning = { kind = 'fixed', tokens = 9 }"] {
            let class = class(&format!("name = 'a'\n{lengths}\n{more}\n{arrivals}"));
            let workload = || Workload::new(None, vec![class.clone()], Rng::new(4));
            let (mut single, mut copied) = (workload(), workload().repeated(2));
            for nth in 0..200 {
                let (one, two) = (single.take().unwrap(), copied.take().unwrap());
                let mut expected = copied.take().unwrap();
                assert_eq!((one.1.request.id, two.1.request.id), (RequestId(nth), RequestId(2 * nth)));
                expected.1.request.id = one.1.request.id;
                assert_eq!(one, expected);
            }
        }
    }
}
