//! Frames of an event stream read alike however it is split; lengths and checksums are put right, so that more
//! than the first check is reached.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate::dialects::frames::Frames;
use tollgate_fuzz::every_split_reads_alike;

fuzz_target!(|input: &[u8]| {
    let mut input = input.to_vec();
    mend(&mut input);
    every_split_reads_alike(&input, |pieces| {
        let mut frames = Frames::default();
        let mut read = Vec::new();
        for piece in pieces {
            frames.push(piece);
            loop {
                match frames.next_frame() {
                    Ok(Some(frame)) => read.push((frame.event_type.to_vec(), frame.payload.to_vec())),
                    Ok(None) => break,
                    Err(error) => return (read, Some(error), true),
                }
            }
        }
        (read, None, frames.is_amid_frame())
    });
});

/// Makes frames of the stream behind the sizes, up to one that begins with an odd byte.
fn mend(input: &mut [u8]) {
    let sizes = input.first().map_or(0, |count| 1 + usize::from(*count));
    let mut rest = input.get_mut(sizes..).unwrap_or_default();
    while rest.len() >= BARE_BYTES && rest[0] % 2 == 0 {
        let length = BARE_BYTES + usize::from(rest[3]).min(rest.len() - BARE_BYTES);
        let headers = usize::from(rest[7]).min(length - BARE_BYTES);
        let (frame, after) = rest.split_at_mut(length);
        frame[..4].copy_from_slice(&(length as u32).to_be_bytes());
        frame[4..8].copy_from_slice(&(headers as u32).to_be_bytes());
        let checksum = crc32fast::hash(&frame[..8]).to_be_bytes();
        frame[8..12].copy_from_slice(&checksum);
        let checksum = crc32fast::hash(&frame[..length - 4]).to_be_bytes();
        frame[length - 4..].copy_from_slice(&checksum);
        rest = after;
    }
}

/// A frame without headers and payload.
const BARE_BYTES: usize = 16;
