//! A JSON array read from a byte stream however it is split, one element after another.
//!
//! Gemini streams so where server-sent events are not asked for: the body is one array, delivered in pieces.
//! Only the array is read here; whether an element is JSON is for its reader to say.

use std::fmt;

use memchr::memchr2;

/// Bytes an element may have before the stream is given up.
pub const ELEMENT_BYTES_MAX: usize = 4 << 20;

/// What is wrong with a stream that should be an array; nothing after it can be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ArrayError {
    /// There is more after the array's end.
    AfterEnd,
    /// Between elements stands something else than a comma.
    Between,
    /// Where an element should begin, none does.
    Element,
    /// The stream does not begin with `[`.
    NotArray,
    /// An element is longer than [`ELEMENT_BYTES_MAX`].
    TooLarge,
}

impl fmt::Display for ArrayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ArrayError::AfterEnd => "there is more after the end of the JSON array",
            ArrayError::Between => "between elements of the JSON array there is no comma",
            ArrayError::Element => "the JSON array has something that is no element",
            ArrayError::NotArray => "the stream is not a JSON array",
            ArrayError::TooLarge => "an element of the JSON array is too large",
        })
    }
}

impl std::error::Error for ArrayError {}

/// The parser: [`JsonArray::push`] bytes, then take every element there is with [`JsonArray::next_element`].
#[derive(Clone, Debug, Default)]
pub struct JsonArray {
    buffer: Vec<u8>,
    /// Where the element under way begins; nothing before it is needed.
    start: usize,
    /// Up to here everything is read.
    at: usize,
    place: Place,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    AfterComma,
    AfterElement,
    /// After the array's `[`.
    AfterOpen,
    #[default]
    Before,
    End,
    /// Objects and arrays of an element, open this deep.
    Nested(usize),
    /// A number or a word, which ends before the first byte that is no part of it.
    Plain,
    /// A text in so many open objects and arrays.
    Text(usize),
    /// After a backslash in such a text.
    TextEscape(usize),
}

impl JsonArray {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.at -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole element, without the white space around it; `None` until more bytes come.
    pub fn next_element(&mut self) -> Result<Option<&[u8]>, ArrayError> {
        while let Some(byte) = self.buffer.get(self.at) {
            let is_element = match self.place {
                Place::Nested(_) | Place::Plain | Place::Text(_) | Place::TextEscape(_) => {
                    self.read_within(*byte)
                }
                between => {
                    self.place = next_place(between, *byte)?;
                    self.start = self.at;
                    self.at += 1;
                    false
                }
            };
            if self.at - self.start > ELEMENT_BYTES_MAX {
                return Err(ArrayError::TooLarge);
            }
            if is_element {
                let element = self.start..self.at;
                self.start = self.at;
                self.place = Place::AfterElement;
                return Ok(Some(&self.buffer[element]));
            }
        }
        Ok(None)
    }

    /// Whether the array's `]` was read.
    pub fn is_ended(&self) -> bool {
        self.place == Place::End
    }

    /// Reads on in an element, whose next byte is `byte`; whether the element is whole.
    fn read_within(&mut self, byte: u8) -> bool {
        self.place = match (self.place, byte) {
            (Place::Plain, b' ' | b'\t' | b'\n' | b'\r' | b',' | b']') => return true,
            (Place::Text(depth), _) => {
                let rest = &self.buffer[self.at..];
                let found = memchr2(b'"', b'\\', rest);
                self.at += found.unwrap_or(rest.len() - 1);
                match found.map(|offset| rest[offset]) {
                    Some(b'"') => Place::Nested(depth),
                    Some(_) => Place::TextEscape(depth),
                    None => Place::Text(depth),
                }
            }
            (Place::TextEscape(depth), _) => Place::Text(depth),
            (Place::Nested(depth), b'{' | b'[') => Place::Nested(depth + 1),
            (Place::Nested(depth), b'}' | b']') => Place::Nested(depth - 1),
            (Place::Nested(depth), b'"') => Place::Text(depth),
            (place, _) => place,
        };
        self.at += 1;
        self.place == Place::Nested(0)
    }
}

