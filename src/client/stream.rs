//! One stream of arrivals with its own root of chance: what comes of one class, or of several by their shares.

use super::arrivals::{AnyArrivals, Arrival};
use super::sessions::{Sessions, Turn, TurnId};
use super::workload::Class;
use crate::rng::{Purpose, Rng, mix};
use crate::time::Instant;
use crate::wire::ClassId;

/// Arrivals, and whose they are.
#[derive(Clone, Debug)]
pub struct Stream {
    arrivals: AnyArrivals,
    /// Those whose requests come, each with the running sum of their shares.
    classes: Vec<(ClassId, f64)>,
    /// The conversations of those that have some.
    sessions: Vec<(ClassId, Sessions)>,
    rng: Rng,
    /// Of those due at one instant, the stream of the lowest goes first.
    priority: i32,
    /// Arrivals taken: what chance is keyed by.
    taken: u64,
    /// How many of the classes are still wanted.
    wanted: usize,
    /// Whether it must be told when requests end.
    heeds_ends: bool,
}

/// A request of which it is known when it comes and whose it is.
#[derive(Clone, Debug)]
pub struct Due {
    /// What brought it; for a turn of a conversation, when it comes.
    pub arrival: Arrival,
    pub class: ClassId,
    /// Its number in its stream.
    pub nth: u64,
    /// The turn of a conversation that it is.
    pub turn: Option<Turn>,
}

impl Due {
    /// Whether nothing tells what is asked.
    pub fn is_bare(&self) -> bool {
        self.turn.is_none() && self.arrival.lengths.is_none() && self.arrival.beginnings.is_empty()
    }
}

/// What a request came of, which is told when it ends.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// By its place among all streams.
    pub stream: usize,
    pub class: ClassId,
    /// Its arrival's number in the stream.
    pub nth: u64,
    pub turn: Option<TurnId>,
}

impl Stream {
    /// The arrivals that several classes share. Chance is the run's own.
    pub fn shared<'a>(
        arrivals: AnyArrivals,
        classes: impl Iterator<Item = (ClassId, &'a Class)>,
        rng: Rng,
    ) -> Stream {
        let (mut shares, mut sessions, mut sum) = (Vec::new(), Vec::new(), 0.0);
        for (id, class) in classes {
            sum += class.share();
            shares.push((id, sum));
            sessions.extend(Sessions::of(id, class).map(|of_class| (id, of_class)));
        }
        Stream::new(arrivals, shares, sessions, rng, 0)
    }

    /// The arrivals of one class. Its chance is keyed by its name, so that no other class moves its draws.
    pub fn own(arrivals: AnyArrivals, id: ClassId, class: &Class, rng: Rng) -> Stream {
        let key = class.name.bytes().fold(OWN, |key, byte| mix(key ^ u64::from(byte)));
        let sessions = Sessions::of(id, class).map(|of_class| (id, of_class)).into_iter().collect();
        let rng = rng.child(key);
        Stream::new(arrivals, vec![(id, 1.0)], sessions, rng, class.priority)
    }

    fn new(
        arrivals: AnyArrivals,
        classes: Vec<(ClassId, f64)>,
        sessions: Vec<(ClassId, Sessions)>,
        rng: Rng,
        priority: i32,
    ) -> Stream {
        let heeds_ends = !sessions.is_empty() || arrivals.heeds_ends();
        Stream { arrivals, wanted: classes.len(), classes, sessions, rng, priority, taken: 0, heeds_ends }
    }

    /// The root of its chance.
    pub fn rng(&self) -> &Rng {
        &self.rng
    }

    /// That of its class; 0, where several share it.
    pub fn priority(&self) -> i32 {
        self.priority
    }

    /// When its next request comes.
    pub fn peek(&mut self) -> Option<Instant> {
        if self.wanted == 0 {
            return None;
        }
        let arrival = self.arrivals.peek(&self.rng);
        if self.sessions.is_empty() {
            return arrival;
        }
        let turn = self.next_turn();
        arrival.into_iter().chain(turn.map(|(at, _)| at)).min()
    }

    /// Takes the request that `peek` announced.
    pub fn next(&mut self) -> Option<Due> {
        loop {
            if let Some((at, index)) = self.next_turn()
                && self.arrivals.peek(&self.rng).is_none_or(|arrival| at <= arrival)
            {
                let (class, sessions) = &mut self.sessions[index];
                let turn = sessions.next(&self.rng)?;
                let arrival = Arrival::at(turn.at);
                return Some(Due { arrival, class: *class, nth: turn.id.session, turn: Some(turn) });
            }
            let (arrival, nth) = (self.arrivals.next(&self.rng)?, self.taken);
            self.taken += 1;
            let class = self.draw_class(nth);
            match self.sessions_of(class) {
                Some(index) => self.sessions[index].1.start(arrival.at, nth, &self.rng),
                None => return Some(Due { arrival, class, nth, turn: None }),
            }
        }
    }

    /// Whether it must be told when requests end.
    pub fn heeds_ends(&self) -> bool {
        self.heeds_ends
    }

    /// What came of `origin` has ended. Arrivals that wait are told of conversations when they are over.
    pub fn on_finish(&mut self, now: Instant, origin: &Origin, is_answered: bool) {
        let index = origin.turn.zip(self.sessions_of(origin.class));
        let is_over =
            index.is_none_or(|(turn, index)| self.sessions[index].1.on_finish(now, turn, is_answered));
        if is_over {
            self.arrivals.on_finish(now, origin.nth, is_answered, &self.rng);
        }
    }

    /// Why arrivals ended before their time, if they did.
    pub fn failure(&self) -> Option<&str> {
        self.arrivals.failure()
    }

    /// `class` is not wanted any more; nothing comes once none is. To be said once of a class.
    pub fn stop(&mut self, class: ClassId) {
        self.wanted -= usize::from(self.classes.iter().any(|(id, _)| *id == class));
    }

    /// The turn that is due first, and whose it is among the sessions.
    fn next_turn(&self) -> Option<(Instant, usize)> {
        let due = self.sessions.iter().enumerate();
        due.filter_map(|(index, (_, sessions))| Some((sessions.peek()?, index))).min()
    }

    fn sessions_of(&self, class: ClassId) -> Option<usize> {
        self.sessions.iter().position(|(id, _)| *id == class)
    }

    fn draw_class(&self, nth: u64) -> ClassId {
        let [.., (last, total)] = self.classes[..] else { unreachable!("a stream has a class") };
        if self.classes.len() == 1 {
            return last;
        }
        let at = self.rng.of(Purpose::Class, nth, 0).unit() * total;
        let index = self.classes.partition_point(|(_, sum)| *sum <= at);
        self.classes.get(index).map_or(last, |(id, _)| *id)
    }
}

/// Where the keys of classes' own chance begin, away from those of endpoints and pools.
const OWN: u64 = 1 << 33;
