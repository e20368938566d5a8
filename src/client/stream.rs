//! One stream of arrivals with its own root of chance: what comes of one class, or of several by their shares.

use super::arrivals::{AnyArrivals, Arrival};
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
    rng: Rng,
    /// Requests taken: what chance is keyed by.
    taken: u64,
    /// How many of the classes are still wanted.
    wanted: usize,
}

/// An arrival of which it is known whose it is.
#[derive(Clone, Debug)]
pub struct Due {
    pub arrival: Arrival,
    pub class: ClassId,
    /// Its number in its stream.
    pub nth: u64,
}

impl Stream {
    /// The arrivals that several classes share. Chance is the run's own.
    pub fn shared<'a>(
        arrivals: AnyArrivals,
        classes: impl Iterator<Item = (ClassId, &'a Class)>,
        rng: Rng,
    ) -> Stream {
        let shares = classes.scan(0.0, |sum, (id, class)| {
            *sum += class.share();
            Some((id, *sum))
        });
        let classes: Vec<_> = shares.collect();
        Stream { arrivals, wanted: classes.len(), classes, rng, taken: 0 }
    }

    /// The arrivals of one class. Its chance is keyed by its name, so that no other class moves its draws.
    pub fn own(arrivals: AnyArrivals, id: ClassId, class: &Class, rng: Rng) -> Stream {
        let key = class.name.bytes().fold(OWN, |key, byte| mix(key ^ u64::from(byte)));
        Stream { arrivals, wanted: 1, classes: vec![(id, 1.0)], rng: rng.child(key), taken: 0 }
    }

    /// The root of its chance.
    pub fn rng(&self) -> &Rng {
        &self.rng
    }

    /// When its next request comes.
    pub fn peek(&mut self) -> Option<Instant> {
        if self.wanted == 0 { None } else { self.arrivals.peek(&self.rng) }
    }

    /// Takes the request that `peek` announced.
    pub fn next(&mut self) -> Option<Due> {
        let arrival = self.arrivals.next(&self.rng)?;
        let nth = self.taken;
        self.taken += 1;
        Some(Due { arrival, class: self.draw_class(nth), nth })
    }

    /// A request of its has ended.
    pub fn on_finish(&mut self, now: Instant) {
        self.arrivals.on_finish(now, &self.rng);
    }

    /// `class` is not wanted any more; nothing comes once none is. To be said once of a class.
    pub fn stop(&mut self, class: ClassId) {
        self.wanted -= usize::from(self.classes.iter().any(|(id, _)| *id == class));
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
