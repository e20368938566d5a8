//! Keys that stand in a scenario by mistake are not repeated in messages about it.

/// How well-known keys begin.
const PREFIXES: [&str; 8] = ["sk-", "sk_", "AKIA", "ASIA", "AIza", "eyJ", "ghp_", "bedrock-api-key-"];

/// The text with every likely key covered by stars of the same length, so that places in it stay where they are.
pub fn covered(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut start = 0;
    for (at, byte) in text.bytes().chain([b' ']).enumerate() {
        if byte.is_ascii_alphanumeric() || b"-_.+/=".contains(&byte) {
            continue;
        }
        let word = &text.as_bytes()[start..at];
        let is_key = word.len() >= 12 && PREFIXES.iter().any(|prefix| word.starts_with(prefix.as_bytes()));
        if is_key || (is_value_of_key_env(&text.as_bytes()[..start]) && !is_variable(word)) {
            bytes[start..at].fill(b'*');
        }
        start = at + 1;
    }
    // Only whole runs of ASCII were replaced, by ASCII.
    String::from_utf8(bytes).unwrap_or_default()
}

/// Whether what follows `before` is the quoted value of `key_env`.
fn is_value_of_key_env(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let Some(before) = before.strip_suffix(b"\"").or(before.strip_suffix(b"'")) else { return false };
    let Some(before) = before.trim_ascii_end().strip_suffix(b"=") else { return false };
    before.trim_ascii_end().ends_with(b"key_env")
}

/// Whether it could be the name of an environment variable.
pub fn is_variable(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_covered_and_everything_else_stays_where_it_is() {
        let text = "a = 1 # ü\nkey_env = \"my-private-key\" x = 'sk-proj-1234567890' y = \"sk-short\"\nkey_env = \"OPENAI_API_KEY\"";
        let covered = covered(text);
        assert_eq!(covered.len(), text.len());
        assert!(!covered.contains("private") && !covered.contains("proj"), "{covered}");
        assert!(
            covered.starts_with("a = 1 # ü\n")
                && covered.ends_with("sk-short\"\nkey_env = \"OPENAI_API_KEY\"")
        );
    }
}
