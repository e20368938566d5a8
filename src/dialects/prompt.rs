//! Text of a known length in tokens: prompts, which share what their prefix says and no more, and the mock's answers.
//!
//! Every token is a space and a word of three letters. The words were chosen so that ` word` is a single
//! token in OpenAI's `o200k_base` and `cl100k_base` vocabularies, whose splitters never join two of them;
//! so characters / 4 = words = tokens, exactly.

use std::sync::LazyLock;

use bytes::Bytes;

pub use crate::prompts::{BUST_TOKENS, CHARS_PER_TOKEN, estimate};
use crate::rng::mix;
use crate::wire::{Beginnings, Request, RequestId};

/// Stands in a body where the prompt's text belongs, until it is put there.
pub const PLACE: &str = "{prompt}";

/// Stands where the beginning that prompts share belongs, if it stands apart.
pub const SHARED_PLACE: &str = "{shared}";

/// Stands where an image belongs, in base64.
pub const IMAGE_PLACE: &str = "{image}";

/// What each of the beginnings adds to the one before, in pieces. A text goes on where the same id ended before.
pub fn shared(beginnings: &Beginnings) -> impl Iterator<Item = Vec<Bytes>> {
    let (mut id, mut start, mut end) = (None, 0, 0);
    beginnings.as_slice().iter().map(move |prefix| {
        if id != Some(prefix.id) {
            (id, start) = (Some(prefix.id), end);
        }
        let from = end;
        end = end.max(prefix.tokens);
        // Mixed twice, so that no beginning is as a request of the same number is.
        text(mix(mix(prefix.id)), from - start, end - start)
    })
}

/// What a prompt has of its own, after what it shares, in pieces. The same request always gets the same prompt.
pub fn own(request: &Request) -> Vec<Bytes> {
    let shared = request.beginnings.longest().map_or(0, |longest| longest.tokens);
    text(mix(request.id.0), 0, request.text_tokens().saturating_sub(shared))
}

/// A line of [`BUST_TOKENS`] tokens that only this request has, to stand before a prompt that others have too.
pub fn bust(id: RequestId) -> String {
    let words = text(mix(id.0), 0, UNIQUE_WORDS).concat();
    format!("{}   \n", String::from_utf8_lossy(&words))
}

/// A text from its `from`-th token until before its `until`-th, in pieces. The first words spell the key, so texts of
/// at least eleven tokens are all different from the start; the rest is the same for all.
fn text(key: u64, from: u32, until: u32) -> Vec<Bytes> {
    let unique: Bytes =
        (from..until.min(UNIQUE_WORDS)).flat_map(|nth| token(key >> (nth * WORD_BITS))).collect();
    let from = from.max(UNIQUE_WORDS);
    let rest = words(u64::from(from - UNIQUE_WORDS), until.saturating_sub(from)).map(Bytes::from_static);
    std::iter::once(unique).chain(rest).filter(|piece| !piece.is_empty()).collect()
}

/// `count` tokens of the shared text in pieces, beginning with its `from`-th, around and around.
pub fn words(from: u64, count: u32) -> impl Iterator<Item = &'static [u8]> {
    let text: &[u8] = &SHARED;
    let mut at = (from % SHARED_WORDS) as usize * TOKEN_BYTES;
    let mut left = count as usize * TOKEN_BYTES;
    std::iter::from_fn(move || {
        let piece = &text[at..text.len().min(at.saturating_add(left))];
        at = 0;
        left -= piece.len();
        (!piece.is_empty()).then_some(piece)
    })
}

/// The token that the lowest bits of `key` choose.
fn token(key: u64) -> [u8; TOKEN_BYTES] {
    let word = WORDS[(key % WORDS.len() as u64) as usize];
    [b' ', word[0], word[1], word[2]]
}

/// Text that all prompts and answers share.
static SHARED: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..SHARED_WORDS).flat_map(|nth| token(mix(nth))).collect());

const SHARED_WORDS: u64 = 1 << 16;
const TOKEN_BYTES: usize = CHARS_PER_TOKEN as usize;
const WORD_BITS: u32 = WORDS.len().ilog2();
/// Enough to spell 64 bits.
const UNIQUE_WORDS: u32 = u64::BITS.div_ceil(WORD_BITS);

