//! The mock's side of a call: what it asks for, checked as the real service checks it.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::chunk::Chars;
use super::refusal::Problem;
use crate::dialects::{Answer, Asked, Call, Generate, prompt};

/// What `call` asks for, or the service's own answer to a call it does not understand. The paths may
/// stand behind `/v1` or not. Any model name is accepted.
pub fn read(call: &Call<'_>) -> Result<Asked, Answer> {
    let path = call.path.split('?').next().unwrap_or_default();
    let short = path.strip_prefix("/v1").unwrap_or(path);
    let method = match short {
        "/chat/completions" => Method::POST,
        "/models" => Method::GET,
        _ if short.starts_with("/models/") => Method::GET,
        _ => return Err(invalid(404, &format!("Invalid URL ({} {path})", call.method), None, None)),
    };
    check_key(call)?;
    if *call.method != method {
        let message =
            format!("Not allowed to {} on {path}. (HINT: Perhaps you meant to {method}?)", call.method);
        return Err(invalid(405, &message, None, Some("method_not_supported")));
    }
    match short.strip_prefix("/models") {
        None => read_body(call.body).map(Asked::Generate),
        Some("") => Ok(Asked::Answer(answer(200, &json!({"object": "list", "data": [model(call.model)]})))),
        Some(name) if name[1..] == *call.model => Ok(Asked::Answer(answer(200, &model(call.model)))),
        Some(name) => {
            let message = format!("The model '{}' does not exist", &name[1..]);
            Err(invalid(404, &message, Some("model"), Some("model_not_found")))
        }
    }
}

fn check_key(call: &Call<'_>) -> Result<(), Answer> {
    let Some(key) = call.key else { return Ok(()) };
    let shown = call.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    match shown.map(|shown| shown.strip_prefix(b"Bearer ").unwrap_or_default()) {
        None => Err(invalid(401, "You didn't provide an API key.", None, None)),
        Some(shown) if shown == key.as_bytes() => Ok(()),
        Some(_) => Err(invalid(401, "Incorrect API key provided.", None, Some("invalid_api_key"))),
    }
}

fn read_body(body: &[u8]) -> Result<Generate, Answer> {
    let Ok(body) = serde_json::from_slice::<Map<String, Value>>(body) else {
        let message = "We could not parse the JSON body of your request. The API expects a JSON object.";
        return Err(invalid(400, message, None, None));
    };
    let fields = Fields(&body);
    let model = fields.get("model", "a string", Value::as_str)?;
    let model = model.filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| bad("you must provide a model parameter", "model", None))?;
    let chars = chars_of(&fields)?;
    let stream = fields.get("stream", "a boolean", Value::as_bool)?.unwrap_or(false);
    let options = fields.get("stream_options", "an object", Value::as_object)?;
    if options.is_some() && !stream {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(bad(message, "stream_options", None));
    }
    let include_usage = match options {
        Some(options) => Fields(options).get("include_usage", "a boolean", Value::as_bool)?.unwrap_or(false),
        None => false,
    };
    Ok(Generate {
        model: model.into(),
        input_tokens: prompt::estimate(chars),
        max_tokens: max_tokens(&fields)?,
        stream,
        include_usage,
    })
}

/// Characters of all messages.
fn chars_of(fields: &Fields<'_>) -> Result<u64, Answer> {
    let messages = fields.get("messages", "an array of objects", Value::as_array)?;
    let messages = messages.ok_or_else(|| missing("messages"))?;
    if messages.is_empty() {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1.";
        return Err(bad(message, "messages", Some("empty_array")));
    }
    let mut sum = 0u64;
    for (index, message) in messages.iter().enumerate() {
        let Value::Object(message) = message else {
            return Err(wrong_type(&format!("messages[{index}]"), "an object", message));
        };
        if !message.get("role").is_some_and(Value::is_string) {
            return Err(missing(&format!("messages[{index}].role")));
        }
        let content = message.get("content").map(Chars::deserialize);
        let Chars(chars) = content.and_then(Result::ok).unwrap_or_default();
        sum = sum.saturating_add(chars);
    }
    Ok(sum)
}

fn max_tokens(fields: &Fields<'_>) -> Result<Option<u32>, Answer> {
    let mut found = None;
    for name in ["max_completion_tokens", "max_tokens"] {
        let Some(max) = fields.get(name, "an integer", |value| value.as_i64())? else { continue };
        if max < 1 {
            let message = format!(
                "Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {max} instead."
            );
            return Err(bad(&message, name, Some("integer_below_min_value")));
        }
        if found.is_some() {
            let message =
                "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
            return Err(bad(message, name, Some("invalid_parameter_combination")));
        }
        found = Some(u32::try_from(max).unwrap_or(u32::MAX));
    }
    Ok(found)
}

