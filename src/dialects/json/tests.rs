//! serde_json as the oracle of the quick reader.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::dialects::counts::{Chars, Count, loose};
use crate::dialects::fields::Json;
use crate::dialects::openai_chat::Chunk;

/// The quick reader alone.
fn quick<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    quick::read(text).ok()
}

/// What the quick reader takes, serde_json takes with the same value; says whether it did.
fn is_taken<'a, T: Deserialize<'a> + Debug>(text: &'a str) -> bool {
    let Some(read) = quick::<T>(text) else { return false };
    let expected: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(format!("{read:?}"), format!("{expected:?}"), "{text}");
    true
}

/// Both take the text, with the same value, or none does.
fn is_same<'a, T: Deserialize<'a> + Debug>(text: &'a str) {
    assert_eq!(is_taken::<T>(text), serde_json::from_str::<T>(text).is_ok(), "{text:?}");
}

/// A value as its text alone.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(transparent)]
struct Kept<'a>(#[serde(borrow, deserialize_with = "text")] &'a str);

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'de str, D::Error> {
    Ok(<Raw<'_>>::deserialize(deserializer)?.text())
}

/// A field of each kind that can be asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Every<'a> {
    a: Option<bool>,
    b: u64,
    c: i8,
    d: f64,
    e: f32,
    f: char,
    g: String,
    #[serde(borrow)]
    h: Cow<'a, str>,
    #[serde(borrow)]
    i: &'a str,
    #[serde(borrow)]
    j: Vec<Every<'a>>,
    #[serde(borrow)]
    k: Option<Box<Every<'a>>>,
    l: (),
    m: (u8, String),
    n: BTreeMap<String, Value>,
    o: BTreeMap<u8, IgnoredAny>,
    p: Word,
    q: Wrapped,
    r: u128,
    s: Count,
    t: Chars,
    #[serde(borrow)]
    u: Option<Kept<'a>>,
    #[serde(deserialize_with = "loose")]
    v: Option<Value>,
    w: BTreeMap<Wrapped, bool>,
    x: BTreeMap<bool, Option<i64>>,
    y: IgnoredAny,
}

#[derive(Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Wrapped(String);

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Word {
    A(u8),
    #[default]
    B,
}

fn check(text: &str) {
    is_same::<Value>(text);
    is_same::<IgnoredAny>(text);
    is_same::<Kept<'_>>(text);
    is_same::<Json<'_>>(text);
    is_same::<Count>(text);
    let number = serde_json::from_str::<Json<'_>>(text).ok().map(|value| value.as_f64().unwrap_or_default());
    assert_eq!(
        serde_json::from_str(text).ok().map(|Count(count)| count),
        number.map(|number| number as u32),
        "{text}"
    );
    is_taken::<Chunk<'_>>(text);
    is_taken::<Every<'_>>(text);
    is_taken::<BTreeMap<String, Every<'_>>>(text);
}

/// A token that stands for itself, as it should be and as it should not.
fn leaf() -> impl Strategy<Value = String> {
    let number = prop::sample::select(vec![
        "0",
        "-0",
        "-",
        "00",
        "01",
        "-01",
        "7",
        "-7",
        "1e5",
        "1E+2",
        "1e-2",
        "1e",
        "1e+",
        "1.",
        ".5",
        "0.5",
        "-0.0e0",
        "1.5.2",
        "1-2",
        "0x1",
        "+1",
        "255",
        "256",
        "65536",
        "999999999999999999",
        "1000000000000000000",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "1e999",
        "-1e999",
        "1e-999",
        "3.4028236e38",
        "0.1e1000000000000",
        "NaN",
    ]);
    let word = prop::sample::select(vec![
        "null", "true", "false", "nul", "nulL", "True", "tru", "truex", "nullnull", "\"a\"", "\"b\"", "",
    ]);
    prop_oneof![
        3 => number.prop_map(str::to_string),
        2 => "-?[0-9]{1,21}(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        2 => word.prop_map(str::to_string),
        6 => string(),
    ]
}

