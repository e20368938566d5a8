//! What token endpoints are told and answer.

use bytes::Bytes;
use http::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// What a refusal says, with the service's own code for it and none of its prose, which may hold what was sent.
pub(super) fn refusal(host: &str, answer: &Response<Bytes>) -> String {
    let code = code(answer.body()).map(|code| format!(" {code}")).unwrap_or_default();
    format!("{host} answered {}{code}", answer.status().as_u16())
}

/// OAuth's `error`, Google's `error.status`, AWS's `Code` or `__type`, with Entra's `AADSTS…` number.
fn code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let is_code = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let fits = |code: &&str| (1..=CODE_LENGTH_MAX).contains(&code.len()) && code.chars().all(is_code);
    let Ok(json) = serde_json::from_str::<serde_json::Value>(text) else {
        let code = text.split_once("<Code>")?.1.split_once("</Code>")?.0;
        return Some(code).filter(fits).map(str::to_string);
    };
    let places = [&json["error"], &json["error"]["status"], &json["Code"], &json["code"], &json["__type"]];
    let code = places.into_iter().filter_map(|place| place.as_str()).find(fits)?;
    let entra = json["error_description"].as_str().filter(|said| said.starts_with("AADSTS"));
    let number = entra.map(|said| said.chars().take_while(|c| c.is_ascii_alphanumeric()).take(16).collect());
    let number: String = number.unwrap_or_default();
    Some(if number.is_empty() { code.to_string() } else { format!("{code} {number}") })
}

const CODE_LENGTH_MAX: usize = 48;

/// The fields as a form's body or a query.
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let pair =
        |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    fields.iter().map(pair).collect::<Vec<_>>().join("&")
}
