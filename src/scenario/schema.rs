//! The scenario's JSON Schema: for editors, and for messages that say what a key is for.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::{Map, Value};

use super::Scenario;
use super::tree::Step;

/// The schema in the dialect 2020-12, as pretty-printed JSON.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&schema()).expect("a schema is JSON");
    text.push('\n');
    text
}

/// What the schema says of one key.
pub struct Property {
    /// Its doc comment's first sentence, up to the first stop.
    pub purpose: Option<String>,
    /// A value it could have.
    pub example: String,
    /// Its values, where they can be listed.
    pub values: Vec<String>,
}

/// What is known of the key at `path`.
pub fn property(path: &[Step]) -> Option<Property> {
    let root = schema();
    let found =
        path.iter().try_fold(vec![root.as_value()], |at, step| descend(root.as_value(), &at, step))?;
    let node = *found.first()?;
    let purpose = node["description"].as_str().map(|text| {
        let sentence = text.split(['.', ';']).next().unwrap_or(text);
        sentence.trim_end_matches('.').replace('\n', " ")
    });
    Some(Property { purpose, example: example(node, path), values: values(&root, node) })
}

/// The keys that the table at `path` must have.
pub fn required(path: &[Step]) -> Vec<String> {
    let root = schema();
    let found = path.iter().try_fold(vec![root.as_value()], |at, step| descend(root.as_value(), &at, step));
    let found = found.unwrap_or_default();
    let tables = found.iter().flat_map(|node| forms(root.as_value(), node));
    let keys = tables.filter_map(|table| table["required"].as_array()).take(1).flatten();
    keys.filter_map(|key| key.as_str().filter(|key| *key != "kind").map(String::from)).collect()
}

/// Whether `key` may stand at the top of a scenario.
pub fn is_top_level(key: &str) -> bool {
    schema().as_value()["properties"].get(key).is_some()
}

fn schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_deserialize().with_transform(WithoutNull);
    settings.into_generator().into_root_schema_for::<Scenario>()
}

/// The schemas one step below any of `at`.
fn descend<'a>(root: &'a Value, at: &[&'a Value], step: &Step) -> Option<Vec<&'a Value>> {
    let forms = at.iter().flat_map(|node| forms(root, node)).collect::<Vec<_>>();
    let below = forms.iter().filter_map(|form| match step {
        Step::Index(_) => form.get("items"),
        Step::Key(key) => match step.kind() {
            Some(kind) => (form["properties"]["kind"]["const"] == kind).then_some(*form),
            None => form.get("properties")?.get(key),
        },
    });
    let below = below.collect::<Vec<_>>();
    (!below.is_empty()).then_some(below)
}

/// The schemas of which `node` may be any.
fn forms<'a>(root: &'a Value, node: &'a Value) -> Vec<&'a Value> {
    let mut forms = vec![node];
    if let Some(target) = reference(node).and_then(|name| root["$defs"].get(name)) {
        forms.extend(self::forms(root, target));
    }
    for choice in ["anyOf", "oneOf"].iter().filter_map(|key| node[key].as_array()).flatten() {
        forms.extend(self::forms(root, choice));
    }
    forms
}

fn reference(node: &Value) -> Option<&str> {
    let choice = node["anyOf"].get(0).unwrap_or(node);
    choice["$ref"].as_str()?.strip_prefix("#/$defs/")
}

fn example(node: &Value, path: &[Step]) -> String {
    let key = path.last().and_then(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Index(_) => None,
    });
    let by_key = EXAMPLES.iter().find(|(name, _)| key == Some(name)).map(|(_, example)| *example);
    let by_type = || match (reference(node), node["type"].as_str()) {
        (Some("Correlation" | "NonNegative" | "Positive" | "Shape" | "Variation"), _)
        | (_, Some("integer" | "number")) => "1",
        (Some("Money" | "Rate"), _) => "\"2.50\"",
        (Some("Share"), _) => "\"5%\"",
        (Some("Span"), _) => "\"1s\"",
        (Some(_), _) | (_, Some("object")) => "{ … }",
        (_, Some("array")) => "[…]",
        (_, Some("boolean")) => "true",
        _ => "\"…\"",
    };
    by_key.unwrap_or_else(by_type).into()
}

