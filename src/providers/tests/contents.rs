//! Prompts from files and images in every dialect: each body is good JSON that holds them, and the mock counts them.

use serde_json::Value;

use super::{name, rows};
use crate::client::workload::Class;
use crate::credential::Credential;
use crate::providers::target::{LastBody, MARKING};
use crate::providers::testing::{MODEL, UNIX_SECS, request};
use crate::providers::{Asked, Call, Contents, ImageRule, Served, Target};
use crate::time::Instant;
use crate::wire::{Beginnings, Content, Images, Prefix, Request, RequestId};

/// Three prompts that would break a body if they were not escaped, or if places were looked for in them.
const FILE: &str = r#"{"prompt": "a \"b\"\n{prompt}{image}{shared} né", "input_tokens": 30}
{"messages": [{"role": "system", "content": "Be {image}."}, {"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}, {"role": "user", "content": "three"}]}
{"conversations": [{"from": "human", "value": "four"}, {"from": "gpt", "value": "five"}]}
"#;

fn class(more: &str) -> Class {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.jsonl"), FILE).unwrap();
    let mut class: Class = toml::from_str(&format!("name = 'c'\nmax_tokens = 100\n{more}")).unwrap();
    if let Some(prompts) = &mut class.prompts {
        prompts.load(folder.path()).unwrap();
    }
    if let Some(session) = &mut class.session {
        session.load(folder.path()).unwrap();
    }
    class
}

fn target(target: Target, class: &Class) -> Target {
    let contents = Contents::new(std::slice::from_ref(class));
    Target { contents, images: ImageRule::new(Some(500), MODEL), ..target }
}

/// The body sent, and what the mock reads in it.
fn sent(target: &Target, request: &Request) -> (Value, u32) {
    let encoded = target.load(request, &mut LastBody::default()).unwrap();
    let (path, query) = match encoded.path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (&*encoded.path, None),
    };
    let (headers, body) = (encoded.headers.into_iter().collect(), encoded.body.concat());
    let json = serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{}: {error}", name(target)));
    let call =
        Call { method: &http::Method::POST, path, whole_path: path, query, headers: &headers, body: &body };
    let served = Served {
        provider: target.provider,
        model: MODEL.into(),
        region: None,
        images: target.images.clone(),
        credentials: Some(vec![Credential::None]),
    };
    match served.read(&call, Instant::START, UNIX_SECS) {
        Ok(Asked::Generate(_, asked)) => (json, asked.input_tokens),
        Ok(Asked::Answer(answer)) | Err(answer) => {
            panic!("{}: {}", name(target), String::from_utf8_lossy(&answer.body))
        }
    }
}

/// Every string in a body.
fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(parts) => parts.iter().for_each(|part| strings(part, found)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, found)),
        Value::String(text) => found.push(text.clone()),
        _ => {}
    }
}

fn asking(row: Option<u32>, images: Images, input_tokens: u32) -> Request {
    Request {
        content: Content { row, question: 0, images },
        input_tokens,
        max_tokens: Some(100),
        ..request(true)
    }
}

#[test]
fn texts_from_a_file_are_in_every_body_as_they_are() {
    let class = class("prompts = { file = 'p.jsonl' }");
    let expected: [&[&str]; 3] =
        [&["a \"b\"\n{prompt}{image}{shared} né"], &["Be {image}.", "one", "two", "three"], &["four"]];
    for plain in rows() {
        let target = target(plain, &class);
        for (row, texts) in (0..).zip(expected) {
            let (body, counted) = sent(&target, &asking(Some(row), Images::default(), 30));
            let mut found = Vec::new();
            strings(&body, &mut found);
            let whole = texts.join("\n\n");
            let is_whole = found.contains(&whole);
            let in_order: Vec<&String> = found.iter().filter(|text| texts.contains(&text.as_str())).collect();
            assert!(is_whole || in_order == texts, "{} {body}", name(&target));
            let chars = if is_whole {
                whole.chars().count()
            } else {
                texts.iter().map(|text| text.chars().count()).sum()
            };
            assert_eq!(counted, chars.div_ceil(4) as u32, "{}", name(&target));
        }
    }
}

