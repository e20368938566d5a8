//! The mock's side of a call: what its body asks for, checked as the real service checks it.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::dialects::counts::Chars;
use crate::dialects::{Bad, Generate, InPath, prompt};

/// What `body` asks for.
pub fn read(body: &[u8], path: &InPath) -> Result<Generate, Bad> {
    let body = object(body)?;
    let mut asked = understand(&body, path)?;
    let max_tokens = max_tokens(&body)?.ok_or_else(|| missing("max_tokens"))?;
    check_thinking(&body, max_tokens, asked.tool.is_some())?;
    asked.max_tokens = Some(max_tokens);
    Ok(asked)
}

/// What `body` asks for whose prompt is only to be counted: it needs no cap.
pub fn read_prompt(body: &[u8], path: &InPath) -> Result<Generate, Bad> {
    understand(&object(body)?, path)
}

/// All but the cap.
fn understand(body: &Fields, path: &InPath) -> Result<Generate, Bad> {
    let model = match &path.model {
        Some(model) => model.clone(),
        None => model(body)?,
    };
    let chars = [messages(body)?, system(body)?, tools(body)?];
    let stream = field(body, "stream", "a valid boolean", Value::as_bool)?;
    Ok(Generate {
        model,
        input_tokens: prompt::estimate(chars.into_iter().fold(0, u64::saturating_add)),
        stream: path.stream.or(stream).unwrap_or(false),
        tool: tool(body)?,
        service_tier: service_tier(body)?,
        ..Generate::default()
    })
}

type Fields = Map<String, Value>;

fn object(body: &[u8]) -> Result<Fields, Bad> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| bad("", format!("The request body is not valid JSON: {error}")))?;
    match value {
        Value::Object(body) => Ok(body),
        _ => Err(bad("", "Input should be an object")),
    }
}

fn model(body: &Fields) -> Result<String, Bad> {
    match field(body, "model", "a valid string", Value::as_str)? {
        None => Err(missing("model")),
        Some("") => Err(invalid("model", "String should have at least 1 character")),
        Some(model) => Ok(model.into()),
    }
}

/// The cap; nothing is generated where it is 0, which fills caches.
fn max_tokens(body: &Fields) -> Result<Option<u32>, Bad> {
    let Some(max) = field(body, "max_tokens", "a valid integer", Value::as_i64)? else { return Ok(None) };
    if max < 0 {
        return Err(invalid("max_tokens", "Input should be greater than or equal to 0"));
    }
    Ok(Some(u32::try_from(max).unwrap_or(u32::MAX)))
}

/// Characters of all messages.
fn messages(body: &Fields) -> Result<u64, Bad> {
    let messages = field(body, "messages", "a valid list", Value::as_array)?;
    let messages = messages.ok_or_else(|| missing("messages"))?;
    if messages.is_empty() {
        return Err(bad("messages", "messages: at least one message is required"));
    }
    let mut sum = 0u64;
    for (nth, message) in messages.iter().enumerate() {
        let at = format!("messages.{nth}");
        let Value::Object(message) = message else { return Err(invalid(&at, "Input should be an object")) };
        check_role(message, nth)?;
        let content = match message.get("content") {
            None => return Err(missing(&format!("{at}.content"))),
            Some(Value::Array(blocks)) if blocks.is_empty() && nth + 1 < messages.len() => {
                let message = "all messages must have non-empty content except for the optional final assistant \
                               message";
                return Err(invalid(&at, message));
            }
            Some(content) => content_chars(content, &format!("{at}.content"))?,
        };
        sum = sum.saturating_add(content);
    }
    Ok(sum)
}

