//! Calls of agents with the texts of prompts and answers, a JSON line each (LMCache).
//!
//! There are texts and no token counts: a token is taken to be four characters, which holds of English and of code
//! within a fifth or so. A prompt's blocks are its pieces of so many characters, each known by all text up to its end:
//! prompts with the same leading ids begin with the same text, whoever sent them.

use std::borrow::Cow;
use std::path::Path;

use serde::Deserialize;

use super::clock::{Clock, Watch};
use super::field::hash;
use super::lines::Text;
use super::{Record, Records};
use crate::error::Result;
use crate::rng::mix;

/// A call as it is written down.
#[derive(Deserialize)]
struct Call<'a> {
    /// Microseconds since 1970.
    timestamp: u64,
    #[serde(borrow)]
    session_id: Cow<'a, str>,
    #[serde(borrow)]
    input: Cow<'a, str>,
    /// Empty where the agent answered with the call of a tool, which is not written down.
    #[serde(borrow)]
    output: Cow<'a, str>,
}

/// The calls of a file, one after the other.
pub struct Calls {
    text: Text,
    watch: Watch,
}

impl Calls {
    pub fn open(path: &Path) -> Result<Calls> {
        Ok(Calls { text: Text::open(path)?, watch: Watch::new(Clock::Microseconds) })
    }
}

impl Records for Calls {
    fn read(&mut self, record: &mut Record) -> Result<bool> {
        if self.text.next()?.is_none() {
            return Ok(false);
        }
        let call: Call = self.text.parse()?;
        let at = self.watch.read(call.timestamp.to_string().as_bytes());
        let at =
            at.ok_or_else(|| self.text.fail(format!("{} in timestamp is not a time", call.timestamp)))?;
        let mut blocks = std::mem::take(&mut record.blocks);
        blocks.clear();
        pieces(&call.input, &mut blocks);
        *record = Record {
            at: Some(at),
            input_tokens: tokens(&call.input),
            output_tokens: tokens(&call.output),
            session: Some(hash(call.session_id.as_bytes())),
            blocks,
            block_tokens: BLOCK_TOKENS,
            ..Record::default()
        };
        Ok(true)
    }
}

/// A quarter of the characters, rounded up.
fn tokens(text: &str) -> u32 {
    u32::try_from(text.chars().count().div_ceil(TOKEN_CHARS)).unwrap_or(u32::MAX)
}

/// The ids of a text's whole pieces.
fn pieces(text: &str, ids: &mut Vec<u64>) {
    let (mut start, mut id) = (0, 0);
    // A piece ends where the first character behind it begins, or the text.
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    for end in ends.step_by(TOKEN_CHARS * BLOCK_TOKENS as usize).skip(1) {
        id = mix(id ^ hash(&text.as_bytes()[start..end]));
        ids.push(id);
        start = end;
    }
}

/// Characters of a token.
const TOKEN_CHARS: usize = 4;

/// Tokens of a block, as those who serve models keep them.
const BLOCK_TOKENS: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_share_the_blocks_of_their_common_beginning() {
        let ids = |text: &str| {
            let mut ids = Vec::new();
            pieces(text, &mut ids);
            ids
        };
        let (alphas, betas) = ("ä".repeat(64), "b".repeat(64));
        assert_eq!((ids(""), ids("short"), tokens(""), tokens("short")), (vec![], vec![], 0, 2));
        assert_eq!((ids(&alphas).len(), ids(&alphas[..126]).len(), tokens(&alphas)), (1, 0, 16));
        let (one, other) = (ids(&format!("{alphas}{betas}")), ids(&format!("{alphas}{alphas}x")));
        assert!(one.len() == 2 && other.len() == 2 && one[0] == other[0] && one[1] != other[1]);
        assert_ne!(other[0], other[1], "a repeated piece is another prompt's beginning");
    }
}
