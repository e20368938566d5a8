//! Records with somebody who hears how many were read.

use super::{Record, Records};
use crate::error::Result;

/// Hears now and then how many records were read.
pub type OnRow<'a> = &'a mut (dyn FnMut(u64) + Send);

/// Records that are counted as they are read.
pub struct Watched<'a> {
    records: &'a mut dyn Records,
    read: u64,
    on_row: OnRow<'a>,
}

impl<'a> Watched<'a> {
    pub fn new(records: &'a mut dyn Records, on_row: OnRow<'a>) -> Watched<'a> {
        Watched { records, read: 0, on_row }
    }
}

impl Records for Watched<'_> {
    fn read(&mut self, record: &mut Record) -> Result<bool> {
        let is_read = self.records.read(record)?;
        self.read += u64::from(is_read);
        if self.read.is_multiple_of(TELL_EVERY) || !is_read {
            (self.on_row)(self.read);
        }
        Ok(is_read)
    }

    fn tenant_name(&self) -> Option<&[u8]> {
        self.records.tenant_name()
    }
}

/// Records from one word to the next.
const TELL_EVERY: u64 = 4096;
