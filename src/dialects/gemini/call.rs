//! The mock's side of a call: what its body asks for, checked as the real service checks it.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::dialects::counts::Chars;
use crate::dialects::{Bad, Generate, InPath, prompt};

/// What `body` asks for.
pub fn read(body: &[u8], path: &InPath) -> Result<Generate, Bad> {
    let body: Map<String, Value> = serde_json::from_slice(body).map_err(|_| unreadable())?;
    let body = Message { fields: &body, path: String::new() };
    let chars = chars_of(&body)?;
    let config = body.message("generationConfig", "GenerationConfig")?;
    let (tool, tool_in_pieces) = tool(&body)?;
    Ok(Generate {
        model: path.model.clone().unwrap_or_default(),
        input_tokens: prompt::estimate(chars),
        max_tokens: config.as_ref().map(max_tokens).transpose()?.flatten(),
        stream: path.stream.unwrap_or(false),
        hides_reasoning: !config.as_ref().map(shows_reasoning).transpose()?.unwrap_or(false),
        tool: tool.map(str::to_string),
        tool_in_pieces,
        service_tier: body.string("serviceTier")?.map(str::to_string),
        ..Generate::default()
    })
}

/// Characters of the contents and of the system's instruction.
fn chars_of(body: &Message<'_>) -> Result<u64, Bad> {
    let contents = body.get("contents", "Content", Value::as_array)?.filter(|contents| !contents.is_empty());
    let contents = contents.ok_or_else(|| unable("at least one contents field is required"))?;
    let mut sum = 0u64;
    for (index, content) in contents.iter().enumerate() {
        let path = format!("contents[{index}]");
        let Value::Object(fields) = content else { return Err(invalid(&path, "Content", content)) };
        let content = Message { fields, path };
        if !content.string("role")?.is_some_and(|role| matches!(role, "user" | "model" | "function")) {
            let message = "Please use a valid role: user, model.".into();
            return Err(Bad { message, param: None, code: None });
        }
        let parts = content.get("parts", "Part", Value::as_array)?.filter(|parts| !parts.is_empty());
        let parts = parts.ok_or_else(|| {
            unable("it must include at least one parts field, which describes the prompt input")
        })?;
        sum = parts.iter().map(chars).fold(sum, u64::saturating_add);
    }
    let system = body.message("systemInstruction", "Content")?;
    let parts = system.and_then(|system| system.fields.get("parts"));
    Ok(sum.saturating_add(parts.map_or(0, chars)))
}

fn chars(parts: &Value) -> u64 {
    Chars::deserialize(parts).unwrap_or_default().0
}

fn max_tokens(config: &Message<'_>) -> Result<Option<u32>, Bad> {
    let Some(max) = config.integer("maxOutputTokens")? else { return Ok(None) };
    if max < 1 {
        return Err(unable(&format!(
            "it has a maxOutputTokens value of {max} but the supported range is from 1 (inclusive) to 65537 \
             (exclusive). Update the value and try again"
        )));
    }
    Ok(Some(u32::try_from(max).unwrap_or(u32::MAX)))
}

fn shows_reasoning(config: &Message<'_>) -> Result<bool, Bad> {
    let thinking = config.message("thinkingConfig", "GenerationConfig.ThinkingConfig")?;
    let shows = thinking.map(|thinking| thinking.bool("includeThoughts")).transpose()?;
    Ok(shows.flatten().unwrap_or(false))
}

/// The tool that the answer must call, and whether its arguments come in pieces: the first that is allowed, or the
/// first of those offered where any will do.
fn tool<'a>(body: &Message<'a>) -> Result<(Option<&'a str>, bool), Bad> {
    let config = body.message("toolConfig", "ToolConfig")?;
    let config = config.map(|config| config.message("functionCallingConfig", "FunctionCallingConfig"));
    let Some(calling) = config.transpose()?.flatten() else { return Ok((None, false)) };
    let in_pieces = calling.bool("streamFunctionCallArguments")?.unwrap_or(false);
    if calling.string("mode")? != Some("ANY") {
        return Ok((None, in_pieces));
    }
    let allowed = calling.get("allowedFunctionNames", "TYPE_STRING", Value::as_array)?;
    let allowed = allowed.and_then(|names| names.iter().find_map(Value::as_str));
    let tools = body.get("tools", "Tool", Value::as_array)?.into_iter().flatten();
    let offered = tools.filter_map(|tool| find(tool.as_object()?, "functionDeclarations")?.as_array());
    let first = || offered.flatten().find_map(|function| function.get("name")?.as_str());
    Ok((allowed.or_else(first), in_pieces))
}

/// A message of protocol buffers in JSON.
struct Message<'a> {
    fields: &'a Map<String, Value>,
    /// Where the message is in the body; empty for the body itself.
    path: String,
}

impl<'a> Message<'a> {
    /// A field of the type that `read` takes, and that the service calls `type_name`.
    fn get<T>(
        &self,
        name: &str,
        type_name: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Bad> {
        let Some(value) = find(self.fields, name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| invalid(&self.path_of(name), type_name, value))
    }

    /// A field that is a message itself.
    fn message(&self, name: &str, type_name: &str) -> Result<Option<Message<'a>>, Bad> {
        let fields = self.get(name, type_name, Value::as_object)?;
        Ok(fields.map(|fields| Message { fields, path: self.path_of(name) }))
    }

    fn string(&self, name: &str) -> Result<Option<&'a str>, Bad> {
        self.get(name, "TYPE_STRING", Value::as_str)
    }

    fn bool(&self, name: &str) -> Result<Option<bool>, Bad> {
        self.get(name, "TYPE_BOOL", Value::as_bool)
    }

    /// A whole number, perhaps spelt as a text.
    fn integer(&self, name: &str) -> Result<Option<i64>, Bad> {
        self.get(name, "TYPE_INT32", |value| match value {
            Value::String(text) => text.parse().ok(),
            value => value.as_i64(),
        })
    }

    fn path_of(&self, name: &str) -> String {
        let name = snake(name);
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }
}

/// A field by either of its names, such as `maxOutputTokens` and `max_output_tokens`; null is as good as none.
fn find<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let value = fields.get(name).or_else(|| fields.get(&snake(name)));
    value.filter(|value| !value.is_null())
}

/// The name as protocol buffers have it.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn invalid(path: &str, type_name: &str, value: &Value) -> Bad {
    let is_scalar = type_name.starts_with("TYPE_");
    let package = if is_scalar { "" } else { "type.googleapis.com/google.cloud.aiplatform.v1." };
    let message = format!("Invalid value at '{path}' ({package}{type_name}), {value}");
    Bad { message, param: Some(path.into()), code: None }
}

fn unable(why: &str) -> Bad {
    let message = format!(
        "Unable to submit request because {why}. Learn more: \
         https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"
    );
    Bad { message, param: None, code: None }
}

fn unreadable() -> Bad {
    Bad { message: "Invalid JSON payload received. Unexpected token.".into(), param: None, code: None }
}
