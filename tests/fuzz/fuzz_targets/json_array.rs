//! A JSON array's elements read alike however the stream is split.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate::dialects::json_array::JsonArray;
use tollgate_fuzz::every_split_reads_alike;

fuzz_target!(|input: &[u8]| {
    every_split_reads_alike(input, |pieces| {
        let mut array = JsonArray::default();
        let mut elements = Vec::new();
        for piece in pieces {
            array.push(piece);
            loop {
                match array.next_element() {
                    Ok(Some(element)) => elements.push(element.to_vec()),
                    Ok(None) => break,
                    Err(error) => return (elements, Some(error), array.is_ended()),
                }
            }
        }
        (elements, None, array.is_ended())
    });
});
