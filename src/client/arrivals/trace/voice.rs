//! One playing of a recording: its requests in order of time, round after round.

use std::sync::{Arc, Mutex, PoisonError};

use super::survey::Survey;
use crate::error::{Error, Result};
use crate::traces::{Record, Records};

/// One of several playings of the same recording. Its own begins a little later, and what would come after the end
/// comes at the beginning, so that what bursts in one does not burst in all.
///
/// ```text
/// as recorded  │a b  cc        d e│
/// shifted      │ d e a b  cc      │
/// ```
pub struct Voice {
    survey: Arc<Survey>,
    /// How much later it plays, in nanoseconds of the recording.
    shift: u64,
    /// From one round's beginning to the next one's, in nanoseconds of the recording; none where there is one only.
    period: Option<u64>,
    /// In a mutex that is never locked, as scenarios are shared between threads.
    records: Option<Mutex<Box<dyn Records>>>,
    /// In the first part of a round comes what the shift has moved beyond the end.
    is_wrapped: bool,
    /// Requests of this round that have come.
    came: u64,
    round: u64,
    row: u64,
    at: u64,
    record: Record,
}

impl Voice {
    pub fn new(survey: Arc<Survey>, shift: u64, period: Option<u64>) -> Voice {
        Voice {
            survey,
            shift,
            period,
            records: None,
            is_wrapped: shift > 0,
            came: 0,
            round: 0,
            row: 0,
            at: 0,
            record: Record::default(),
        }
    }

    /// Goes to the next request and says when it comes, in nanoseconds of the recording; none after the last.
    pub fn advance(&mut self) -> Result<Option<u64>> {
        loop {
            if self.records.is_none() {
                self.records = Some(Mutex::new(self.survey.records()?));
                self.row = 0;
            }
            if let Some(at) = self.find()? {
                self.at = at;
                self.came += 1;
                return Ok(Some(at));
            }
            self.records = None;
            if self.is_wrapped {
                self.is_wrapped = false;
                continue;
            }
            if self.came != self.survey.rows {
                return Err(Error::failed("it was changed while it was played"));
            }
            let Some(period) = self.period else { return Ok(None) };
            (self.round, self.is_wrapped, self.came) = (self.round + 1, self.shift > 0, 0);
            if self.round.saturating_mul(period) == u64::MAX {
                return Ok(None);
            }
        }
    }

    /// Reads on to the next request of this part of a round.
    fn find(&mut self) -> Result<Option<u64>> {
        let Voice { survey, record, .. } = self;
        let Some(records) = &mut self.records else { return Ok(None) };
        let records = records.get_mut().unwrap_or_else(PoisonError::into_inner);
        let begin = self.round.saturating_mul(self.period.unwrap_or_default());
        while records.read(record)? {
            let Some(place) = survey.place(record) else { continue };
            self.row += 1;
            let shifted = place.saturating_add(self.shift);
            let beyond = shifted.checked_sub(survey.circle).filter(|_| self.shift > 0);
            match (beyond, self.is_wrapped) {
                (Some(at), true) => return Ok(Some(begin.saturating_add(at))),
                (None, false) => return Ok(Some(begin.saturating_add(shifted))),
                // The rest came at the beginning.
                (Some(_), false) => return Ok(None),
                (None, true) => {}
            }
        }
        Ok(None)
    }

    /// The request it stands at.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// When it comes, in nanoseconds of the recording.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The request's number: its own in every round.
    pub fn number(&self) -> u64 {
        self.round.wrapping_mul(self.survey.rows).wrapping_add(self.row - 1)
    }

    pub fn round(&self) -> u64 {
        self.round
    }
}
