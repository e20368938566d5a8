//! The fields of a body that reached the mock, with OpenAI's words for what is wrong with one.

use serde_json_borrow::{ObjectAsVec, Value};

use super::Bad;
use super::json::parse;

/// A value whose texts lie in the body that it was read from.
pub type Json<'a> = Value<'a>;

/// An object of such values.
pub type Object<'a> = ObjectAsVec<'a>;

/// The fields of an object; null is as good as none.
#[derive(Clone, Copy)]
pub struct Fields<'a>(pub &'a Object<'a>);

impl<'a> Fields<'a> {
    /// A field as it is. Of fields of one name the last counts, as in a map.
    pub fn value(&self, name: &str) -> Option<&'a Json<'a>> {
        self.0.as_vec().iter().rfind(|(known, _)| **known == *name).map(|(_, value)| value)
    }

    /// A field of the type that `read` takes; `expected` names it, such as "a string".
    pub fn get<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl Fn(&'a Json<'a>) -> Option<T>,
    ) -> Result<Option<T>, Bad> {
        let Some(value) = self.value(name).filter(|value| !value.is_null()) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| wrong_type(name, expected, value))
    }

    pub fn bool(&self, name: &str) -> Result<Option<bool>, Bad> {
        self.get(name, "a boolean", Json::as_bool)
    }

    pub fn string(&self, name: &str) -> Result<Option<&'a str>, Bad> {
        self.get(name, "a string", Json::as_str)
    }

    pub fn array(&self, name: &str) -> Result<Option<&'a [Json<'a>]>, Bad> {
        self.get(name, "an array of objects", Json::as_array)
    }

    pub fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Bad> {
        Ok(self.get(name, "an object", Json::as_object)?.map(Fields))
    }

    /// The order among calls that wait, which self-hosted servers take; 0, where it is not given.
    pub fn priority(&self) -> Result<i32, Bad> {
        let read = |value: &Json<'_>| value.as_i64().and_then(|number| i32::try_from(number).ok());
        Ok(self.get("priority", "an integer", read)?.unwrap_or_default())
    }

    /// A whole number of at least `min`; above what we can count, the most we can.
    pub fn count(&self, name: &str, min: i64) -> Result<Option<u32>, Bad> {
        let Some(number) = self.get(name, "an integer", |value| value.as_i64())? else { return Ok(None) };
        if number < min {
            let message = format!(
                "Invalid '{name}': integer below minimum value. Expected a value >= {min}, but got {number} instead."
            );
            return Err(bad(message, name, Some("integer_below_min_value")));
        }
        Ok(Some(u32::try_from(number).unwrap_or(u32::MAX)))
    }
}

/// The body as an object.
pub fn object(body: &[u8]) -> Result<Object<'_>, Bad> {
    match parse(body) {
        Ok(Json::Object(object)) => Ok(object),
        _ => Err(Bad {
            message: "We could not parse the JSON body of your request. The API expects a JSON object."
                .into(),
            param: None,
            code: None,
        }),
    }
}

pub fn wrong_type(param: &str, expected: &str, value: &Json<'_>) -> Bad {
    let got = match value {
        Json::Array(_) => "an array",
        Json::Bool(_) => "a boolean",
        Json::Null => "null",
        Json::Number(_) => "a number",
        Json::Object(_) => "an object",
        Json::Str(_) => "a string",
    };
    let message = format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
    bad(message, param, Some("invalid_type"))
}

pub fn missing(param: &str) -> Bad {
    bad(format!("Missing required parameter: '{param}'."), param, Some("missing_required_parameter"))
}

pub fn bad(message: impl Into<String>, param: &str, code: Option<&'static str>) -> Bad {
    Bad { message: message.into(), param: Some(param.into()), code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_fields_of_one_name_the_last_counts_and_null_is_as_good_as_none() {
        let body = object(br#"{"a":1,"b":{"c":"\u0041"},"a":2,"d":null}"#).unwrap();
        let fields = Fields(&body);
        assert_eq!(fields.count("a", 0), Ok(Some(2)));
        assert_eq!(fields.object("b").unwrap().unwrap().string("c"), Ok(Some("A")));
        assert_eq!(fields.string("d"), Ok(None));
        assert_eq!(fields.value("d"), Some(&Json::Null));
        assert_eq!(
            fields.bool("a").unwrap_err().message,
            "Invalid type for 'a': expected a boolean, but got a number instead."
        );
    }

    #[test]
    fn what_is_no_object_is_no_body() {
        for body in ["", "[1]", "null", "{", "{\"a\":1}x"] {
            assert!(object(body.as_bytes()).is_err(), "{body}");
        }
    }
}
