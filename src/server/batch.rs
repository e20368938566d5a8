//! Machines side by side that share out the jobs of an endpoint: a job goes to the one with the fewest.

use std::collections::BTreeSet;
use std::time::Duration;

use super::latency::ContinuousBatching;
use super::replica::{Replica, Sequence};
use super::service::Entry;
use crate::index::Ring;
use crate::time::Instant;
use crate::wire::Job;

/// The machines. Those that were never needed do not exist yet.
#[derive(Clone, Debug)]
pub struct Batch {
    rules: ContinuousBatching,
    replicas: Vec<Replica>,
    /// Where each job is, by ticket.
    homes: Ring<usize>,
    /// When each machine wants to be woken.
    agenda: BTreeSet<(Instant, usize)>,
    planned: Vec<Option<Instant>>,
}

impl Batch {
    pub fn new(rules: ContinuousBatching) -> Batch {
        let (replicas, planned) = (Vec::new(), Vec::new());
        Batch { rules, replicas, homes: Ring::new(), agenda: BTreeSet::new(), planned }
    }

    /// Jobs that are in no batch.
    pub fn queued(&self) -> u32 {
        self.replicas.iter().map(|replica| replica.queued() as u32).sum()
    }

    /// Whether its prompt and its longest answer fit into the memory of an empty machine.
    pub fn can_hold(&self, job: &Job) -> bool {
        Sequence::new(job, 0, self.rules.scheduling).longest() <= self.rules.kv_max()
    }

    pub fn begin(&mut self, now: Instant, ticket: u64, entry: &Entry<'_>) {
        let (home, job) = (self.least_loaded(), &entry.running.admitted.job);
        self.homes.insert(ticket, home);
        let ready = now + self.rules.overhead.get();
        self.replicas[home].offer(ready, ticket, Sequence::new(job, entry.mark, self.rules.scheduling));
        self.plan(home);
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.agenda.first().map(|(at, _)| *at)
    }

    pub fn pop(&mut self) -> Option<u64> {
        let (_, home) = *self.agenda.first()?;
        let told = self.replicas[home].pop(&self.rules);
        self.plan(home);
        told
    }

    pub fn go_on(&mut self, ticket: u64, mark: u32) {
        if let Some(home) = self.homes.get(ticket).copied() {
            self.replicas[home].go_on(ticket, mark);
            self.plan(home);
        }
    }

    pub fn end(&mut self, now: Instant, ticket: u64) {
        if let Some(home) = self.homes.remove(ticket) {
            self.replicas[home].end(&self.rules, now, ticket);
            self.plan(home);
        }
    }

    pub fn sent_by(&self, now: Instant, ticket: u64) -> u32 {
        self.homes.get(ticket).map_or(0, |home| self.replicas[*home].sent_by(now, ticket))
    }

    pub fn gap(&self, ticket: u64) -> Duration {
        let home = self.homes.get(ticket);
        home.map_or(Duration::ZERO, |home| self.replicas[*home].gap(&self.rules))
    }

    /// The machine with the fewest jobs, the first of them; a new one if all have some.
    fn least_loaded(&mut self) -> usize {
        let all = self.replicas.iter().enumerate();
        let least = all.min_by_key(|(_, replica)| replica.inside());
        let is_full = self.replicas.len() as u64 >= u64::from(self.rules.instances.get());
        match least {
            Some((home, replica)) if is_full || replica.inside() == 0 => home,
            _ => {
                self.replicas.push(Replica::default());
                self.planned.push(None);
                self.replicas.len() - 1
            }
        }
    }

    fn plan(&mut self, home: usize) {
        let next = self.replicas[home].deadline();
        if next != self.planned[home] {
            self.agenda.extend(next.map(|at| (at, home)));
            let before = std::mem::replace(&mut self.planned[home], next);
            if let Some(at) = before {
                self.agenda.remove(&(at, home));
            }
        }
    }
}
