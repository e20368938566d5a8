//! Answers in openai_embeddings are read alike however they are split, and end in one final reply.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_fuzz::answers_read_alike;

fuzz_target!(|input: &[u8]| answers_read_alike("openai", "openai_embeddings", input));
