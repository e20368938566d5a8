//! Records put in order of time, with no more of them in memory than fit.
//!
//! Stretches of the log are sorted in memory and written to temporary files, which are then merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

use super::{Record, Records};
use crate::error::{Error, Result};

/// Records sorted in memory at once: about a hundred bytes each, beside their blocks.
pub const RECORDS_MAX: usize = 1 << 20;

/// The records in order of time, those of one time in their own order.
pub fn sort(mut records: Box<dyn Records>, records_max: usize) -> Result<Box<dyn Records>> {
    let mut runs: Vec<Box<dyn Records>> = Vec::new();
    loop {
        let run = stretch(&mut *records, records_max)?;
        let is_last = run.len() < records_max;
        if is_last {
            runs.push(Box::new(Held(run.into_iter())));
            return Ok(Box::new(Merge::new(runs)?));
        }
        runs.push(Box::new(stored(&run).map_err(failed)?));
    }
}

/// The next stretch of records, sorted.
fn stretch(records: &mut dyn Records, records_max: usize) -> Result<Vec<Record>> {
    let mut run = Vec::new();
    while run.len() < records_max {
        let mut record = Record::default();
        if !records.read(&mut record)? {
            break;
        }
        run.push(record);
    }
    run.sort_by_key(|record| record.at);
    Ok(run)
}

/// Records in memory.
struct Held(std::vec::IntoIter<Record>);

impl Records for Held {
    fn read(&mut self, record: &mut Record) -> Result<bool> {
        let next = self.0.next();
        let is_one = next.is_some();
        *record = next.unwrap_or_default();
        Ok(is_one)
    }
}

/// Records in a temporary file.
struct Stored {
    file: BufReader<std::fs::File>,
    left: usize,
}

fn stored(run: &[Record]) -> io::Result<Stored> {
    let mut file = BufWriter::new(tempfile::tempfile()?);
    for record in run {
        store(&mut file, record)?;
    }
    let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(Stored { file: BufReader::new(file), left: run.len() })
}

impl Records for Stored {
    fn read(&mut self, record: &mut Record) -> Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        restore(&mut self.file, record).map_err(failed)?;
        Ok(true)
    }
}

/// Several sorted streams as one.
struct Merge {
    runs: Vec<(Box<dyn Records>, Record)>,
    /// The time of each run's next record; of equal times the earlier run's comes first.
    heads: BinaryHeap<Reverse<(Option<i64>, usize)>>,
}

