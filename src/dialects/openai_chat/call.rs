//! The mock's side of a call: what its body asks for, checked as the real service checks it.

use serde::Deserialize;

use crate::dialects::counts::Chars;
use crate::dialects::fields::{Fields, Json, bad, missing, object, wrong_type};
use crate::dialects::{Bad, Generate, InPath, prompt};

/// What `body` asks for.
pub fn read(body: &[u8], path: &InPath) -> Result<Generate, Bad> {
    let body = object(body)?;
    let fields = Fields(&body);
    let model = match &path.model {
        Some(model) => model.clone(),
        None => model(&fields)?,
    };
    let chars = chars_of(&fields)?;
    let stream = match path.stream {
        Some(stream) => stream,
        None => fields.bool("stream")?.unwrap_or(false),
    };
    let options = fields.object("stream_options")?;
    if options.is_some() && !stream {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(bad(message, "stream_options", None));
    }
    let include_usage = options.map(|options| options.bool("include_usage")).transpose()?.flatten();
    let max_tokens = max_tokens(&fields)?;
    Ok(Generate {
        model,
        input_tokens: prompt::estimate(chars),
        max_tokens,
        min_tokens: min_tokens(&fields, max_tokens)?,
        stream,
        include_usage: include_usage.unwrap_or(false),
        tool: tool(&fields),
        service_tier: fields.string("service_tier")?.map(str::to_string),
        priority: fields.priority()?,
        ..Generate::default()
    })
}

/// The model that the body names.
pub fn model(fields: &Fields<'_>) -> Result<String, Bad> {
    let model = fields.string("model")?.filter(|model| !model.is_empty());
    model.map(str::to_string).ok_or_else(|| bad("you must provide a model parameter", "model", None))
}

/// Characters of all messages.
fn chars_of(fields: &Fields<'_>) -> Result<u64, Bad> {
    let messages = fields.array("messages")?.ok_or_else(|| missing("messages"))?;
    if messages.is_empty() {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1.";
        return Err(bad(message, "messages", Some("empty_array")));
    }
    let mut sum = 0u64;
    for (index, message) in messages.iter().enumerate() {
        let Json::Object(message) = message else {
            return Err(wrong_type(&format!("messages[{index}]"), "an object", message));
        };
        let message = Fields(message);
        if !message.value("role").is_some_and(Json::is_string) {
            return Err(missing(&format!("messages[{index}].role")));
        }
        let content = message.value("content").map(Chars::deserialize);
        let Chars(chars) = content.and_then(Result::ok).unwrap_or_default();
        sum = sum.saturating_add(chars);
    }
    Ok(sum)
}

fn max_tokens(fields: &Fields<'_>) -> Result<Option<u32>, Bad> {
    match (fields.count("max_completion_tokens", 1)?, fields.count("max_tokens", 1)?) {
        (Some(_), Some(_)) => {
            let message =
                "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
            Err(bad(message, "max_tokens", Some("invalid_parameter_combination")))
        }
        (max, older) => Ok(max.or(older)),
    }
}

/// Self-hosted servers know two more ways to ask for a length.
pub fn min_tokens(fields: &Fields<'_>, max_tokens: Option<u32>) -> Result<u32, Bad> {
    let min = fields.count("min_tokens", 0)?.unwrap_or(0);
    let is_full = fields.bool("ignore_eos")?.unwrap_or(false);
    let min = if is_full { max_tokens.unwrap_or(min) } else { min };
    if min > CONTEXT_MAX {
        let message = format!(
            "This model's maximum context length is {CONTEXT_MAX} tokens. However, you requested {min}."
        );
        return Err(bad(message, "max_tokens", Some("context_length_exceeded")));
    }
    Ok(min)
}

/// More tokens than this no server of today can be made to generate.
const CONTEXT_MAX: u32 = 4_194_304;

/// The tool that the answer must call: the one named, or the first of those offered where any will do.
fn tool(fields: &Fields<'_>) -> Option<String> {
    let first = || {
        let tools = fields.value("tools")?.as_array()?;
        tools.iter().find_map(|tool| named(Fields(tool.as_object()?)))
    };
    let name = match fields.value("tool_choice") {
        Some(Json::Str(choice)) if choice == "required" => first(),
        Some(Json::Object(choice)) => named(Fields(choice)),
        _ => None,
    };
    name.map(str::to_string)
}

