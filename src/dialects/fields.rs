//! The fields of a body that reached the mock, with OpenAI's words for what is wrong with one.

use serde_json::{Map, Value};

use super::Bad;

/// The fields of an object; null is as good as none.
pub struct Fields<'a>(pub &'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// A field of the type that `read` takes; `expected` names it, such as "a string".
    pub fn get<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Bad> {
        let Some(value) = self.0.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| wrong_type(name, expected, value))
    }

    pub fn bool(&self, name: &str) -> Result<Option<bool>, Bad> {
        self.get(name, "a boolean", Value::as_bool)
    }

    pub fn string(&self, name: &str) -> Result<Option<&'a str>, Bad> {
        self.get(name, "a string", Value::as_str)
    }

    pub fn array(&self, name: &str) -> Result<Option<&'a Vec<Value>>, Bad> {
        self.get(name, "an array of objects", Value::as_array)
    }

    pub fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Bad> {
        Ok(self.get(name, "an object", Value::as_object)?.map(Fields))
    }

    /// The order among calls that wait, which self-hosted servers take; 0, where it is not given.
    pub fn priority(&self) -> Result<i32, Bad> {
        let read = |value: &Value| value.as_i64().and_then(|number| i32::try_from(number).ok());
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
pub fn object(body: &[u8]) -> Result<Map<String, Value>, Bad> {
    serde_json::from_slice(body).map_err(|_| Bad {
        message: "We could not parse the JSON body of your request. The API expects a JSON object.".into(),
        param: None,
        code: None,
    })
}

pub fn wrong_type(param: &str, expected: &str, value: &Value) -> Bad {
    let got = match value {
        Value::Array(_) => "an array",
        Value::Bool(_) => "a boolean",
        Value::Null => "null",
        Value::Number(_) => "a number",
        Value::Object(_) => "an object",
        Value::String(_) => "a string",
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