fn string() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\u0041",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\ud800",
        "\\udc00\\ud800",
        "\\u12",
        "\\u000g",
        "\\x",
        "\\",
        "\\é",
        "é",
        "😀",
        "\u{7f}",
        "\u{80}",
        "\u{0}",
        "\u{1}",
        "\u{1f}",
        "\t",
        "\n",
        " ",
        "!",
        "#",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        "'",
    ]);
    let part = prop_oneof![2 => "[a-z #!\\]]{0,9}", 1 => odd.prop_map(str::to_string)];
    let plain = prop_oneof![2 => "[ -!#-\\[\\]-~]{0,40}", 1 => "[a-zé😀]{0,20}"];
    let text =
        prop_oneof![3 => plain, 2 => prop::collection::vec(part, 0..4).prop_map(|parts| parts.concat())];
    text.prop_map(|text| format!("\"{text}\""))
}

fn key() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "choices",
        "usage",
        "error",
        "service_tier",
        "message",
        "delta",
        "content",
        "text",
        "finish_reason",
        "tool_calls",
        "function",
        "arguments",
        "prompt_tokens",
        "completion_tokens",
        "prompt_tokens_details",
        "cached_tokens",
        "1",
        "255",
        "true",
        "\\u0061",
    ]);
    let known =
        prop_oneof![2 => known.prop_map(str::to_string), 3 => "[a-z]"].prop_map(|name| format!("\"{name}\""));
    prop_oneof![8 => known, 2 => string(), 1 => leaf()]
}

/// Texts that are JSON, or nearly; blanks are of any kind.
fn json() -> impl Strategy<Value = String> {
    let blank = || prop::sample::select(vec!["", "", "", "", " ", "\n", "\t\r ", "\u{b}", "\u{a0}"]);
    let blank = move || prop_oneof![9 => Just(""), 1 => blank()];
    let padded =
        (blank(), leaf(), blank()).prop_map(|(before, leaf, after)| format!("{before}{leaf}{after}"));
    padded.prop_recursive(5, 40, 6, move |value| {
        let comma = || prop::sample::select(vec![""; 20].into_iter().chain([","]).collect::<Vec<_>>());
        let field = (blank(), key(), blank(), value.clone())
            .prop_map(|(before, key, after, value)| format!("{before}{key}{after}:{value}"));
        let array = (prop::collection::vec(value, 0..5), comma())
            .prop_map(|(items, comma)| format!("[{}{comma}]", items.join(",")));
        let object = (prop::collection::vec(field, 0..6), comma())
            .prop_map(|(fields, comma)| format!("{{{}{comma}}}", fields.join(",")));
        prop_oneof![1 => array, 3 => object]
    })
}