/// The place after `byte`, which stands before, between or after elements, or begins one.
fn next_place(place: Place, byte: u8) -> Result<Place, ArrayError> {
    match (place, byte) {
        (_, b' ' | b'\t' | b'\n' | b'\r') => Ok(place),
        (Place::Before, b'[') => Ok(Place::AfterOpen),
        (Place::Before, _) => Err(ArrayError::NotArray),
        (Place::AfterOpen | Place::AfterElement, b']') => Ok(Place::End),
        (Place::AfterElement, b',') => Ok(Place::AfterComma),
        (Place::AfterElement, _) => Err(ArrayError::Between),
        (Place::End, _) => Err(ArrayError::AfterEnd),
        (_, b'{' | b'[') => Ok(Place::Nested(1)),
        (_, b'"') => Ok(Place::Text(0)),
        (_, b'-' | b'0'..=b'9' | b'a'..=b'z') => Ok(Place::Plain),
        _ => Err(ArrayError::Element),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Every element of the pieces in order, how the stream was given up, and whether the array ended.
    fn elements<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Option<ArrayError>, bool) {
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
    }

    #[test]
    fn elements_are_handed_out_as_they_stand() {
        for (stream, expected, error, is_ended) in [
            (r#"[{"a":"]}\"},["}]"#, &[r#"{"a":"]}\"},["}"#][..], None, true),
            ("[\n{\"a\": [1, {}]}\r\n, \t{}\n]\n ", &["{\"a\": [1, {}]}", "{}"], None, true),
            (
                r#"["\\","\\\"",-1.5e3 ,null,[[]]]"#,
                &[r#""\\""#, r#""\\\"""#, "-1.5e3", "null", "[[]]"],
                None,
                true,
            ),
            ("[]", &[], None, true),
            (" [ ", &[], None, false),
            ("[1", &[], None, false),
            ("[1,", &["1"], None, false),
            ("", &[], None, false),
            (r#"{"error":{}}"#, &[], Some(ArrayError::NotArray), false),
            ("[{}{}]", &["{}"], Some(ArrayError::Between), false),
            ("[{},]", &["{}"], Some(ArrayError::Element), false),
            ("[,{}]", &[], Some(ArrayError::Element), false),
            ("[{}],", &["{}"], Some(ArrayError::AfterEnd), true),
        ] {
            let (read, read_error, read_is_ended) = elements([stream.as_bytes()]);
            let read: Vec<_> = read.iter().map(|element| str::from_utf8(element).unwrap()).collect();
            assert_eq!((&read[..], read_error, read_is_ended), (expected, error, is_ended), "{stream}");
        }
    }

    #[test]
    fn an_element_is_there_with_its_last_byte() {
        let mut array = JsonArray::default();
        array.push(b"[{\"a\":1");
        assert_eq!(array.next_element(), Ok(None));
        array.push(b"}");
        assert_eq!(array.next_element(), Ok(Some(&b"{\"a\":1}"[..])));
        assert_eq!(array.next_element(), Ok(None));
    }

    #[test]
    fn an_element_of_the_greatest_length_passes_and_a_byte_more_does_not() {
        for (open, fill, close) in [("\"", "x", "\""), ("[", " ", "]"), ("", "1", "")] {
            let stream = |length: usize| {
                let filled = fill.repeat(length - open.len() - close.len());
                format!("[0,{open}{filled}{close},0]").into_bytes()
            };
            for size in [usize::MAX, 65_536, 100_003] {
                let fits = stream(ELEMENT_BYTES_MAX);
                assert_eq!(elements(fits.chunks(size.min(fits.len()))).0.len(), 3);
                let too_large = stream(ELEMENT_BYTES_MAX + 1);
                let (read, error, _) = elements(too_large.chunks(size.min(too_large.len())));
                assert_eq!((read.len(), error), (1, Some(ArrayError::TooLarge)));
            }
        }
    }

    #[test]
    fn white_space_and_what_was_read_take_no_memory() {
        let mut array = JsonArray::default();
        array.push(b"[0");
        for _ in 0..10_000 {
            array.push(b" \n ");
            while array.next_element().unwrap().is_some() {}
            array.push(b",{\"a\": 1}");
            while array.next_element().unwrap().is_some() {}
        }
        assert!(array.buffer.capacity() < 256);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<f32>().prop_map(|number| Value::from(f64::from(number))),
            "[a-z\"\\\\{}\\[\\],:é\n]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::vec(("[a-z\"]{0,3}", inner), 0..3)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_array_is_taken_apart_at_every_split(values in prop::collection::vec(json(), 0..4), is_pretty: bool) {
            let spelt = |value: &Value| match is_pretty {
                true => serde_json::to_vec_pretty(value).unwrap(),
                false => serde_json::to_vec(value).unwrap(),
            };
            let stream = spelt(&Value::from(values.clone()));
            let whole = elements([&stream[..]]);
            let read: Vec<Value> = whole.0.iter().map(|one| serde_json::from_slice(one).unwrap()).collect();
            prop_assert_eq!((&read, whole.1, whole.2), (&values, None, true));
            prop_assert_eq!(&elements(stream.chunks(1)), &whole);
            for split in 0..=stream.len() {
                let (left, right) = stream.split_at(split);
                prop_assert_eq!(&elements([left, right]), &whole);
            }
        }

        /// What serde_json takes as an array is taken here, element by element; what is refused here is no JSON.
        #[test]
        fn random_text_is_split_alike_and_never_panics(text in "[\\[\\]{}\",:\\\\ 1a]{0,12}", size in 1..5usize) {
            let text = text.as_bytes();
            let whole = elements([text]);
            prop_assert_eq!(&elements(text.chunks(size)), &whole);
            if let Ok(values) = serde_json::from_slice::<Vec<Value>>(text) {
                let read: Vec<Value> = whole.0.iter().map(|one| serde_json::from_slice(one).unwrap()).collect();
                prop_assert_eq!((read, whole.1, whole.2), (values, None, true));
            }
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), size in 1..9usize) {
            prop_assert_eq!(elements([&bytes[..]]), elements(bytes.chunks(size)));
        }
    }
}
