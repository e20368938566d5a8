//! Things that come in kinds: `kind = "poisson"` in a table of the scenario picks the implementation.
//!
//! TOML readers lose the place of an error inside an internally tagged enum. So the scenario reader
//! first turns each table `{ kind = "x", … }` into `{ "kind=x" = { … } }`, keeping every span
//! ([`tag`]), and the enums made by [`kinds!`](crate::kinds) read that form. A kind that needs no settings can be
//! written as a bare string: `router = "priority"`.

use schemars::{Schema, json_schema};
use serde::de::{DeserializeSeed, Error as _};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::nearest;

/// What marks a tagged table's only key.
pub const TAG: &str = "kind=";

/// Rewrites every table with a `kind` key, at any depth, into its tagged form.
pub fn tag(table: &mut DeTable<'_>) {
    for (_, value) in table.iter_mut() {
        tag_value(value);
    }
}

/// A table's tagged form taken back: its kind's name and settings.
pub fn tagged<'a, 'i>(value: &'a DeValue<'i>) -> Option<(&'a str, &'a Spanned<DeValue<'i>>)> {
    let (key, settings) = value.as_table()?.iter().next()?;
    Some((key.get_ref().strip_prefix(TAG)?, settings))
}

fn tag_value(value: &mut Spanned<DeValue<'_>>) {
    let span = value.span();
    match value.get_mut() {
        DeValue::Array(items) => items.iter_mut().for_each(tag_value),
        DeValue::Table(table) => {
            tag(table);
            let Some(kind) = table.remove("kind") else { return };
            let name = match kind.get_ref() {
                DeValue::Boolean(flag) => flag.to_string(),
                DeValue::Integer(number) => number.as_str().into(),
                DeValue::String(name) => name.to_string(),
                other => other.type_str().into(),
            };
            let key = Spanned::new(kind.span(), format!("{TAG}{name}").into());
            let settings = Spanned::new(span, DeValue::Table(std::mem::take(table)));
            table.insert(key, settings);
        }
        _ => {}
    }
}

/// The message for a kind that does not exist, with the nearest one that does.
pub fn unknown(what: &str, kind: &str, kinds: &[&str]) -> String {
    let known = kinds.join(", ");
    match nearest(kind, kinds.iter().copied()) {
        Some(meant) => format!("{what} has no kind '{kind}'; did you mean '{meant}'? There are: {known}"),
        None => format!("{what} has no kind '{kind}'; there are: {known}"),
    }
}

/// The message for a name that nothing has, with the nearest that something has.
pub fn unnamed(what: &str, name: &str, names: &[&str]) -> String {
    let known = names.join(", ");
    match nearest(name, names.iter().copied()) {
        Some(meant) => format!("there is no {what} '{name}'; did you mean '{meant}'? There are: {known}"),
        None => format!("there is no {what} '{name}'; there are: {known}"),
    }
}

/// The message for a table that names no kind.
pub fn missing(what: &str, kinds: &[&str]) -> String {
    format!("{what} needs a kind, such as kind = \"{}\"; there are: {}", kinds[0], kinds.join(", "))
}

/// What is expected where a kind belongs.
pub fn expected(kinds: &[&str]) -> String {
    format!("a table with a kind, such as {{ kind = \"{}\", … }}; there are: {}", kinds[0], kinds.join(", "))
}

/// Reads a tagged table's key into the kind's place in the list, `None` for the key of a table without
/// a kind. That a kind is unknown is said here, and so at the kind itself and not at the table around it.
pub struct Pick {
    pub what: &'static str,
    pub kinds: &'static [&'static str],
}

impl<'de> DeserializeSeed<'de> for Pick {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        let key = String::deserialize(deserializer)?;
        let Some(kind) = key.strip_prefix(TAG) else { return Ok(None) };
        let place = self.kinds.iter().position(|known| *known == kind);
        place.map(Some).ok_or_else(|| D::Error::custom(unknown(self.what, kind, self.kinds)))
    }
}

