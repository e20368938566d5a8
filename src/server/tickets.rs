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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::limits::Admitted;
    use crate::time::Instant;
    use crate::wire::{Beginnings, Cached, ClassId, Job, Request, RequestId};

    fn id(request: u64) -> AttemptId {
        AttemptId { request: RequestId(request), nth: 0 }
    }

    fn running(id: AttemptId) -> Running {
        let request = Request {
            id: id.request,
            class: ClassId(0),
            priority: 0,
            input_tokens: 1,
            max_tokens: None,
            stream: true,
            beginnings: Beginnings::None,
            content: Default::default(),
        };
        let job = Job { request, answer_tokens: 1, reasoning_tokens: 0, cached: Cached::NONE };
        Running::new(id, Admitted { at: Instant::START, job: Box::new(job), tier: None })
    }

    /// Before any look-up, while they are kept, after they were let go of, and never of what has ended.
    #[test]
    fn a_job_is_found_as_long_as_it_is_in_service() {
        let (mut tickets, mut inside) = (Tickets::default(), Ring::new());
        for ticket in 0..5_000 {
            inside.insert(ticket, running(id(ticket * 7)));
            tickets.begin(id(ticket * 7), ticket, inside.len());
            if ticket >= 10 {
                inside.remove(ticket - 10);
                tickets.end(id((ticket - 10) * 7));
            }
            if matches!(ticket, 20 | 21 | 500 | 4_000) {
                assert_eq!(tickets.find(id(ticket * 7), &inside), Some(ticket));
                assert_eq!(tickets.find(id((ticket - 5) * 7), &inside), Some(ticket - 5));
                assert_eq!(tickets.find(id((ticket - 10) * 7), &inside), None);
            }
            assert_eq!(tickets.kept.is_some(), matches!(ticket, 20..=1_500 | 4_000..=5_000), "{ticket}");
        }
    }
}
