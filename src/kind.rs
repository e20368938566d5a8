//! Things that come in kinds: `kind = "poisson"` in a table of the scenario picks the implementation.
//!
//! TOML readers lose the place of an error inside an internally tagged enum. So the scenario reader
//! first turns each table `{ kind = "x", … }` into `{ "kind=x" = { … } }`, keeping every span
//! ([`tag`]), and the enums made by [`kinds!`] read that form. A kind that needs no settings can be
//! written as a bare string: `router = "priority"`.

use serde::de::{DeserializeSeed, Error as _};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::nearest;

/// What marks a tagged table's only key.
pub const TAG: &str = "kind=";

/// Rewrites every table with a textual `kind` key, at any depth, into its tagged form.
pub fn tag(table: &mut DeTable<'_>) {
    for (_, value) in table.iter_mut() {
        tag_value(value);
    }
}

fn tag_value(value: &mut Spanned<DeValue<'_>>) {
    let span = value.span();
    match value.get_mut() {
        DeValue::Array(items) => items.iter_mut().for_each(tag_value),
        DeValue::Table(table) => {
            tag(table);
            let Some(kind) = table.get("kind").filter(|kind| kind.get_ref().is_str()) else { return };
            let key = format!("{TAG}{}", kind.get_ref().as_str().unwrap_or_default());
            let key = Spanned::new(kind.span(), key.into());
            table.remove("kind");
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

/// The message for a table that names no kind.
pub fn missing(what: &str, kinds: &[&str]) -> String {
    format!("{what} needs a kind, such as kind = \"{}\"; there are: {}", kinds[0], kinds.join(", "))
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
                        f.write_str(&$crate::kind::missing($what, $name::KINDS))
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
                        // The key is checked as it is read, so that the error points at it.
                        let kind = map.next_key_seed($crate::kind::Tagged { what: $what, kinds: $name::KINDS })?;
                        match kind {
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
                let kinds = [$($crate::kind::schema($kind, <$variant as schemars::JsonSchema>::json_schema(generator))),+];
                let names = schemars::json_schema!({"type": "string", "enum": Self::KINDS});
                schemars::json_schema!({"anyOf": kinds.into_iter().chain([names]).collect::<Vec<_>>()})
            }
        }
    };
}

/// Reads the key of a tagged table: one of the kinds.
pub struct Tagged {
    pub what: &'static str,
    pub kinds: &'static [&'static str],
}

impl<'de> DeserializeSeed<'de> for Tagged {
    type Value = &'static str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'static str, D::Error> {
        let key = String::deserialize(deserializer)?;
        let kind = key.strip_prefix(TAG).ok_or_else(|| D::Error::custom(missing(self.what, self.kinds)))?;
        let known = self.kinds.iter().find(|known| **known == kind);
        known.copied().ok_or_else(|| D::Error::custom(unknown(self.what, kind, self.kinds)))
    }
}

/// A kind's own schema with its `kind` required.
pub fn schema(kind: &str, mut settings: schemars::Schema) -> schemars::Schema {
    let object = settings.ensure_object();
    object.insert("type".into(), "object".into());
    let properties = object.entry("properties").or_insert_with(|| Map::new().into());
    if let Value::Object(fields) = properties {
        fields.insert("kind".into(), serde_json::json!({"const": kind}));
    }
    if let Value::Array(required) = object.entry("required").or_insert_with(|| Vec::<Value>::new().into()) {
        required.push("kind".into());
    }
    settings
}
