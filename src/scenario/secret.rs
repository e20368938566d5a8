//! What looks like a secret is never shown, wherever in a scenario it was put by mistake.

use std::ops::Range;

/// How the keys of well-known services begin.
const PREFIXES: [&str; 12] =
    ["ABSK", "AIza", "AKIA", "ASIA", "eyJ", "ghp_", "github_pat_", "glpat-", "hf_", "sk-", "sk_", "xox"];

/// Whether a word is more likely a key than the name of anything.
pub fn is_likely(word: &str) -> bool {
    let has_prefix = PREFIXES.iter().any(|prefix| word.starts_with(prefix));
    let is_dense = |part: &str| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        part.len() >= 32 && digits >= 4 && digits < part.len()
    };
    has_prefix && word.len() >= 16 || word.split(['-', '_', '.', '/', '=']).any(is_dense)
}

/// `text` with every byte of what looks like a secret made a `*`, so that places in it stay.
pub fn mask(text: &str) -> String {
    let mut secrets: Vec<_> = credentials(text).collect();
    secrets.extend(words(text).filter(|word| is_likely(&text[word.clone()])));
    secrets.sort_by_key(|secret| (secret.start, secret.end));
    let mut masked = String::with_capacity(text.len());
    for secret in secrets {
        let start = secret.start.max(masked.len());
        masked.push_str(&text[masked.len()..start]);
        masked.extend(std::iter::repeat_n('*', secret.end.saturating_sub(start)));
    }
    masked.push_str(&text[masked.len()..]);
    masked
}

fn words(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_.+/=".contains(c);
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text[from..].find(is_word)?;
        from = text[start..].find(|c| !is_word(c)).map_or(text.len(), |length| start + length);
        Some(start..from)
    })
}

/// The user and password of each address.
fn credentials(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    text.match_indices("://").filter_map(|(at, mark)| {
        let start = at + mark.len();
        let end = start + text[start..].find(['/', '@', '"', '\'', '\n'])?;
        text[end..].starts_with('@').then_some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_names_are_not() {
        for (text, masked) in [
            ("k = \"sk-proj-abcdefgh1234\"", "k = \"********************\""),
            ("u = 'https://me:pass wörd@host/v1'", "u = 'https://*************@host/v1'"),
            ("0123456789abcdef0123456789abcdef é", "******************************** é"),
        ] {
            assert_eq!(mask(text), masked);
        }
        for name in
            ["OPENAI_API_KEY", "anthropic.claude-sonnet-4-20250514-v1:0", "https://api.openai.com/v1@2"]
        {
            assert_eq!(mask(name), name);
        }
    }
}