impl Merge {
    fn new(runs: Vec<Box<dyn Records>>) -> Result<Merge> {
        let runs = runs.into_iter().map(|run| (run, Record::default())).collect();
        let mut merge = Merge { runs, heads: BinaryHeap::new() };
        for nth in 0..merge.runs.len() {
            merge.advance(nth)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, nth: usize) -> Result<()> {
        let (run, head) = &mut self.runs[nth];
        if run.read(head)? {
            self.heads.push(Reverse((head.at, nth)));
        }
        Ok(())
    }
}

impl Records for Merge {
    fn read(&mut self, record: &mut Record) -> Result<bool> {
        let Some(Reverse((_, nth))) = self.heads.pop() else { return Ok(false) };
        std::mem::swap(record, &mut self.runs[nth].1);
        self.advance(nth)?;
        Ok(true)
    }
}

/// Writes a record as whole numbers of eight bytes.
fn store(file: &mut impl Write, record: &Record) -> io::Result<()> {
    let Record {
        at,
        input_tokens,
        output_tokens,
        reasoning_tokens,
        cached_tokens,
        images,
        session,
        tenant,
        is_failed,
        took,
        thought,
        parent,
        follows_tool,
        block_tokens,
        ref blocks,
    } = *record;
    let there = [at.is_some(), cached_tokens.is_some(), session.is_some(), tenant.is_some(), took.is_some()];
    let there = there.into_iter().chain([thought.is_some(), is_failed, parent.is_some()]);
    let there = there.chain([follows_tool.is_some(), follows_tool == Some(true)]);
    let flags = there.enumerate().map(|(bit, is_there)| u64::from(is_there) << bit).sum();
    let pair = |high: u32, low: u32| u64::from(high) << u32::BITS | u64::from(low);
    let words = [
        flags,
        at.unwrap_or_default() as u64,
        pair(input_tokens, output_tokens),
        pair(reasoning_tokens, cached_tokens.unwrap_or_default()),
        pair(images, block_tokens),
        session.unwrap_or_default(),
        tenant.unwrap_or_default(),
        took.unwrap_or_default(),
        thought.unwrap_or_default(),
        parent.unwrap_or_default(),
        blocks.len() as u64,
    ];
    words.iter().chain(blocks).try_for_each(|word| file.write_all(&word.to_le_bytes()))
}

fn restore(file: &mut impl Read, record: &mut Record) -> io::Result<()> {
    let mut word = || {
        let mut bytes = [0; 8];
        file.read_exact(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    };
    let flags = word()?;
    let has = |bit: u32| flags >> bit & 1 == 1;
    let at = word()? as i64;
    let mut pair = || word().map(|both| ((both >> u32::BITS) as u32, both as u32));
    let ((input_tokens, output_tokens), (reasoning_tokens, cached), (images, block_tokens)) =
        (pair()?, pair()?, pair()?);
    let (session, tenant, took, thought) = (word()?, word()?, word()?, word()?);
    let (parent, count) = (word()?, word()?);
    let mut blocks = std::mem::take(&mut record.blocks);
    blocks.clear();
    for _ in 0..count {
        blocks.push(word()?);
    }
    *record = Record {
        at: has(0).then_some(at),
        input_tokens,
        output_tokens,
        reasoning_tokens,
        cached_tokens: has(1).then_some(cached),
        images,
        session: has(2).then_some(session),
        parent: has(7).then_some(parent),
        tenant: has(3).then_some(tenant),
        is_failed: has(6),
        took: has(4).then_some(took),
        thought: has(5).then_some(thought),
        follows_tool: has(8).then(|| has(9)),
        blocks,
        block_tokens,
    };
    Ok(())
}

fn failed(cause: io::Error) -> Error {
    let hint = "a long trace out of order is sorted in the folder for temporary files; sort it beforehand or set TMPDIR";
    Error::failed(format!("could not sort the trace: {cause}; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Rng};

    fn all(mut records: Box<dyn Records>) -> Vec<Record> {
        let (mut all, mut record) = (Vec::new(), Record::default());
        while records.read(&mut record).unwrap() {
            all.push(record.clone());
        }
        all
    }

    fn record(nth: u32) -> Record {
        let mut draws = Rng::new(4).of(Purpose::Arrival, nth.into(), 0);
        let mut maybe = || draws.below(2).checked_sub(1).map(|_| draws.u64());
        let (at, session, tenant, took, thought) = (maybe(), maybe(), maybe(), maybe(), maybe());
        Record {
            at: at.map(|at| (at % 50) as i64 - 25),
            input_tokens: nth,
            output_tokens: u32::MAX - nth,
            reasoning_tokens: nth % 7,
            cached_tokens: took.map(|cached| cached as u32),
            images: nth % 3,
            session,
            parent: thought.map(|parent| !parent),
            tenant,
            is_failed: nth.is_multiple_of(5),
            took,
            thought,
            follows_tool: took.map(|word| word % 2 == 0),
            blocks: (0..u64::from(nth % 4)).map(|block| u64::MAX - block).collect(),
            block_tokens: 512,
        }
    }

    #[test]
    fn records_come_in_order_of_time_however_many_fit_into_memory() {
        let records: Vec<Record> = (0..1000).map(record).collect();
        let mut expected = records.clone();
        expected.sort_by_key(|record| record.at);
        for records_max in [1, 7, 100, 999, 1000, 1001] {
            let sorted = sort(Box::new(Held(records.clone().into_iter())), records_max).unwrap();
            assert!(all(sorted) == expected, "{records_max}");
        }
    }
}
