//! Which job in service is whose: looked up where one is given up, and kept only as long as that happens.

use rustc_hash::FxHashMap;

use super::running::Running;
use crate::index::Ring;
use crate::wire::AttemptId;

/// Tickets by attempt, where some are looked up now and then.
#[derive(Clone, Debug, Default)]
pub struct Tickets {
    kept: Option<FxHashMap<AttemptId, u64>>,
    /// Jobs that have begun since the last was looked up.
    unasked: usize,
}

impl Tickets {
    /// A job begins; `inside` are in service. When as many have begun unasked as it would cost to look through them
    /// anew, nothing is kept any more.
    pub fn begin(&mut self, id: AttemptId, ticket: u64, inside: usize) {
        if let Some(kept) = &mut self.kept {
            kept.insert(id, ticket);
            self.unasked += 1;
            if self.unasked > inside.max(1000) {
                self.kept = None;
            }
        }
    }

    pub fn end(&mut self, id: AttemptId) {
        if let Some(kept) = &mut self.kept {
            kept.remove(&id);
        }
    }

    /// The ticket of a job among those in service.
    pub fn find(&mut self, id: AttemptId, running: &Ring<Running>) -> Option<u64> {
        self.unasked = 0;
        let all = || running.iter().map(|(ticket, running)| (running.id, ticket)).collect();
        self.kept.get_or_insert_with(all).get(&id).copied()
    }
}
