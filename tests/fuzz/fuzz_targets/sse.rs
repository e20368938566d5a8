//! Server-sent events read alike however the stream is split.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate::dialects::sse::Sse;
use tollgate_fuzz::every_split_reads_alike;

fuzz_target!(|input: &[u8]| {
    every_split_reads_alike(input, |pieces| {
        let mut sse = Sse::default();
        let mut events = Vec::new();
        for piece in pieces {
            sse.push(piece);
            loop {
                match sse.next_event() {
                    Ok(Some(event)) => events.push((event.name.to_vec(), event.data.to_vec())),
                    Ok(None) => break,
                    Err(error) => return (events, Some(error)),
                }
            }
        }
        (events, None)
    });
});
