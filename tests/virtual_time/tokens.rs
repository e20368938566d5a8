//! The words of our prompts against OpenAI's own vocabularies: what we call a token is one.

use std::collections::BTreeSet;

use tiktoken::get_encoding;
use tollgate::dialects::prompt;
use tollgate::wire::{Beginnings, ClassId, Content, Prefix, Request, RequestId};

/// GPT-4o, GPT-4.1, GPT-5 and o-series; GPT-4 and GPT-3.5.
const VOCABULARIES: [&str; 2] = ["o200k_base", "cl100k_base"];

fn text(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let pieces: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.as_ref().to_vec()).collect();
    String::from_utf8(pieces).expect("words are ASCII")
}

fn count(vocabulary: &str, text: &str) -> usize {
    get_encoding(vocabulary).expect("the vocabulary is built in").encode(text).len()
}

#[test]
fn every_word_is_a_single_token_in_both_vocabularies() {
    let all = text(prompt::words(0, 65_536));
    let words: BTreeSet<&str> = (0..all.len() / 4).map(|nth| &all[4 * nth..4 * nth + 4]).collect();
    assert_eq!(words.len(), 64);
    for vocabulary in VOCABULARIES {
        for word in &words {
            assert_eq!(count(vocabulary, word), 1, "{vocabulary} of {word:?}");
            for next in &words {
                assert_eq!(count(vocabulary, &format!("{word}{next}")), 2, "{vocabulary}: {word}{next}");
            }
        }
    }
}

#[test]
fn prompts_of_any_length_have_as_many_tokens_as_they_say() {
    for vocabulary in VOCABULARIES {
        for (id, tokens) in [(0, 1), (1, 10), (2, 11), (3, 12), (4, 1000), (5, 70_000)] {
            let prefix = Prefix { id: 9, tokens: tokens / 2, is_long: false, is_stored: true };
            let beginnings = Beginnings::from(Some(prefix).filter(|_| id % 2 == 1));
            let (id, class) = (RequestId(id), ClassId(0));
            let request = Request {
                id,
                class,
                priority: 0,
                input_tokens: tokens,
                max_tokens: None,
                stream: true,
                beginnings: beginnings.clone(),
                content: Content::TEXT,
            };
            let shared = prompt::shared(&beginnings).flatten();
            let prompt = text(shared.chain(prompt::own(&request)));
            assert_eq!(count(vocabulary, &prompt), tokens as usize, "{vocabulary}, {tokens} tokens");
            let busting = prompt::bust(id);
            let whole = format!("{busting}Why is the sky blue?");
            let (alone, after) = (count(vocabulary, "Why is the sky blue?"), count(vocabulary, &whole));
            assert_eq!(after, prompt::BUST_TOKENS as usize + alone, "{vocabulary}: {whole}");
        }
    }
}