fn values(root: &Schema, node: &Value) -> Vec<String> {
    let lists = forms(root.as_value(), node).into_iter().flat_map(|form| {
        let list = form["enum"].as_array().into_iter().flatten();
        list.chain(form.get("const"))
    });
    lists.filter_map(|value| Some(value.as_str()?.to_string())).collect()
}

/// Values that say more than their type does.
const EXAMPLES: [(&str, &str); 13] = [
    ("arrivals", "{ kind = \"poisson\", rate = 10 }"),
    ("counts", "\"requests\""),
    ("duration", "\"5m\""),
    ("input", "{ kind = \"fixed\", tokens = 600 }"),
    ("model", "\"gpt-5.4\""),
    ("name", "\"chat\""),
    ("output", "{ kind = \"fixed\", tokens = 100 }"),
    ("price", "{ input = \"2.50\", output = \"15\" }"),
    ("provider", "\"openai\""),
    ("status", "503"),
    ("term", "\"month\""),
    ("tokens", "600"),
    ("unit", "\"ptu\""),
];

/// TOML has no null, so nothing may be one.
#[derive(Clone, Debug)]
struct WithoutNull;

impl Transform for WithoutNull {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(object) = schema.as_object_mut() {
            without_null(object);
        }
        transform_subschemas(self, schema);
    }
}

fn without_null(schema: &mut Map<String, Value>) {
    if schema.get("default").is_some_and(Value::is_null) {
        schema.shift_remove("default");
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        let before = choices.len();
        choices.retain(|choice| choice["type"] != "null");
        if let ([Value::Object(only)], true) = (choices.as_slice(), choices.len() < before) {
            let only = only.clone();
            schema.shift_remove("anyOf");
            schema.extend(only);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema_value() -> Value {
        serde_json::from_str(&text()).unwrap()
    }

    #[test]
    fn it_is_strict_described_and_names_what_must_be_there() {
        let schema = schema_value();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["additionalProperties"], false);
        let required: Vec<_> =
            schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(required, ["duration", "classes", "endpoints"]);
        for (key, property) in schema["properties"].as_object().unwrap() {
            let is_described = forms(&schema, property).iter().any(|form| form["description"].is_string());
            assert!(is_described, "{key}: {property}");
        }
    }

    #[test]
    fn a_kind_is_any_of_its_tables_and_only_kinds_without_settings_are_bare_words() {
        let schema = schema_value();
        for (name, kind, is_bare) in [
            ("AnyArrivals", "poisson", false),
            ("AnyRouter", "priority", true),
            ("AnyRetry", "exponential", true),
        ] {
            let choices = schema["$defs"][name]["anyOf"].as_array().unwrap();
            let table = choices.iter().find(|choice| choice["properties"]["kind"]["const"] == kind).unwrap();
            assert_eq!(table["additionalProperties"], false, "{name}");
            assert!(table["required"].as_array().unwrap().contains(&"kind".into()));
            let bare = choices.iter().filter_map(|choice| choice["enum"].as_array()).flatten();
            assert_eq!(bare.filter(|word| *word == kind).count() == 1, is_bare, "{name}");
        }
    }

    #[test]
    fn nothing_may_be_null() {
        assert!(!text().contains("null"));
    }

    #[test]
    fn a_key_is_found_below_kinds_and_lists() {
        let path = ["endpoints", "0", "limits", "0", "kind=requests", "per_minute"]
            .map(|step| step.parse().map_or_else(|_| Step::Key(step.into()), Step::Index));
        assert_eq!(property(&path).unwrap().example, "1");
        let provider = ["endpoints", "0", "provider"]
            .map(|step| step.parse().map_or_else(|_| Step::Key(step.into()), Step::Index));
        assert!(property(&provider).unwrap().values.contains(&"azure".to_string()));
    }
}
