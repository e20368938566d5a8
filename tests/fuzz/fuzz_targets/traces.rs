//! A log of any bytes is read or refused, and sorted it holds the same records.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use tollgate::traces::layout::{Field, Mapping};
use tollgate::traces::stats::Stats;
use tollgate::traces::{Record, Records, Trace};

// The first byte says whether the log's columns are told; the rest is the file.
fuzz_target!(|input: &[u8]| {
    let Some((choice, log)) = input.split_first() else { return };
    let path = std::env::temp_dir().join(format!("tollgate-fuzz-{}", std::process::id()));
    std::fs::write(&path, log).expect("a temporary file can be written");
    let columns = [(Field::Time, "t"), (Field::Input, "i.n"), (Field::Output, "o"), (Field::Blocks, "b")];
    let columns = columns.map(|(field, name)| (field, name.to_string()));
    let told = Mapping { columns: BTreeMap::from(columns), ..Mapping::default() };
    let mapping = if choice % 2 == 0 { Mapping::default() } else { told };
    let Ok(trace) = Trace::find(&path, &mapping) else { return };
    let Ok(rows) = trace.records().and_then(|mut records| count(&mut *records)) else { return };
    let is_all = |mut records: Box<dyn Records>| Stats::of(&mut *records).map(|stats| stats.rows == rows);
    assert!(trace.sorted().and_then(is_all).expect("what was read once is read again"));
});

fn count(records: &mut dyn Records) -> tollgate::error::Result<u64> {
    let (mut rows, mut record) = (0, Record::default());
    while records.read(&mut record)? {
        rows += 1;
    }
    Ok(rows)
}
