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
use crate::wire::{Cached, Job, Prefix};

/// The cache of an endpoint. Its clones are the same cache, which is how endpoints share one.
#[derive(Clone, Debug)]
pub struct Cache {
    settings: CacheSettings,
    store: Arc<Mutex<Store>>,
}

impl Cache {
    pub fn new(settings: &CacheSettings) -> Cache {
        Cache { settings: settings.clone(), store: Arc::default() }
    }

    /// Holds `ENTRIES_MAX` beginnings at most, where the settings have no bound.
    pub fn bounded(mut self) -> Cache {
        self.settings.entries_max.get_or_insert(ENTRIES_MAX);
        self
    }

    pub fn settings(&self) -> &CacheSettings {
        &self.settings
    }

    /// What it does for a job that comes now.
    pub fn look_up(&self, now: Instant, job: &Job) -> Cached {
        let prefixes = job.request.beginnings.as_slice();
        if prefixes.is_empty() {
            return Cached::NONE;
        }
        let settings = &self.settings;
        let read = self.store().read(settings, now, prefixes).map_or(0, |(tokens, _)| tokens);
        if !settings.counts_writes {
            return Cached { read, ..Cached::NONE };
        }
        let is_long = |prefix: &&Prefix| prefix.is_long && settings.ttl_long.is_some();
        let end =
            |prefix: Option<&Prefix>| prefix.map_or(0, |prefix| settings.usable(prefix.tokens)).max(read);
        let (long_end, end) = (end(self.stored(prefixes).find(is_long)), end(self.stored(prefixes).next()));
        Cached { read, write_long: long_end - read, write: end.max(long_end) - long_end }
    }

    /// A job that was looked up is let in: what it reads is used, and with it all that it begins with.
    pub fn admit(&mut self, now: Instant, job: &Job) {
        if !self.settings.sliding || job.cached.read == 0 {
            return;
        }
        let prefixes = job.request.beginnings.as_slice();
        let mut store = self.store();
        let Some((_, index)) = store.read(&self.settings, now, prefixes) else { return };
        prefixes[..=index].iter().for_each(|prefix| store.renew(now, prefix.id));
    }

    /// The first token of an admitted job is out at `now`: what it was to store can be read.
    pub fn store_for(&mut self, now: Instant, admitted: &Admitted) {
        let Admitted { at, job, .. } = admitted;
        let prefixes = job.request.beginnings.as_slice();
        if prefixes.is_empty() {
            return;
        }
        let mut store = self.store();
        for prefix in self.stored(prefixes) {
            let tokens = self.settings.usable(prefix.tokens);
            if tokens > job.cached.read {
                let ttl = self.settings.keeps(prefix.is_long);
                store.put(now, prefix.id, Entry { tokens, expires: *at + ttl, ttl });
            }
        }
        store.prune(now, self.settings.entries_max.map_or(usize::MAX, |max| max as usize));
    }

    /// Those of a prompt's beginnings that it is to store, the longest first.
    fn stored<'a>(&self, prefixes: &'a [Prefix]) -> impl Iterator<Item = &'a Prefix> + use<'a> {
        let max = match self.settings.breakpoints {
            Breakpoints::Automatic => usize::MAX,
            Breakpoints::Explicit => BREAKPOINTS_STORED_MAX,
        };
        prefixes.iter().rev().filter(|prefix| prefix.is_stored).take(max)
    }

    /// Beginnings held, those included whose end has come unnoticed.
    pub fn len(&self) -> usize {
        self.store().entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // Whoever panicked left entries that are whole: each change is one assignment.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    /// The longest of a prompt's beginnings of which something is held: how many tokens, and which it is.
    fn read(&self, settings: &CacheSettings, now: Instant, prefixes: &[Prefix]) -> Option<(u32, usize)> {
        let held = |(index, prefix): (usize, &Prefix)| {
            let tokens = settings.usable(self.live(now, prefix.id)?.tokens.min(prefix.tokens));
            (tokens > 0).then_some((tokens, index))
        };
        prefixes.iter().enumerate().rev().find_map(held)
    }

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

/// Of one prompt's breakpoints the vendors that want them store the latest four (V openai 3.52), or take no more than
/// four (D Anthropic and AWS, 2026-11).
const BREAKPOINTS_STORED_MAX: usize = 4;

/// Each takes about a hundred bytes.
const ENTRIES_MAX: u32 = 1 << 20;

#[cfg(test)]
mod tests;