/// The fields of an object; null is as good as none.
struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn get<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Answer> {
        let Some(value) = self.0.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| wrong_type(name, expected, value))
    }
}

fn wrong_type(param: &str, expected: &str, value: &Value) -> Answer {
    let got = match value {
        Value::Array(_) => "an array",
        Value::Bool(_) => "a boolean",
        Value::Null => "null",
        Value::Number(_) => "a number",
        Value::Object(_) => "an object",
        Value::String(_) => "a string",
    };
    let message = format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
    bad(&message, param, Some("invalid_type"))
}

fn missing(param: &str) -> Answer {
    bad(&format!("Missing required parameter: '{param}'."), param, Some("missing_required_parameter"))
}

fn bad(message: &str, param: &str, code: Option<&str>) -> Answer {
    invalid(400, message, Some(param), code)
}

fn invalid(status: u16, message: &str, param: Option<&str>, code: Option<&str>) -> Answer {
    answer(status, &Problem { message, kind: "invalid_request_error", param, code }.to_json())
}

fn answer(status: u16, body: &Value) -> Answer {
    let headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Answer { status, headers, body: body.to_string().into() }
}

fn model(name: &str) -> Value {
    json!({"id": name, "object": "model", "created": 0, "owned_by": "tollgate"})
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use proptest::prelude::*;

    use super::*;

    fn call(method: Method, path: &str, body: &[u8], shown: Option<&str>) -> Result<Asked, Answer> {
        let mut headers = HeaderMap::new();
        headers.extend(shown.map(|shown| (AUTHORIZATION, HeaderValue::from_str(shown).unwrap())));
        let key = shown.map(|_| "sk-1");
        read(&Call { method: &method, path, headers: &headers, body, model: "gpt", key })
    }

    fn post(body: &str) -> Result<Generate, (u16, Value)> {
        match call(Method::POST, "/v1/chat/completions", body.as_bytes(), None) {
            Ok(Asked::Generate(generate)) => Ok(generate),
            Ok(Asked::Answer(answer)) => panic!("{answer:?}"),
            Err(answer) => Err((answer.status, serde_json::from_slice(&answer.body).unwrap())),
        }
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
        };
        assert_eq!(post(body), Ok(expected));
        let short = r#"{"model":"m","messages":[{"role":"user","content":"123456789"}],"stream":null}"#;
        let expected = Generate {
            model: "m".into(),
            input_tokens: 3,
            max_tokens: None,
            stream: false,
            include_usage: false,
        };
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
            let (status, answer) = post(body).unwrap_err();
            let error = &answer["error"];
            assert_eq!((status, &error["param"], &error["code"]), (400, &param, &code), "{body}");
            assert_eq!(error["type"], "invalid_request_error");
            assert!(error["message"].is_string());
        }
    }

    #[test]
    fn paths_methods_and_keys_are_checked() {
        let status = |method: Method, path: &str, shown: Option<&str>| match call(method, path, b"{}", shown)
        {
            Ok(Asked::Answer(answer)) | Err(answer) => answer.status,
            Ok(Asked::Generate(generate)) => panic!("{generate:?}"),
        };
        for (method, path, shown, expected) in [
            (Method::GET, "/v1/models", None, 200),
            (Method::GET, "/models?limit=1", None, 200),
            (Method::GET, "/models/gpt", None, 200),
            (Method::GET, "/models/other", None, 404),
            (Method::GET, "/modelsgpt", None, 404),
            (Method::POST, "/v1/completions", None, 404),
            (Method::GET, "/v1/chat/completions", None, 405),
            (Method::POST, "/chat/completions", None, 400),
            (Method::POST, "/chat/completions", Some("Bearer sk-1"), 400),
            (Method::POST, "/chat/completions", Some("Bearer sk-12"), 401),
            (Method::POST, "/chat/completions", Some("sk-1"), 401),
        ] {
            assert_eq!(status(method.clone(), path, shown), expected, "{method} {path} {shown:?}");
        }
        let headers = HeaderMap::new();
        let (method, key) = (Method::GET, Some("sk-1"));
        let call = Call { method: &method, path: "/models", headers: &headers, body: b"", model: "gpt", key };
        assert_eq!(read(&call).unwrap_err().status, 401);
    }

    proptest! {
        #[test]
        fn no_call_makes_it_panic(path in "(/v1)?/(models|chat/completions|x)?(/|é|[?])?.{0,4}",
                                  body in prop::collection::vec(any::<u8>(), 0..60)) {
            for method in [Method::GET, Method::POST] {
                let _ = call(method, &path, &body, None);
            }
        }
    }
}