/// A value as serde_json writes it.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..1000u32).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z\"\\\\\n\u{1}é]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |value| {
        let object =
            prop::collection::vec(("[a-z]|choices|usage|message|content|delta", value.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(value, 0..6).prop_map(Value::from),
            object.prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A byte changed, put in or cut out.
#[derive(Clone, Debug)]
struct Change {
    at: prop::sample::Index,
    kind: u8,
    byte: u8,
}

fn change() -> impl Strategy<Value = Change> {
    let byte = prop_oneof![3 => prop::sample::select(b"\"\\{}[]:,0-9.eE+ntf \n\x01\x1f\x00u!".to_vec()), 1 => any::<u8>()];
    (any::<prop::sample::Index>(), 0..4u8, byte).prop_map(|(at, kind, byte)| Change { at, kind, byte })
}

fn changed(text: String, changes: &[Change]) -> Option<String> {
    let mut bytes = text.into_bytes();
    for Change { at, kind, byte } in changes {
        let at = at.index(bytes.len() + 1);
        match kind {
            0 => bytes.insert(at, *byte),
            1 => bytes.truncate(at),
            _ if at == bytes.len() => {}
            2 => bytes[at] = *byte,
            _ => drop(bytes.remove(at)),
        }
    }
    String::from_utf8(bytes).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_quick_reader_takes_serde_json_takes_with_the_same_value(
        text in json(), changes in prop::collection::vec(change(), 0..3)
    ) {
        check(&text);
        if let Some(text) = changed(text, &changes) {
            check(&text);
        }
    }

    #[test]
    fn what_serde_json_writes_the_quick_reader_takes(value in value(), changes in prop::collection::vec(change(), 1..3)) {
        for text in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert!(is_taken::<Value>(&text) && is_taken::<IgnoredAny>(&text), "{}", text);
            prop_assert!(is_taken::<Kept<'_>>(&text) && is_taken::<Count>(&text), "{}", text);
            check(&text);
            if let Some(text) = changed(text, &changes) {
                check(&text);
            }
        }
    }
}

#[test]
fn each_odd_byte_is_seen_at_each_place_of_a_string() {
    for length in 0..20 {
        for at in 0..=length {
            for odd in [
                "\u{0}", "\u{1f}", "\n", " ", "!", "\"", "#", "[", "\\", "\\n", "]", "\u{7f}", "é", "\u{a2}",
                "￿", "😀",
            ] {
                let plain = "a".repeat(length);
                let text = format!("\"{}{odd}{}\"", &plain[..at], &plain[at..]);
                check(&text);
                check(&format!("[{text},{text}]"));
                is_same::<&str>(&text);
            }
        }
    }
}

#[test]
fn every_beginning_of_a_text_and_what_is_deep_is_left_to_serde_json() {
    let text = r#"{"a":[true,null,-1.5e3,"x\n",{"b":18}],"c":"\ud83d\ude00"} "#;
    assert!(is_taken::<Value>(text));
    for end in 0..text.len() - 2 {
        assert!(
            quick::<Value>(&text[..end]).is_none() && quick::<IgnoredAny>(&text[..end]).is_none(),
            "{end}"
        );
    }
    for more in ["x", "{}", ",", "\u{0}", "\u{b}", "1"] {
        assert!(quick::<Value>(&format!("{text}{more}")).is_none(), "{more:?}");
    }
    let deep = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert!(is_taken::<Value>(&deep(100)) && is_taken::<IgnoredAny>(&deep(100)));
    assert!(quick::<Value>(&deep(101)).is_none() && quick::<IgnoredAny>(&deep(100_000)).is_none());
    assert!(parse::<Value>(deep(127).as_bytes()).is_ok() && parse::<Value>(deep(128).as_bytes()).is_err());
    assert!(parse::<IgnoredAny>(deep(1000).as_bytes()).is_ok());
}

#[test]
fn a_raw_value_is_its_text_and_is_read_once() {
    #[derive(Debug, Deserialize)]
    struct Said<'a> {
        #[serde(borrow)]
        usage: Option<Raw<'a, u8>>,
    }
    for (body, text, value) in [
        (r#"{"usage": 7 }"#, Some("7"), Some(7)),
        (r#"{"usage":null}"#, None, None),
        (r#"{}"#, None, None),
        (r#"{"usage": [7, "a\n" ] , "x":1}"#, Some(r#"[7, "a\n" ]"#), None),
        (r#"{"usage":256}"#, Some("256"), None),
        (r#"{"usage":1e999}"#, Some("1e999"), None),
    ] {
        let said: Said<'_> = parse(body.as_bytes()).unwrap();
        assert_eq!(said.usage.as_ref().map(Raw::text), text, "{body}");
        assert_eq!(said.usage.and_then(|usage| usage.read().ok()), value, "{body}");
        let said: Said<'_> = serde_json::from_str(body).unwrap();
        assert_eq!(said.usage.as_ref().map(Raw::text), text, "{body}");
    }
    let wrong = Raw::<u8>::new("[7]").read().unwrap_err().to_string();
    assert_eq!(wrong, serde_json::from_str::<u8>("[7]").unwrap_err().to_string());
}

#[test]
fn broken_utf8_matters_only_where_it_is_read() {
    #[derive(serde::Deserialize)]
    struct Said {
        text: Option<String>,
    }
    let text = |body: &[u8]| parse::<Said>(body).ok().and_then(|said| said.text);
    assert_eq!(text("{\"text\":\"né\"}".as_bytes()).as_deref(), Some("né"));
    assert_eq!(text(b"{\"text\":\"a\",\"id\":\"\xff\"}").as_deref(), Some("a"));
    assert_eq!(text(b"{\"text\":\"\xff\"}"), None);
    assert_eq!(text(b"{\"text\":\"a\"}\xff"), None);
}