const WORDS: [&[u8; 3]; 64] = [
    b"all", b"and", b"any", b"are", b"art", b"bar", b"bed", b"big", b"box", b"boy", b"bus", b"but", b"buy",
    b"can", b"car", b"cat", b"cup", b"day", b"dog", b"eat", b"end", b"far", b"few", b"fit", b"fly", b"for",
    b"fun", b"get", b"had", b"hat", b"hot", b"how", b"ice", b"job", b"key", b"law", b"leg", b"low", b"man",
    b"map", b"mix", b"net", b"new", b"now", b"off", b"oil", b"old", b"one", b"our", b"out", b"own", b"red",
    b"run", b"sea", b"sky", b"sun", b"tea", b"ten", b"the", b"top", b"two", b"war", b"way", b"you",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    use crate::wire::{ClassId, Prefix, RequestId};

    fn prompt(id: u64, input_tokens: u32, beginnings: &[(u64, u32)]) -> Vec<u8> {
        let id = RequestId(id);
        let prefix =
            |(id, tokens): &(u64, u32)| Prefix { id: *id, tokens: *tokens, is_long: false, is_stored: true };
        let beginnings = Beginnings::new(beginnings.iter().map(prefix).collect());
        let request = Request {
            id,
            class: ClassId(0),
            priority: 0,
            input_tokens,
            max_tokens: None,
            stream: true,
            beginnings,
            content: Default::default(),
        };
        let shared = shared(&request.beginnings).flatten();
        shared.chain(own(&request)).collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_prompt_has_the_length_asked_for() {
        for tokens in [0, 1, 10, 11, 12, 1000, 65_547, 65_548, 200_000] {
            for beginnings in [
                &[][..],
                &[(3, tokens / 2)],
                &[(3, tokens)],
                &[(4, tokens / 3), (3, tokens / 2)],
                &[(4, tokens / 3), (3, tokens / 2), (3, tokens)],
            ] {
                let text = prompt(3, tokens, beginnings);
                assert_eq!(text.len() as u64, u64::from(tokens) * CHARS_PER_TOKEN);
                assert_eq!(estimate(text.len() as u64), tokens);
                assert!(text.chunks(4).all(|token| token[0] == b' ' && token[1..].is_ascii()));
            }
        }
    }

    #[test]
    fn prompts_differ_from_their_first_words_on_and_only_there() {
        let prompts: Vec<_> = (0..2000).map(|id| prompt(id, 40, &[])).collect();
        let starts: BTreeSet<_> = prompts.iter().map(|text| &text[..44]).collect();
        assert_eq!(starts.len(), prompts.len());
        let rests: BTreeSet<_> = prompts.iter().map(|text| &text[44..]).collect();
        assert_eq!(rests.len(), 1);
        assert_eq!(prompts[7], prompt(7, 40, &[]));
    }

    #[test]
    fn prompts_of_one_prefix_share_it_and_nothing_more() {
        let prompts: Vec<_> = (0..2000).map(|id| prompt(id, 100, &[(5, 60)])).collect();
        assert_eq!(prompts.iter().map(|text| &text[..240]).collect::<BTreeSet<_>>().len(), 1);
        assert_eq!(prompts.iter().map(|text| &text[240..284]).collect::<BTreeSet<_>>().len(), prompts.len());
        assert!(prompt(0, 100, &[(5, 80)]).starts_with(&prompts[0][..240]));
        let others = [prompt(5, 100, &[]), prompt(0, 100, &[(6, 60)])];
        assert!(others.iter().all(|other| other[..44] != prompts[0][..44]));
    }

    /// Characters that two prompts begin with in common.
    fn common(one: &[u8], other: &[u8]) -> usize {
        one.iter().zip(other).take_while(|(one, other)| one == other).count()
    }

    #[test]
    fn a_conversation_goes_on_from_its_system_prompt_and_parts_from_others_there() {
        let turn = |id, conversation, tokens| prompt(id, tokens, &[(1, 50), (conversation, tokens)]);
        let (first, second, third) = (turn(1, 7, 70), turn(2, 7, 90), turn(3, 7, 2000));
        assert!(second.starts_with(&first) && third.starts_with(&second));
        // Where the turns before have ended changes no text.
        assert_eq!(third, prompt(4, 2000, &[(1, 50), (7, 53), (7, 70), (7, 90), (7, 2000)]));
        let others: Vec<_> = (100..1100).map(|conversation| turn(5, conversation, 90)).collect();
        // Two texts part with their first word, but for those that begin with the same of 64.
        let common: Vec<_> = others.iter().map(|other| common(&second, other)).collect();
        assert!(common.iter().all(|common| (200..240).contains(common)));
        assert!(common.iter().filter(|common| **common < 204).count() > 900);
        assert_eq!(others.iter().collect::<BTreeSet<_>>().len(), others.len());
    }

    #[test]
    fn texts_that_part_within_a_beginning_share_what_is_before() {
        // The second leaves the first's text after 60 tokens.
        let (one, other) = (prompt(1, 100, &[(5, 80)]), prompt(2, 100, &[(5, 60), (6, 90)]));
        assert!((240..260).contains(&common(&one, &other)), "{}", common(&one, &other));
    }

    #[test]
    fn the_shared_text_goes_around() {
        let text: Vec<u8> = words(SHARED_WORDS - 1, 2).flatten().copied().collect();
        assert_eq!(text, [token(mix(SHARED_WORDS - 1)), token(mix(0))].concat());
        assert_eq!(words(5, 0).count(), 0);
    }

    #[test]
    fn part_of_a_token_is_a_token() {
        assert_eq!([0, 1, 4, 5].map(estimate), [0, 1, 1, 2]);
        assert_eq!(estimate(u64::MAX), u32::MAX);
    }

    #[test]
    fn what_busts_caches_is_as_long_as_it_says_and_always_another() {
        let lines: BTreeSet<_> = (0..2000).map(|id| bust(RequestId(id))).collect();
        assert_eq!(lines.len(), 2000);
        assert!(lines.iter().all(|line| estimate(line.len() as u64) == BUST_TOKENS && line.ends_with('\n')));
    }

    #[test]
    fn words_are_all_different() {
        assert_eq!(WORDS.iter().collect::<BTreeSet<_>>().len(), WORDS.len());
    }
}