/// Instructions may come between turns, but not before the first.
fn check_role(message: &Fields, nth: usize) -> Result<(), Bad> {
    let role = match message.get("role") {
        None => return Err(missing(&format!("messages.{nth}.role"))),
        Some(role) => role.as_str().unwrap_or_default(),
    };
    let message = match role {
        "user" => return Ok(()),
        "assistant" | "system" if nth > 0 => return Ok(()),
        "assistant" => r#"first message must use the "user" role"#.to_string(),
        "system" => r#"Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an input message role."#.to_string(),
        role => format!(r#"Unexpected role "{role}". Allowed roles are "user" or "assistant""#),
    };
    Err(invalid("messages", &message))
}

/// Characters of a text or of blocks; `at` is where it stands.
fn content_chars(content: &Value, at: &str) -> Result<u64, Bad> {
    let blocks = match content {
        Value::String(text) => return Ok(text.chars().count() as u64),
        Value::Array(blocks) => blocks,
        _ => return Err(invalid(at, "Input should be a valid list")),
    };
    let mut sum = 0u64;
    for (nth, block) in blocks.iter().enumerate() {
        let at = format!("{at}.{nth}");
        let Value::Object(block) = block else { return Err(invalid(&at, "Input should be an object")) };
        let Some(kind) = block.get("type").and_then(Value::as_str) else {
            return Err(missing(&format!("{at}.type")));
        };
        if kind == "text" {
            match block.get("text") {
                None => return Err(missing(&format!("{at}.text.text"))),
                Some(Value::String(text)) if !text.is_empty() => {}
                Some(Value::String(_)) => {
                    return Err(invalid("messages", "text content blocks must be non-empty"));
                }
                Some(_) => return Err(invalid(&format!("{at}.text.text"), "Input should be a valid string")),
            }
        }
        sum = sum.saturating_add(block_chars(block));
    }
    Ok(sum)
}

/// Characters of a block: its text or thinking, what a tool was asked, what it answered.
fn block_chars(block: &Fields) -> u64 {
    let texts = ["text", "thinking", "content"].into_iter().filter_map(|name| block.get(name));
    let texts = texts.map(|text| Chars::deserialize(text).unwrap_or_default().0);
    texts.chain(block.get("input").map(json_chars)).fold(0, u64::saturating_add)
}

fn system(body: &Fields) -> Result<u64, Bad> {
    let system = body.get("system").filter(|system| !system.is_null());
    system.map_or(Ok(0), |system| content_chars(system, "system"))
}

/// Characters of all tools, which are part of the prompt.
fn tools(body: &Fields) -> Result<u64, Bad> {
    let tools = field(body, "tools", "a valid list", Value::as_array)?.map_or(&[][..], Vec::as_slice);
    for (nth, tool) in tools.iter().enumerate() {
        // Tools of the service's own have a type and need no schema.
        let is_custom = tool.get("type").is_none_or(|kind| kind.is_null() || kind == "custom");
        let lacks = |name: &&&str| tool.get(**name).is_none();
        if let Some(name) = ["name", "input_schema"].iter().find(lacks).filter(|_| is_custom) {
            return Err(missing(&format!("tools.{nth}.custom.{name}")));
        }
    }
    Ok(tools.iter().map(json_chars).fold(0, u64::saturating_add))
}

/// The tool that the answer must call: the one named, or the first of those offered where any will do.
fn tool(body: &Fields) -> Result<Option<String>, Bad> {
    let tools = body.get("tools").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut names = tools.iter().filter_map(|tool| tool.get("name")?.as_str());
    let Some(choice) = field(body, "tool_choice", "an object", Value::as_object)? else { return Ok(None) };
    match choice.get("type").and_then(Value::as_str).unwrap_or_default() {
        "auto" | "none" => Ok(None),
        "any" => match names.next() {
            None => Err(bad("tool_choice", "tool_choice.any may only be specified while providing tools")),
            Some(name) => Ok(Some(name.into())),
        },
        "tool" => {
            let name = choice.get("name").and_then(Value::as_str);
            let name = name.ok_or_else(|| missing("tool_choice.tool.name"))?;
            match names.any(|known| known == name) {
                true => Ok(Some(name.into())),
                false => Err(bad("tool_choice", format!("Tool '{name}' not found in provided tools"))),
            }
        }
        other => {
            let message = format!(
                "Input tag '{other}' found using 'type' does not match any of the expected tags: 'auto', 'any', \
                 'tool', 'none'"
            );
            Err(invalid("tool_choice", &message))
        }
    }
}

/// Thinking has a budget below the cap, and no answer that must be a tool's call.
fn check_thinking(body: &Fields, max_tokens: u32, is_tool_forced: bool) -> Result<(), Bad> {
    let Some(thinking) = field(body, "thinking", "an object", Value::as_object)? else { return Ok(()) };
    let is_enabled = match thinking.get("type").and_then(Value::as_str).unwrap_or_default() {
        "adaptive" | "between_tools" | "disabled" => false,
        "enabled" => true,
        other => {
            let message = format!(
                "Input tag '{other}' found using 'type' does not match any of the expected tags: 'adaptive', \
                 'between_tools', 'disabled', 'enabled'"
            );
            return Err(invalid("thinking", &message));
        }
    };
    if !is_enabled {
        return Ok(());
    }
    let at = "thinking.enabled.budget_tokens";
    let budget = match thinking.get("budget_tokens") {
        None => return Err(missing(at)),
        Some(budget) => budget.as_i64().ok_or_else(|| invalid(at, "Input should be a valid integer"))?,
    };
    if budget < THINKING_BUDGET_MIN {
        let message = format!("Input should be greater than or equal to {THINKING_BUDGET_MIN}");
        return Err(invalid(at, &message));
    }
    if budget >= i64::from(max_tokens) {
        let message = "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation \
                       at https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size";
        return Err(bad("max_tokens", message));
    }
    if is_tool_forced {
        return Err(bad("thinking", "Thinking may not be enabled when tool_choice forces tool use."));
    }
    Ok(())
}

fn service_tier(body: &Fields) -> Result<Option<String>, Bad> {
    match field(body, "service_tier", "a valid string", Value::as_str)? {
        None => Ok(None),
        Some(tier @ ("auto" | "standard_only")) => Ok(Some(tier.into())),
        Some(_) => Err(invalid("service_tier", "Input should be 'auto' or 'standard_only'")),
    }
}

/// A field of the type that `read` takes; `expected` names it. Null is as good as none.
fn field<'a, T>(
    body: &'a Fields,
    name: &str,
    expected: &str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Option<T>, Bad> {
    let Some(value) = body.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    read(value).map(Some).ok_or_else(|| invalid(name, &format!("Input should be {expected}")))
}

fn missing(field: &str) -> Bad {
    invalid(field, "Field required")
}

fn invalid(field: &str, message: &str) -> Bad {
    bad(field, format!("{field}: {message}"))
}

fn bad(field: &str, message: impl Into<String>) -> Bad {
    let param = Some(field).filter(|field| !field.is_empty()).map(str::to_string);
    Bad { message: message.into(), param, code: None }
}

fn json_chars(value: &Value) -> u64 {
    value.to_string().chars().count() as u64
}

/// The least that the service lets thinking have.
const THINKING_BUDGET_MIN: i64 = 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn post(fields: &str) -> Result<Generate, Bad> {
        read(format!("{{{fields}}}").as_bytes(), &InPath::default())
    }

    const CALL: &str = r#""model":"m","max_tokens":9,"messages":[{"role":"user","content":"12345"}]"#;

    #[test]
    fn a_call_is_read_with_all_that_matters() {
        let body = r#""model":"m","max_tokens":9,"stream":true,"system":[{"type":"text","text":"1234"}],"service_tier":"auto",
        "messages":[{"role":"user","content":"1234"},
            {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"look","input":{"a":12}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"1234"}]}]},
            {"role":"system","content":"1234"},
            {"role":"assistant","content":[]}],"unknown":[1]"#;
        let expected = Generate {
            model: "m".into(),
            input_tokens: 6,
            max_tokens: Some(9),
            stream: true,
            service_tier: Some("auto".into()),
            ..Generate::default()
        };
        assert_eq!(post(body), Ok(expected));
        let tools = r#""tools":[{"name":"look","input_schema":{}},{"name":"find","input_schema":{}}]"#;
        for (choice, tool) in [
            (r#"{"type":"any"}"#, Some("look")),
            (r#"{"type":"tool","name":"find"}"#, Some("find")),
            (r#"{"type":"auto"}"#, None),
            (r#"{"type":"none"}"#, None),
            ("null", None),
        ] {
            let asked = post(&format!(r#"{CALL},{tools},"tool_choice":{choice}"#)).unwrap();
            assert_eq!(asked.tool.as_deref(), tool, "{choice}");
        }
        let path = InPath { model: Some("m".into()), stream: Some(true), ..InPath::default() };
        let body = br#"{"anthropic_version":"vertex-2023-10-16","max_tokens":0,"messages":[{"role":"user","content":""}]}"#;
        let expected =
            Generate { model: "m".into(), max_tokens: Some(0), stream: true, ..Generate::default() };
        assert_eq!(read(body, &path), Ok(expected));
        let prompt = br#"{"model":"m","messages":[{"role":"user","content":"12345"}]}"#;
        assert_eq!(read_prompt(prompt, &InPath::default()).unwrap().input_tokens, 2);
    }

    #[test]
    fn a_bad_call_is_answered_in_the_services_words() {
        let messages = |messages: &str| format!(r#""model":"m","max_tokens":9,"messages":{messages}"#);
        let call = |field: &str| format!("{CALL},{field}");
        for (body, message) in [
            (r#""max_tokens":9,"messages":[{"role":"user","content":"a"}]"#, "model: Field required"),
            (r#""model":"","max_tokens":9"#, "model: String should have at least 1 character"),
            (r#""model":"m","messages":[{"role":"user","content":"a"}]"#, "max_tokens: Field required"),
            (r#""model":"m","max_tokens":9"#, "messages: Field required"),
            (&messages("[]"), "messages: at least one message is required"),
            (&messages("1"), "messages: Input should be a valid list"),
            (&messages("[1]"), "messages.0: Input should be an object"),
            (&messages("[{}]"), "messages.0.role: Field required"),
            (&messages(r#"[{"role":"user"}]"#), "messages.0.content: Field required"),
            (
                &messages(r#"[{"role":"user","content":1}]"#),
                "messages.0.content: Input should be a valid list",
            ),
            (&messages(r#"[{"role":"user","content":[{}]}]"#), "messages.0.content.0.type: Field required"),
            (
                &messages(r#"[{"role":"user","content":[{"type":"text","text":""}]}]"#),
                "messages: text content blocks must be non-empty",
            ),
            (
                &messages(r#"[{"role":"user","content":[]},{"role":"user","content":"a"}]"#),
                "messages.0: all messages must have non-empty content except for the optional final assistant message",
            ),
            (
                &messages(r#"[{"role":"assistant","content":"a"}]"#),
                r#"messages: first message must use the "user" role"#,
            ),
            (
                &messages(r#"[{"role":"tool","content":"a"}]"#),
                r#"messages: Unexpected role "tool". Allowed roles are "user" or "assistant""#,
            ),
            (&CALL.replace('9', "-1"), "max_tokens: Input should be greater than or equal to 0"),
            (&CALL.replace('9', "1.5"), "max_tokens: Input should be a valid integer"),
            (&call(r#""stream":1"#), "stream: Input should be a valid boolean"),
            (&call(r#""system":1"#), "system: Input should be a valid list"),
            (&call(r#""service_tier":"flex""#), "service_tier: Input should be 'auto' or 'standard_only'"),
            (&call(r#""tools":[{"name":"a"}]"#), "tools.0.custom.input_schema: Field required"),
            (
                &call(r#""tool_choice":{"type":"any"}"#),
                "tool_choice.any may only be specified while providing tools",
            ),
            (&call(r#""tool_choice":{"type":"tool","name":"a"}"#), "Tool 'a' not found in provided tools"),
            (
                &call(r#""thinking":{"type":"enabled","budget_tokens":9}"#),
                "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
            ),
            (&call(r#""thinking":{"type":"enabled"}"#), "thinking.enabled.budget_tokens: Field required"),
        ] {
            assert_eq!(post(body).unwrap_err().message, message, "{body}");
        }
        let thinking = r#""thinking":{"type":"enabled","budget_tokens":1024}"#;
        let at = |max: &str| post(&format!("{},{thinking}", CALL.replace('9', max)));
        assert!(at("1025").is_ok());
        assert!(
            at("1024")
                .unwrap_err()
                .message
                .starts_with("`max_tokens` must be greater than `thinking.budget_tokens`.")
        );
        let forced = r#""tools":[{"name":"a","input_schema":{}}],"tool_choice":{"type":"any"}"#;
        let message =
            post(&format!("{},{thinking},{forced}", CALL.replace('9', "2000"))).unwrap_err().message;
        assert_eq!(message, "Thinking may not be enabled when tool_choice forces tool use.");
        for body in ["", "[1]", "{"] {
            assert!(read(body.as_bytes(), &InPath::default()).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in "[{}\\[\\]\":,a-z0-9_]{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(body.as_bytes(), &InPath::default());
            let _ = read(&bytes, &InPath::default());
        }
    }
}
