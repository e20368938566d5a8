//! A fast way to know a chunk of a stream by its neighbour.

use memchr::memmem;

use crate::wire::Kind;

/// An earlier chunk that was one piece of an answer and nothing else, without the strings in it that vary.
///
/// Reading JSON is most of the cost of a streamed token. But the chunks of one stream differ only inside
/// two strings: the piece itself and the padding, OpenAI's `obfuscation` or Bedrock's `p`. So a chunk was read in full once;
/// another that equals it byte by byte outside those strings, and in them holds no quote, escape, control
/// character or broken UTF-8, is the same JSON with other strings there. Where the keys stand does not
/// matter for this to hold: a piece or padding changes what a chunk means only by being empty, and an empty
/// piece is left to the full reading.
#[derive(Clone, Debug)]
pub struct Template {
    pub kind: Kind,
    /// The chunk without those strings.
    text: Vec<u8>,
    /// Where in `text` the piece stood.
    piece: usize,
    /// Where in `text` the padding stood, if there was any.
    padding: Option<usize>,
}

impl Template {
    /// Learns from a chunk that was read in full and is one piece of `kind` and nothing else. The piece stands
    /// under the first of `keys`, each given with its quotes and colon, that is in the chunk.
    pub fn learn(chunk: &[u8], kind: Kind, keys: &[&[u8]]) -> Option<Template> {
        let (piece, rest) = keys
            .iter()
            .find_map(|key| find_string(chunk, key).filter(|(at, rest)| at + rest.len() < chunk.len()))?;
        let mut text = chunk[..piece].to_vec();
        let padding = PADDING_KEYS.iter().find_map(|key| find_string(rest, key));
        let padding = match padding {
            Some((padding, tail)) => {
                text.extend_from_slice(&rest[..padding]);
                text.extend_from_slice(tail);
                Some(piece + padding)
            }
            None => {
                text.extend_from_slice(rest);
                None
            }
        };
        Some(Template { kind, text, piece, padding })
    }

    /// Whether `chunk`, too, is one piece of this kind and nothing else. False says nothing.
    pub fn fits(&self, chunk: &[u8]) -> bool {
        let Some(rest) = chunk.strip_prefix(&self.text[..self.piece]) else { return false };
        let rest = match plain(rest) {
            None | Some(0) => return false,
            Some(length) => &rest[length..],
        };
        let Some(padding) = self.padding else { return rest == &self.text[self.piece..] };
        let Some(rest) = rest.strip_prefix(&self.text[self.piece..padding]) else { return false };
        plain(rest).is_some_and(|length| rest[length..] == self.text[padding..])
    }
}

const PADDING_KEYS: [&[u8]; 2] = [b"\"obfuscation\":", b"\"p\":"];

/// Where the string under `key` begins, and what follows its last character.
fn find_string<'a>(text: &'a [u8], key: &[u8]) -> Option<(usize, &'a [u8])> {
    let mut at = memmem::find(text, key)? + key.len();
    at += usize::from(text.get(at) == Some(&b' '));
    if text.get(at) != Some(&b'"') {
        return None;
    }
    let begin = at + 1;
    let length = plain(&text[begin..])?;
    Some((begin, &text[begin + length..]))
}

/// The length of the string that begins here and ends before the first quote, if its bytes stand for themselves.
fn plain(text: &[u8]) -> Option<usize> {
    let length = text.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    let is_plain = text[length] == b'"' && std::str::from_utf8(&text[..length]).is_ok();
    is_plain.then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_known_by_its_neighbour_only_if_nothing_but_plain_strings_differ() {
        let chunk = |piece: &str, end: &str| {
            format!(
                r#"{{"id":"1","choices":[{{"index":0,"delta":{{"content":"{piece}"}},"finish_reason":{end}"#
            )
        };
        let learnt = chunk("Hello", r#"null}],"obfuscation":"ab"}"#);
        let template = Template::learn(learnt.as_bytes(), Kind::Text, &[b"\"content\":"]).unwrap();
        let fits = |piece, end| template.fits(chunk(piece, end).as_bytes());
        assert!(fits("Hello", r#"null}],"obfuscation":"ab"}"#));
        assert!(fits(" wörld", r#"null}],"obfuscation":""}"#));
        for (piece, end) in [
            ("", r#"null}],"obfuscation":"ab"}"#),
            (r"\n", r#"null}],"obfuscation":"ab"}"#),
            ("\n", r#"null}],"obfuscation":"ab"}"#),
            ("x", r#"null}],"obfuscation":"a\"b"}"#),
            ("x", r#""stop"}],"obfuscation":"ab"}"#),
            ("x", r#"null}],"obfuscation":"ab"} "#),
            ("x", r#"null}]}"#),
            ("x", ""),
        ] {
            assert!(!fits(piece, end), "{piece:?} {end}");
        }
        let padded = |piece: &str, padding: &str| {
            format!(r#"{{"contentBlockIndex":0,"delta":{{"text":"{piece}"}},"p":"{padding}"}}"#)
        };
        let template = Template::learn(padded("a", "abc").as_bytes(), Kind::Text, &[b"\"text\":"]).unwrap();
        assert!(template.fits(padded(" b", "abcdef").as_bytes()));
        assert!(!template.fits(padded("", "abcdef").as_bytes()));
        let broken = learnt.replace("Hello", "?").into_bytes();
        let broken: Vec<u8> = broken.into_iter().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
        assert!(!template.fits(&broken));
    }
}
