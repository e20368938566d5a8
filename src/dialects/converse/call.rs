//! The mock's side of a call: what its body asks for, checked as the real service checks it.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::dialects::counts::Chars;
use crate::dialects::{Bad, Generate, InPath, prompt};

/// What `body` asks for.
pub fn read(body: &[u8], path: &InPath) -> Result<Generate, Bad> {
    let body: Map<String, Value> = serde_json::from_slice(body).map_err(|_| malformed())?;
    let chars = messages(&body)?.saturating_add(system(&body)?);
    let service_tier = body.get("serviceTier").and_then(|tier| tier.get("type")).and_then(Value::as_str);
    if let Some(tier) = service_tier.filter(|tier| !SERVICE_TIERS.contains(tier)) {
        return Err(unfit(tier, "serviceTier.type", &one_of(&SERVICE_TIERS)));
    }
    Ok(Generate {
        model: path.model.clone().unwrap_or_default(),
        input_tokens: prompt::estimate(chars),
        max_tokens: max_tokens(&body)?,
        stream: path.stream.unwrap_or(false),
        tool: tool(&body),
        service_tier: service_tier.map(str::to_string),
        ..Generate::default()
    })
}

/// Characters of all messages.
fn messages(body: &Map<String, Value>) -> Result<u64, Bad> {
    let messages = list(body.get("messages"))?;
    let mut sum = 0u64;
    for (at, message) in messages.iter().enumerate() {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        if !ROLES.contains(&role) {
            return Err(unfit(role, &format!("messages.{}.member.role", at + 1), &one_of(&ROLES)));
        }
        if at == 0 && role != "user" {
            return Err(no_start());
        }
        let content = list(message.get("content"))?;
        if content.is_empty() {
            return Err(bad(format!(
                "The content field in the Message object at messages.{at} is empty. Add a ContentBlock object to \
                 the content field and try again."
            )));
        }
        for (nth, block) in content.iter().enumerate() {
            if block.get("text").and_then(Value::as_str).is_some_and(|text| text.trim().is_empty()) {
                return Err(bad(format!(
                    "The text field in the ContentBlock object at messages.{at}.content.{nth} is blank. Add text \
                     to the text field, and try again."
                )));
            }
            sum = sum.saturating_add(chars(block));
        }
    }
    if messages.is_empty() { Err(no_start()) } else { Ok(sum) }
}

/// Characters of a block: its text, what a tool was given, and what it gave back.
fn chars(block: &Value) -> u64 {
    let texts =
        [Some(block), block.pointer("/toolResult/content"), block.pointer("/reasoningContent/reasoningText")];
    let texts = texts.into_iter().flatten().map(|text| Chars::deserialize(text).unwrap_or_default().0);
    let input = block.pointer("/toolUse/input").map_or(0, |input| input.to_string().len() as u64);
    texts.fold(input, u64::saturating_add)
}

fn system(body: &Map<String, Value>) -> Result<u64, Bad> {
    let blocks = list(body.get("system"))?;
    Ok(blocks.iter().map(chars).fold(0, u64::saturating_add))
}

fn max_tokens(body: &Map<String, Value>) -> Result<Option<u32>, Bad> {
    let max = body.get("inferenceConfig").and_then(|config| config.get("maxTokens"));
    let Some(max) = max.filter(|max| !max.is_null()) else { return Ok(None) };
    let number = max.as_i64().ok_or_else(malformed)?;
    if number < 1 {
        let constraint = "Member must have value greater than or equal to 1";
        return Err(unfit(&number.to_string(), "inferenceConfig.maxTokens", constraint));
    }
    Ok(Some(u32::try_from(number).unwrap_or(u32::MAX)))
}

/// The tool that the answer must call: the one named, or the first of those offered where any will do.
fn tool(body: &Map<String, Value>) -> Option<String> {
    let config = body.get("toolConfig")?;
    let choice = config.get("toolChoice")?;
    let name = match choice.get("any") {
        Some(_) => config.get("tools")?.as_array()?.iter().find_map(|tool| tool.pointer("/toolSpec/name")),
        None => choice.pointer("/tool/name"),
    };
    Some(name?.as_str()?.to_string())
}

/// A field's list; none is an empty one.
fn list(value: Option<&Value>) -> Result<&[Value], Bad> {
    match value {
        None | Some(Value::Null) => Ok(&[]),
        Some(value) => Ok(value.as_array().ok_or_else(malformed)?),
    }
}

/// A body that is none, or has a field of another type.
pub fn malformed() -> Bad {
    bad("Malformed input request, please reformat your input and try again.")
}

fn no_start() -> Bad {
    bad(
        "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
    )
}

/// A value that the service's model does not allow.
fn unfit(value: &str, field: &str, constraint: &str) -> Bad {
    bad(format!(
        "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {constraint}"
    ))
}

fn one_of(values: &[&str]) -> String {
    format!("Member must satisfy enum value set: [{}]", values.join(", "))
}

fn bad(message: impl Into<String>) -> Bad {
    Bad { message: message.into(), param: None, code: None }
}

const ROLES: [&str; 2] = ["user", "assistant"];
const SERVICE_TIERS: [&str; 4] = ["priority", "default", "flex", "reserved"];
