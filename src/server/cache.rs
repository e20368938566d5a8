//! A prompt cache: which beginnings of prompts it holds, what of a job it serves, what of it it stores.
//!
//! A job is looked up when it comes, before limits are checked, since some of them do not count what a cache serves.
//! Its time to live counts from there, for what it uses and for what it stores. What it stores can be read once its
//! first token is out: jobs that come before it miss, and store it too. A refused job changes nothing.
//!
//! Each beginning held is an entry by its id, and an appointment in the [`Timeline`] that is never later than the
//! entry's end. A use moves the end and leaves the appointment; when that comes up, it is made anew, or the entry goes.
//! So a use costs a look into a table, and memory is that of what is alive.

mod settings;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;

pub use self::settings::{Breakpoints, CacheSettings};
use super::limits::Admitted;
use crate::time::{Instant, Timeline};
use crate::wire::{Cached, Job, Mark, Prefix};

/// The cache of an endpoint. Its clones are the same cache, which is how endpoints share one.
#[derive(Clone, Debug)]
pub struct Cache {
    settings: CacheSettings,
    store: Arc<Mutex<Store>>,
    /// Prompts of which several beginnings count, by the id of the prefix that stands for them, shortest first.
    marked: FxHashMap<u64, Box<[Mark]>>,
}

impl Cache {
    pub fn new(settings: &CacheSettings) -> Cache {
        Cache { settings: settings.clone(), store: Arc::default(), marked: FxHashMap::default() }
    }

    pub fn settings(&self) -> &CacheSettings {
        &self.settings
    }

    /// Until its job is forgotten, the prefix `id` stands for these beginnings of one prompt, shortest first.
    pub fn mark(&mut self, id: u64, marks: &[Mark]) {
        self.marked.insert(id, marks.into());
    }

    /// A job has come to its end: its marks are no longer needed.
    pub fn forget(&mut self, job: &Job) {
        if let Some(prefix) = job.request.prefix {
            self.marked.remove(&prefix.id);
        }
    }

    /// What it does for a job that comes now.
    pub fn look_up(&self, now: Instant, job: &Job) -> Cached {
        let Some(prefix) = &job.request.prefix else { return Cached::NONE };
        let (one, settings, store) = (stored(prefix), &self.settings, self.store());
        let marks = self.marks(&one);
        let held = |mark: &Mark| {
            let tokens = store.live(now, mark.prefix.id).map_or(0, |entry| entry.tokens);
            settings.usable(tokens.min(mark.prefix.tokens))
        };
        let read = marks.iter().rev().map(held).find(|tokens| *tokens > 0).unwrap_or(0);
        if !settings.counts_writes {
            return Cached { read, ..Cached::NONE };
        }
        let is_long = |mark: &&Mark| mark.prefix.is_long && settings.ttl_long.is_some();
        let stored = || marks.iter().rev().filter(|mark| mark.is_stored);
        let end = |mark: Option<&Mark>| mark.map_or(0, |mark| settings.usable(mark.prefix.tokens)).max(read);
        let (long_end, end) = (end(stored().find(is_long)), end(stored().next()));
        Cached { read, write_long: long_end - read, write: end.max(long_end) - long_end }
    }

    /// A job that was looked up is let in: what it reads is used.
    pub fn admit(&mut self, now: Instant, job: &Job) {
        let Some(prefix) = &job.request.prefix else { return };
        if !self.settings.sliding || job.cached.read == 0 {
            return;
        }
        let (one, mut store) = (stored(prefix), self.store());
        let marks = self.marks(&one);
        let is_read =
            |mark: &&Mark| marks.len() == 1 || self.settings.usable(mark.prefix.tokens) <= job.cached.read;
        for mark in marks.iter().filter(is_read) {
            store.renew(now, mark.prefix.id);
        }
    }

    /// The first token of an admitted job is out at `now`: what it was to store can be read.
    pub fn store_for(&mut self, now: Instant, admitted: &Admitted) {
        let Some(prefix) = &admitted.job.request.prefix else { return };
        let (one, mut store) = (stored(prefix), self.store());
        let marks = self.marks(&one);
        let entries_max = match self.settings.entries_max {
            Some(max) => max as usize,
            None if marks.len() > 1 => MARKED_ENTRIES_MAX,
            None => usize::MAX,
        };
        for mark in marks.iter().filter(|mark| mark.is_stored) {
            let tokens = self.settings.usable(mark.prefix.tokens);
            if tokens > admitted.job.cached.read {
                let ttl = self.settings.keeps(mark.prefix.is_long);
                store.put(now, mark.prefix.id, Entry { tokens, expires: admitted.at + ttl, ttl });
            }
        }
        store.prune(now, entries_max);
    }

    /// Beginnings held, those included whose end has come unnoticed.
    pub fn len(&self) -> usize {
        self.store().entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a prefix stands for: several marks, or the one that it is.
    fn marks<'a>(&'a self, one: &'a [Mark; 1]) -> &'a [Mark] {
        self.marked.get(&one[0].prefix.id).map_or(one, |marks| marks)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // Whoever panicked left entries that are whole: each change is one assignment.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A prefix that is to be stored as it is.
fn stored(prefix: &Prefix) -> [Mark; 1] {
    [Mark { prefix: *prefix, is_stored: true }]
}

/// What is held.
#[derive(Debug, Default)]
struct Store {
    entries: FxHashMap<u64, Entry>,
    /// One appointment for each entry, at its end or before.
    ends: Timeline<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    tokens: u32,
    /// The last instant at which it can be read.
    expires: Instant,
    ttl: Duration,
}

impl Store {
    fn live(&self, now: Instant, id: u64) -> Option<&Entry> {
        self.entries.get(&id).filter(|entry| entry.expires >= now)
    }

    fn renew(&mut self, now: Instant, id: u64) {
        if let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.expires >= now) {
            entry.expires = entry.expires.max(now + entry.ttl);
        }
    }

    /// What is held already is extended, and never cut.
    fn put(&mut self, now: Instant, id: u64, new: Entry) {
        match self.entries.get_mut(&id) {
            Some(held) => {
                let is_live = held.expires >= now;
                let tokens = if is_live { held.tokens.max(new.tokens) } else { new.tokens };
                let ttl = if is_live { held.ttl.max(new.ttl) } else { new.ttl };
                // An end never moves to before its appointment.
                *held = Entry { tokens, expires: held.expires.max(new.expires), ttl };
            }
            None => {
                self.entries.insert(id, new);
                self.ends.push(new.expires, id);
            }
        }
    }

    /// Lets go what has expired, and of the rest what expires first until no more than `entries_max` are left.
    fn prune(&mut self, now: Instant, entries_max: usize) {
        let is_due = |store: &Store| {
            let next = store.ends.peek().map(|(at, _)| at);
            next.is_some_and(|at| at < now || store.entries.len() > entries_max)
        };
        while is_due(self) {
            let (at, id) = self.ends.pop().expect("an appointment is due");
            let expires = self.entries.get(&id).expect("an appointment is for an entry").expires;
            if expires > at {
                self.ends.push(expires, id);
            } else {
                self.entries.remove(&id);
            }
        }
    }
}

/// Entries that prompts of several beginnings may fill a cache with, each of which takes about a hundred bytes.
const MARKED_ENTRIES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests;
