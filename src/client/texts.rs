//! Which text a recorded prompt begins with, told by the ids of its blocks.
//!
//! Texts are lines that grow and part. A prompt that goes on where a line ended makes the line longer; one that leaves
//! a line before its end begins a line of its own there. So a prompt is told by the few points at which lines part,
//! and not by its hundreds of blocks:
//!
//! ```text
//!   blocks           beginnings (line, tokens), of 512 tokens a block
//!   a b c            (1, 1536)                  1: a b c
//!   a b c d e        (1, 2560)                  1: a b c d e
//!   a b x y          (1, 1024) (2, 2048)        2: ↳ x y
//!   a b x z          (1, 1024) (2, 1536) (3, 2048)
//! ```
//! A last block that is not full ends with its prompt, and so is a line of its own that nothing makes longer.

use rustc_hash::FxHashMap;

use crate::rng::mix;
use crate::wire::Prefix;

/// The texts of the prompts seen, those not seen for long forgotten.
#[derive(Clone, Debug)]
pub struct Texts {
    /// What the first line's id is made of: other keys make other ids.
    key: u64,
    lines: u64,
    /// By the hash of all blocks up to its end. When it is full it becomes `old`, and what was old is forgotten.
    young: FxHashMap<u64, Block>,
    old: FxHashMap<u64, Block>,
    blocks_max: usize,
}

/// A block in its place.
#[derive(Clone, Copy, Debug)]
struct Block {
    line: u64,
    /// The line goes on after it, or may not.
    is_closed: bool,
}

impl Texts {
    /// Different keys make different lines. It remembers between `blocks_max` and twice as many blocks.
    pub fn new(key: u64, blocks_max: usize) -> Texts {
        let (young, old) = Default::default();
        Texts { key: mix(key), lines: 0, young, old, blocks_max: blocks_max.max(1) }
    }

    /// The beginnings of a prompt of `input_tokens`, the shortest first: the last is all of it that has blocks. Prompts
    /// of different `readers` share nothing.
    pub fn beginnings(
        &mut self,
        reader: u64,
        blocks: &[u64],
        block_tokens: u32,
        input_tokens: u32,
    ) -> Vec<Prefix> {
        let mut found: Vec<Prefix> = Vec::new();
        let (mut chain, mut end, mut before) = (mix(self.key ^ reader), 0u32, None);
        for block in blocks {
            let (start, last) = (end, chain);
            end = start.saturating_add(block_tokens).min(input_tokens);
            if end == start {
                break;
            }
            let is_part = end - start < block_tokens;
            chain = mix(chain ^ mix(*block));
            if is_part {
                chain = mix(chain ^ u64::from(end - start));
            }
            let line = match self.find(chain) {
                Some(block) => block.line,
                None => self.add(last, chain, before, is_part),
            };
            match found.last_mut() {
                Some(prefix) if prefix.id == line => prefix.tokens = end,
                _ => found.push(Prefix { id: line, tokens: end, is_long: false, is_stored: true }),
            }
            before = Some(line);
        }
        found
    }

    /// A new block after that of `last`, which is in the line `before`: at the line's end it goes on with the line.
    fn add(&mut self, last: u64, chain: u64, before: Option<u64>, is_part: bool) -> u64 {
        let end = before.filter(|_| !is_part && self.find(last).is_some_and(|block| !block.is_closed));
        let line = end.unwrap_or_else(|| {
            self.lines += 1;
            mix(self.key ^ self.lines)
        });
        if let Some(block) = end.and_then(|_| self.young.get_mut(&last)) {
            block.is_closed = true;
        }
        self.insert(chain, Block { line, is_closed: is_part });
        line
    }

    fn find(&mut self, chain: u64) -> Option<Block> {
        let young = self.young.get(&chain).copied();
        young.or_else(|| {
            let old = self.old.remove(&chain)?;
            self.insert(chain, old);
            Some(old)
        })
    }

