//! The mock's side of a call: what its body asks for, checked as the real service checks it.

use serde::Deserialize;

use crate::dialects::counts::Chars;
use crate::dialects::fields::{Fields, Json, bad, missing, object, wrong_type};
use crate::dialects::openai_chat::model;
use crate::dialects::{Bad, Generate, InPath, prompt};

/// What `body` asks for.
pub fn read(body: &[u8], path: &InPath) -> Result<Generate, Bad> {
    let body = object(body)?;
    let fields = Fields(&body);
    let model = path.model.clone().map_or_else(|| model(&fields), Ok)?;
    let instructions = fields.string("instructions")?.unwrap_or_default().chars().count() as u64;
    let chars = match fields.value("input") {
        None | Some(Json::Null) => return Err(missing("input")),
        Some(Json::Str(text)) => text.chars().count() as u64,
        Some(Json::Array(items)) => chars_of(items)?,
        Some(other) => return Err(wrong_type("input", "a string or an array of objects", other)),
    };
    Ok(Generate {
        model,
        input_tokens: prompt::estimate(chars.saturating_add(instructions)),
        max_tokens: fields.count("max_output_tokens", MAX_TOKENS_MIN)?,
        stream: fields.bool("stream")?.unwrap_or(false),
        tool: tool(&fields),
        service_tier: fields.string("service_tier")?.map(str::to_string),
        ..Generate::default()
    })
}

/// Characters of all items: messages, and what tools were asked and have answered.
fn chars_of(items: &[Json<'_>]) -> Result<u64, Bad> {
    if items.is_empty() {
        let message = "Invalid 'input': empty array. Expected an array with minimum length 1.";
        return Err(bad(message, "input", Some("empty_array")));
    }
    let mut sum = 0u64;
    for (index, item) in items.iter().enumerate() {
        let Json::Object(item) = item else {
            return Err(wrong_type(&format!("input[{index}]"), "an object", item));
        };
        let item = Fields(item);
        let texts = ["content", "arguments", "output"].into_iter().filter_map(|name| item.value(name));
        for text in texts {
            let Chars(chars) = Chars::deserialize(text).unwrap_or_default();
            sum = sum.saturating_add(chars);
        }
    }
    Ok(sum)
}

/// The tool that the answer must call: the one named, or the first of those offered where any will do.
fn tool(fields: &Fields<'_>) -> Option<String> {
    let first = || {
        let tools = fields.value("tools")?.as_array()?;
        tools.iter().find_map(|tool| Fields(tool.as_object()?).value("name")?.as_str())
    };
    let name = match fields.value("tool_choice")? {
        Json::Str(choice) if choice == "required" => first(),
        Json::Object(choice) => Fields(choice).value("name").and_then(Json::as_str),
        _ => None,
    };
    name.map(str::to_string)
}

/// The service takes no smaller cap.
const MAX_TOKENS_MIN: i64 = 16;