/// The name of the function that is offered or chosen.
fn named(tool: Fields<'_>) -> Option<&str> {
    Fields(tool.value("function")?.as_object()?).value("name")?.as_str()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn post(body: &str) -> Result<Generate, Bad> {
        read(body.as_bytes(), &InPath::default())
    }

    #[test]
    fn a_call_is_read_with_all_that_matters() {
        let body = r#"{"model":"m","messages":[{"role":"system","content":"12345"},
            {"role":"user","content":[{"type":"text","text":"678"},{"type":"image_url","image_url":{}}]},
            {"role":"assistant","content":null}],
            "max_tokens":7,"stream":true,"stream_options":{"include_usage":true},"unknown":[1]}"#;
        let expected = Generate {
            model: "m".into(),
            input_tokens: 2,
            max_tokens: Some(7),
            stream: true,
            include_usage: true,
            ..Generate::default()
        };
        assert_eq!(post(body), Ok(expected));
        let short = r#"{"model":"m","messages":[{"role":"user","content":"123456789"}],"stream":null}"#;
        let expected = Generate { model: "m".into(), input_tokens: 3, ..Generate::default() };
        assert_eq!(post(short), Ok(expected));
    }

    #[test]
    fn a_bad_call_is_answered_with_the_parameter_at_fault() {
        let with =
            |field: &str| format!(r#"{{"model":"m","messages":[{{"role":"user","content":""}}],{field}}}"#);
        for (body, param, code) in [
            ("", Value::Null, Value::Null),
            ("[1]", Value::Null, Value::Null),
            (r#"{"messages":[]}"#, json!("model"), Value::Null),
            (r#"{"model":1}"#, json!("model"), json!("invalid_type")),
            (r#"{"model":"m"}"#, json!("messages"), json!("missing_required_parameter")),
            (r#"{"model":"m","messages":[]}"#, json!("messages"), json!("empty_array")),
            (r#"{"model":"m","messages":"hi"}"#, json!("messages"), json!("invalid_type")),
            (r#"{"model":"m","messages":[1]}"#, json!("messages[0]"), json!("invalid_type")),
            (
                r#"{"model":"m","messages":[{}]}"#,
                json!("messages[0].role"),
                json!("missing_required_parameter"),
            ),
            (&with(r#""stream":1"#), json!("stream"), json!("invalid_type")),
            (&with(r#""stream_options":{}"#), json!("stream_options"), Value::Null),
            (&with(r#""max_tokens":0"#), json!("max_tokens"), json!("integer_below_min_value")),
            (&with(r#""max_completion_tokens":1.5"#), json!("max_completion_tokens"), json!("invalid_type")),
            (
                &with(r#""max_completion_tokens":1,"max_tokens":1"#),
                json!("max_tokens"),
                json!("invalid_parameter_combination"),
            ),
        ] {
            let bad = post(body).unwrap_err();
            assert_eq!((json!(bad.param), json!(bad.code)), (param, code), "{body}");
            assert!(!bad.message.is_empty());
        }
    }

    #[test]
    fn what_the_path_has_said_is_not_asked_of_the_body() {
        let body = br#"{"messages":[{"role":"user","content":"1234"}]}"#;
        let path = InPath { model: Some("m".into()), stream: Some(true), ..InPath::default() };
        let expected = Generate { model: "m".into(), input_tokens: 1, stream: true, ..Generate::default() };
        assert_eq!(read(body, &path), Ok(expected));
    }

    #[test]
    fn tools_and_lengths_are_asked_for_in_every_way() {
        let with = |fields: &str| {
            post(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":""}}],{fields}}}"#)).unwrap()
        };
        let tools = r#""tools":[{"type":"function","function":{"name":"look"}}]"#;
        for (choice, tool) in [
            (r#""required""#, Some("look")),
            (r#"{"type":"function","function":{"name":"find"}}"#, Some("find")),
            (r#""auto""#, None),
            ("null", None),
        ] {
            assert_eq!(with(&format!(r#"{tools},"tool_choice":{choice}"#)).tool.as_deref(), tool);
        }
        assert_eq!(with(r#""max_tokens":9,"ignore_eos":true"#).min_tokens, 9);
        assert_eq!(with(r#""max_tokens":9,"min_tokens":3"#).min_tokens, 3);
        assert_eq!(with(r#""service_tier":"flex""#).service_tier.as_deref(), Some("flex"));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&body, &InPath::default());
        }
    }
}