    fn insert(&mut self, chain: u64, block: Block) {
        if self.young.len() >= self.blocks_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(chain, block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brief(texts: &mut Texts, blocks: &[u64], input_tokens: u32) -> Vec<(u64, u32)> {
        let found = texts.beginnings(0, blocks, 10, input_tokens);
        found.iter().map(|prefix| (prefix.id, prefix.tokens)).collect()
    }

    #[test]
    fn a_text_that_goes_on_keeps_its_line_and_one_that_parts_begins_another() {
        let mut texts = Texts::new(1, 100);
        let one = brief(&mut texts, &[1, 2, 3], 30)[0].0;
        assert_eq!(brief(&mut texts, &[1, 2, 3, 4, 5], 50), [(one, 50)]);
        assert_eq!(brief(&mut texts, &[1, 2], 20), [(one, 20)]);
        let two = brief(&mut texts, &[1, 2, 7, 8], 40)[1].0;
        assert_eq!(brief(&mut texts, &[1, 2, 7, 8], 40), [(one, 20), (two, 40)]);
        let three = brief(&mut texts, &[1, 2, 7, 9], 40)[2].0;
        assert_eq!(brief(&mut texts, &[1, 2, 7, 9, 10], 50), [(one, 20), (two, 30), (three, 50)]);
        assert!(one != two && two != three && one != three);
        assert_eq!(
            brief(&mut texts, &[7, 8], 20).len(),
            1,
            "the same blocks in another place are another text"
        );
        assert_ne!(brief(&mut texts, &[7, 8], 20)[0].0, two);
    }

    #[test]
    fn a_last_block_that_is_not_full_ends_its_line_and_leaves_the_full_ones_to_grow() {
        let mut texts = Texts::new(1, 100);
        let first = brief(&mut texts, &[1, 2, 3], 25);
        assert_eq!((first[0].1, first[1].1, first.len()), (20, 25, 2));
        assert_eq!(brief(&mut texts, &[1, 2, 3], 25), first, "the same prompt again is the same text");
        assert_eq!(brief(&mut texts, &[1, 2, 4, 5], 40), [(first[0].0, 40)], "the conversation goes on");
        let whole = brief(&mut texts, &[1, 2, 3], 30);
        assert_eq!((whole[0], whole.len()), (first[0], 2));
        assert_ne!(whole[1].0, first[1].0, "a part of a block does not begin the whole one");
    }

    #[test]
    fn readers_share_nothing_and_blocks_beyond_the_prompt_do_not_count() {
        let mut texts = Texts::new(1, 100);
        let ids: Vec<u64> = (0..3).map(|reader| texts.beginnings(reader, &[1, 2], 10, 20)[0].id).collect();
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
        assert_eq!(brief(&mut texts, &[1, 2, 3, 4], 20), [(ids[0], 20)]);
        assert_eq!(brief(&mut texts, &[1], 0), []);
        assert_eq!(texts.beginnings(0, &[1, 2], 0, 20), []);
    }

    #[test]
    fn what_was_not_seen_for_long_is_forgotten_and_its_id_never_used_again() {
        let mut texts = Texts::new(1, 4);
        let first = brief(&mut texts, &[1, 2], 20);
        for other in 0..50 {
            brief(&mut texts, &[100 + other], 10);
            assert!(texts.young.len() + texts.old.len() <= 8);
        }
        assert_ne!(brief(&mut texts, &[1, 2], 20), first);
    }

    /// The rule on which text on the wire and caches rest: of two prompts with one id, the shorter's begins the
    /// longer's.
    #[test]
    fn prompts_of_one_line_begin_alike_whatever_is_forgotten() {
        use crate::rng::{Purpose, Rng};
        for blocks_max in [3, 20, 1000] {
            let mut texts = Texts::new(9, blocks_max);
            let mut known: std::collections::BTreeMap<u64, Vec<u64>> = Default::default();
            for nth in 0..3000 {
                let mut draws = Rng::new(2).of(Purpose::Prompt, nth, 0);
                let blocks: Vec<u64> = (0..=draws.below(7)).map(|_| draws.below(2)).collect();
                let tokens = blocks.len() as u32 * 10 - draws.below(2) as u32 * 3;
                let found = texts.beginnings(0, &blocks, 10, tokens);
                assert!(found.is_sorted_by_key(|prefix| prefix.tokens), "the shortest is first");
                assert_eq!(found.last().map(|prefix| prefix.tokens), Some(tokens));
                for prefix in found {
                    // The end of a part of a block tells it from the whole.
                    let mut text: Vec<u64> = blocks[..(prefix.tokens / 10) as usize].to_vec();
                    if prefix.tokens % 10 > 0 {
                        text.push(blocks[text.len()] + 2);
                    }
                    let other = known.entry(prefix.id).or_insert_with(|| text.clone());
                    let shared = other.len().min(text.len());
                    assert_eq!(other[..shared], text[..shared]);
                    if text.len() > other.len() {
                        *other = text;
                    }
                }
            }
        }
    }
}