#[test]
fn a_question_of_a_conversation_is_sent_behind_what_was_said_with_its_breakpoint() {
    let class = class("session = { 'kind=scripted' = { file = 'p.jsonl', think = '1s' } }");
    let (all, mut marked) = (["Be {image}.", "one", "two", "three"], 0);
    for (plain, marks_prefix) in rows().into_iter().flat_map(|row| [(row.clone(), false), (row, true)]) {
        let is_marking = marks_prefix && MARKING.contains(&plain.dialect.name());
        let target = Target { marks_prefix: is_marking, ..target(plain, &class) };
        for (question, texts) in [(0, &all[..2]), (1, &all[..])] {
            let tokens = texts.concat().len().div_ceil(4) as u32;
            let prefix = Prefix { id: 5, tokens, is_long: false, is_stored: true };
            let content = Content { row: Some(1), question, ..Content::TEXT };
            let beginnings = Beginnings::One(prefix);
            let request = Request { content, beginnings, ..asking(None, Images::default(), tokens) };
            let (body, counted) = sent(&target, &request);
            let mut found = Vec::new();
            strings(&body, &mut found);
            let in_order: Vec<&String> = found.iter().filter(|text| texts.contains(&text.as_str())).collect();
            let is_whole = found.contains(&texts.join("\n\n"));
            assert!(is_whole || in_order == texts, "{} {body}", name(&target));
            assert!(is_whole || counted == tokens, "{}: {counted} of {tokens}", name(&target));
            let text = body.to_string();
            let breakpoints = ["cache_control", "cachePoint", "prompt_cache_breakpoint"];
            let has_one = breakpoints.iter().map(|word| text.matches(word).count()).sum::<usize>() > 0;
            assert_eq!(has_one, is_marking, "{} {text}", name(&target));
            marked += usize::from(has_one);
        }
    }
    assert!(marked > 8, "{marked}");
}

#[test]
fn what_busts_caches_comes_before_all_and_differs_by_request() {
    let class = class("prompts = { file = 'p.jsonl', bust = true }");
    for plain in rows() {
        let target = target(plain, &class);
        let first = |id| {
            let (body, _) =
                sent(&target, &Request { id: RequestId(id), ..asking(Some(1), Images::default(), 30) });
            let mut found = Vec::new();
            strings(&body, &mut found);
            found.into_iter().find(|text| text.contains("   \nBe {image}.")).unwrap()
        };
        assert_eq!(first(1), first(1));
        assert_ne!(first(1)[..44], first(2)[..44], "{}", name(&target));
    }
}

#[test]
fn images_are_in_the_bodies_of_all_dialects_that_take_them_and_are_counted_once() {
    use base64::Engine as _;
    let class = class(
        "images = { count = { 'kind=fixed' = { tokens = 2 } }, width = 64, height = 48, bytes = 5000 }",
    );
    let images = Images { count: 2, width: 64, height: 48, tokens_each: 700 };
    let payload = class.images.as_ref().unwrap().payload();
    let file = base64::prelude::BASE64_STANDARD.decode(&payload).unwrap();
    assert_eq!(file.len(), 5000);
    let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height, reader.finish().is_ok()), (64, 48, true));
    let payload = std::str::from_utf8(&payload).unwrap();
    let takes: Vec<Target> =
        rows().into_iter().filter(|target| target.dialect.get().takes_images()).collect();
    assert!(takes.len() > 8);
    for plain in takes {
        let target = target(plain, &class);
        let request = asking(None, images, 60 + 2 * 700);
        let (body, counted) = sent(&target, &request);
        let mut found = Vec::new();
        strings(&body, &mut found);
        assert_eq!(found.iter().filter(|text| text.ends_with(payload)).count(), 2, "{}", name(&target));
        assert_eq!(counted, 60 + 2 * 500, "{}", name(&target));
        assert_eq!(counted, target.images.counted(request).input_tokens);
    }
}

/// A body that is kept is used for requests that differ in their text alone.
#[test]
fn a_kept_body_is_as_good_as_a_new_one() {
    for mut target in rows() {
        target.tells_priority = target.provider.get().takes_priority();
        let usual = request(true);
        let images = Images { count: 1, width: 64, height: 64, tokens_each: 85 };
        let requests = [
            usual.clone(),
            Request { id: RequestId(8), input_tokens: 90, ..usual.clone() },
            Request { stream: !usual.stream, ..usual.clone() },
            Request { max_tokens: Some(7), ..usual.clone() },
            Request { max_tokens: None, ..usual.clone() },
            Request { priority: -3, ..usual.clone() },
            Request { content: Content { images, ..Content::TEXT }, ..usual.clone() },
        ];
        let mut last = LastBody::default();
        for request in requests.iter().flat_map(|request| [request, request]) {
            let (kept, new) = (target.load(request, &mut last).unwrap(), target.encode(request));
            assert_eq!(kept.body.concat(), new.body.concat(), "{}", name(&target));
        }
    }
}