/// Writes `settings` as a table with its `kind` first.
pub fn serialize<S: Serializer>(
    kind: &str,
    settings: &impl Serialize,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut table = Map::from_iter([("kind".to_string(), Value::from(kind))]);
    match serde_json::to_value(settings).map_err(S::Error::custom)? {
        Value::Object(fields) => table.extend(fields.into_iter().filter(|(_, value)| !value.is_null())),
        Value::Null => {}
        _ => return Err(S::Error::custom(format!("the settings of kind '{kind}' are not a table"))),
    }
    table.serialize(serializer)
}

/// Makes the enum of all kinds of a trait, from one table line each:
///
/// ```text
/// kinds! {
///     /// Doc comment.
///     pub enum AnyRouter("router"): Router {
///         Cheapest = "cheapest",
///         Priority = "priority",
///     }
/// }
/// ```
///
/// The enum dereferences to `dyn Router`, reads and writes the scenario's form, and has a JSON Schema.
#[macro_export]
macro_rules! kinds {
    ($(#[$meta:meta])* $vis:vis enum $name:ident($what:literal): $trait:ident {
        $($variant:ident = $kind:literal),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        #[allow(clippy::large_enum_variant, reason = "settings are few, and moved once")]
        $vis enum $name { $($variant($variant)),+ }

        impl $name {
            pub const KINDS: &'static [&'static str] = &[$($kind),+];

            pub fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind),+ }
            }
        }

        impl std::ops::Deref for $name {
            type Target = dyn $trait;
            fn deref(&self) -> &Self::Target {
                match self { $(Self::$variant(inner) => inner),+ }
            }
        }

        impl std::ops::DerefMut for $name {
            fn deref_mut(&mut self) -> &mut Self::Target {
                match self { $(Self::$variant(inner) => inner),+ }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                match self { $(Self::$variant(inner) => $crate::kind::serialize($kind, inner, serializer)),+ }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                struct Kinds;
                impl<'de> serde::de::Visitor<'de> for Kinds {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(&$crate::kind::expected($name::KINDS))
                    }

                    fn visit_str<E: serde::de::Error>(self, kind: &str) -> std::result::Result<$name, E> {
                        let none = std::iter::empty::<(&str, &str)>();
                        let none = serde::de::value::MapDeserializer::<_, E>::new(none);
                        match kind {
                            $($kind => serde::Deserialize::deserialize(none).map($name::$variant),)+
                            _ => Err(E::custom($crate::kind::unknown($what, kind, $name::KINDS))),
                        }
                    }

                    fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> std::result::Result<$name, M::Error> {
                        use serde::de::Error as _;
                        let pick = $crate::kind::Pick { what: $what, kinds: $name::KINDS };
                        match map.next_key_seed(pick)?.flatten().map(|place| $name::KINDS[place]) {
                            $(Some($kind) => map.next_value().map($name::$variant),)+
                            _ => Err(M::Error::custom($crate::kind::missing($what, $name::KINDS))),
                        }
                    }
                }
                deserializer.deserialize_any(Kinds)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $crate::kind::schema([
                    $(($kind, <$variant as schemars::JsonSchema>::json_schema(generator))),+
                ])
            }
        }
    };
}

/// The schema of any of the kinds: a table with its `kind`, or the bare name of one that needs no settings.
pub fn schema(kinds: impl IntoIterator<Item = (&'static str, Schema)>) -> Schema {
    let mut forms = Vec::new();
    let mut bare = Vec::new();
    for (kind, mut settings) in kinds {
        let table = settings.ensure_object();
        table.entry("title").or_insert_with(|| kind.into());
        table.insert("type".into(), "object".into());
        table.insert("additionalProperties".into(), false.into());
        if let Value::Object(fields) = table.entry("properties").or_insert_with(|| Map::new().into()) {
            fields.insert("kind".into(), json!({"const": kind}));
        }
        let is_choice = table.contains_key("oneOf");
        let required = table.entry("required").or_insert_with(|| Vec::<Value>::new().into());
        if let Value::Array(required) = required {
            if required.is_empty() && !is_choice {
                bare.push(kind);
            }
            required.push("kind".into());
        }
        forms.push(settings.to_value());
    }
    if !bare.is_empty() {
        forms.push(json!({"title": "a kind that needs no settings", "type": "string", "enum": bare}));
    }
    json_schema!({"anyOf": forms})
}
