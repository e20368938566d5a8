//! What is to be other than the scenario's file says: a setting, `endpoints.provisioned.capacity.units = 120`, or a
//! knob that stands for several, `load = 2`.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::diagnostic::Diagnostic;
use super::knob::{self, KNOBS, Knob};
use super::read::Found;
use super::tree::{Node, moved};
use super::{Scenario, schema};
use crate::error::nearest;
use crate::kind::{self, TAG};

/// One setting changed, or one knob turned. Knobs are turned after all settings have changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    what: What,
    /// As people write it.
    shown: String,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Knob(knob::Setting),
    /// What stands in a list goes by its `name`, or by its place from 0 on; what the file does not say yet is added.
    Setting {
        key: Vec<String>,
        /// A TOML text of one entry, `value`.
        entry: String,
    },
}

impl Change {
    /// `key = value`, where the value is TOML; what is no TOML is taken as a text, so that `7d` needs no quotes.
    pub fn new(key: &str, value: &str) -> Result<Change, String> {
        let shown = format!("{key} = {value}");
        let steps = steps(key).ok_or_else(|| {
            format!(
                "'{key}' is no setting; write such as classes.chat.timeout, with quotes where a name has dots"
            )
        })?;
        if let Some(knob) = Knob::find(&steps[0]) {
            let setting = knob.setting(&steps[1..], value).map_err(|why| format!("{shown}: {why}"))?;
            return Ok(Change { what: What::Knob(setting), shown });
        }
        let mut entry = format!("value = {value}");
        if DeTable::parse(&entry).is_err() {
            entry = format!("value = {}", toml::Value::from(value));
        }
        Ok(Change { what: What::Setting { key: steps, entry }, shown })
    }

    /// What it is set to, as people write it.
    pub fn value(&self) -> &str {
        match &self.what {
            What::Knob(_) => self.shown.rsplit_once(" = ").map_or("", |(_, value)| value),
            What::Setting { entry, .. } => entry.strip_prefix("value = ").unwrap_or(entry),
        }
    }

    /// Whether it is a change of this setting or knob, as the key is written.
    pub fn is_of(&self, key: &str) -> bool {
        self.shown.strip_prefix(key).is_some_and(|rest| rest.starts_with(" = "))
    }

    /// Turns its knob, where it is one, of a scenario that was read and not yet checked; its files are in `folder`.
    pub(super) fn turn(&self, scenario: &mut Scenario, folder: &Path) -> Found<()> {
        match &self.what {
            What::Knob(setting) => setting.apply(scenario, folder, &self.shown),
            What::Setting { .. } => Ok(()),
        }
    }

    /// Puts its setting, where it is one, into the tree of a scenario; its place is that of what it replaces, or
    /// stands in.
    pub(super) fn set<'i>(&'i self, root: &mut Spanned<DeTable<'i>>) -> Found<()> {
        let What::Setting { key, entry } = &self.what else { return Ok(()) };
        let (last, above) = key.split_last().expect("a setting has a key");
        let mut around = root.span();
        if above.is_empty() && !root.get_ref().contains_key(last.as_str()) && !schema::is_top_level(last) {
            return Err(vec![self.missing(last, "", &names_in(root.get_ref()), around)]);
        }
        let mut table = root.get_mut();
        let mut walked = String::new();
        let mut above = above.iter();
        while let Some(step) = above.next() {
            let names = names_in(table);
            let Some(node) = table.get_mut(step.as_str()) else {
                return Err(vec![self.missing(step, &walked, &names, around)]);
            };
            walked = format!("{walked}{step}.");
            around = node.span();
            let inner = match settings(node) {
                DeValue::Array(items) => {
                    let name = above.next().unwrap_or(last);
                    let names = names_of(items);
                    let Some(item) = item(items, name) else {
                        return Err(vec![self.missing(name, &walked, &names, around)]);
                    };
                    walked = format!("{walked}{name}.");
                    around = item.span();
                    settings(item)
                }
                inner => inner,
            };
            table = match inner {
                DeValue::Table(table) => table,
                other => {
                    let message =
                        format!("{}: {} is a {}", self.shown, &walked[..walked.len() - 1], other.type_str());
                    let mistake = Diagnostic::new(Some(around), message);
                    return Err(vec![mistake.help("it has no settings inside")]);
                }
            };
        }
        let at = table.get(last.as_str()).map_or(around, Spanned::span);
        let mut parsed = DeTable::parse(entry).expect("it was read when it was made").into_inner();
        kind::tag(&mut parsed);
        let mut value = parsed.remove("value").expect("it has this entry alone");
        // Amounts of money are written in quotes: a number in place of a text is one, too.
        let is_text = table.get(last.as_str()).is_some_and(|old| old.get_ref().is_str());
        if is_text && matches!(value.get_ref(), DeValue::Integer(_) | DeValue::Float(_)) {
            let text = entry.split_once('=').map_or("", |(_, text)| text.trim());
            value = Spanned::new(at.clone(), DeValue::String(text.into()));
        }
        table.insert(Spanned::new(at.clone(), last.as_str().into()), moved(value, &at));
        Ok(())
    }

    fn missing(&self, step: &str, walked: &str, names: &[String], at: Range<usize>) -> Diagnostic {
        let message = format!("{}: there is no {walked}{step} in the scenario", self.shown);
        let knobs = KNOBS.iter().filter(|_| walked.is_empty());
        let known = names.iter().map(String::as_str).chain(knobs.clone().map(|knob| knob.name));
        let meant = nearest(step, known).map(|meant| format!("did you mean '{meant}'? "));
        let help = format!("{}there are: {}", meant.unwrap_or_default(), names.join(", "));
        let forms: Vec<String> = knobs.map(Knob::form).collect();
        match forms.is_empty() {
            true => Diagnostic::new(Some(at), message).help(help),
            false => {
                Diagnostic::new(None, message).help(help).help(format!("and knobs: {}", forms.join(", ")))
            }
        }
    }
}

impl FromStr for Change {
    type Err = String;

    /// `KEY=VALUE`.
    fn from_str(text: &str) -> Result<Change, String> {
        let mut is_quoted = false;
        let equals = text.char_indices().find(|(_, letter)| {
            is_quoted ^= *letter == '"';
            *letter == '=' && !is_quoted
        });
        let Some((at, _)) = equals else {
            return Err(format!(
                "'{text}' changes nothing; write KEY=VALUE, such as classes.chat.timeout=20s"
            ));
        };
        Change::new(text[..at].trim(), text[at + 1..].trim())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Change, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Change {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Change".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[^=]+=.+$", "description": "A setting or knob and its value: \"units.ptu=100\", \"classes.chat.timeout=20s\"."})
    }
}

/// The parts of a dotted key, as TOML reads them.
fn steps(key: &str) -> Option<Vec<String>> {
    let text = format!("{key} = 0");
    let table = DeTable::parse(&text).ok()?.into_inner();
    let mut steps = Vec::new();
    let mut node = DeValue::Table(table);
    while let DeValue::Table(table) = node {
        let mut entries = table.into_iter();
        let (key, value) = entries.next()?;
        steps.push(key.into_inner().into_owned());
        node = value.into_inner();
    }
    Some(steps)
}

/// What is in a node, below its kind where it has one.
fn settings<'a, 'i>(node: &'a mut Node<'i>) -> &'a mut DeValue<'i> {
    let is_tagged = |key: &Spanned<std::borrow::Cow<'_, str>>| key.get_ref().starts_with(TAG);
    let tag = node.get_ref().as_table().and_then(|table| table.keys().find(|key| is_tagged(key)));
    let Some(tag) = tag.map(|tag| tag.get_ref().to_string()) else { return node.get_mut() };
    let DeValue::Table(table) = node.get_mut() else { unreachable!("only a table has a kind") };
    table.get_mut(tag.as_str()).expect("the tag was just found").get_mut()
}

fn item<'a, 'i>(items: &'a mut DeArray<'i>, name: &str) -> Option<&'a mut Node<'i>> {
    let names = names_of(items);
    let place = names.iter().position(|other| other == name).or_else(|| name.parse().ok())?;
    items.get_mut(place)
}

fn names_in(table: &DeTable<'_>) -> Vec<String> {
    table.keys().map(|key| key.get_ref().to_string()).collect()
}

/// The names of a list's tables: where one has none, its place.
fn names_of(items: &DeArray<'_>) -> Vec<String> {
    let name = |(place, item): (usize, &Node<'_>)| {
        let mut node = item.get_ref();
        while let Some((_, settings)) = kind::tagged(node) {
            node = settings.get_ref();
        }
        let name = node.as_table().and_then(|table| table.get("name")?.get_ref().as_str());
        name.map_or(place.to_string(), String::from)
    };
    items.iter().enumerate().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        duration = "1h"
        arrivals = { kind = "poisson", rate = 2 }
        classes = [{ name = "chat", output = { kind = "fixed", tokens = 5 } }, { name = "a.b" }]
        [[limits]]
        kind = "tokens"
        per_minute = 7
    "#;

    fn changed(change: &str) -> Result<String, String> {
        let change: Change = change.parse()?;
        let mut tree = DeTable::parse(TEXT).unwrap();
        kind::tag(tree.get_mut());
        change.set(&mut tree).map_err(|diagnostic| format!("{diagnostic:?}"))?;
        Ok(format!("{:?}", tree.get_ref()))
    }

    #[test]
    fn a_setting_is_found_by_names_by_places_and_below_kinds() {
        for (change, is_there) in [
            ("duration=7d", "\"7d\""),
            ("arrivals.rate=93", "93"),
            ("classes.chat.output.tokens=93", "93"),
            ("classes.\"a.b\".timeout=\"93s\"", "93s"),
            ("limits.0.per_minute=93", "93"),
            ("duration=93", "\"93\""),
            ("arrivals = { kind = \"closed\", clients = 93 }", "kind=closed"),
            ("seed=93", "93"),
        ] {
            let tree = changed(change).unwrap_or_else(|why| panic!("{change}: {why}"));
            assert!(tree.contains(is_there), "{change}: {tree}");
        }
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        for (change, words) in [
            ("classes.chta.timeout=1s", "did you mean 'chat'?"),
            ("clases.chat.timeout=1s", "did you mean 'classes'?"),
            ("laod=2", "did you mean 'load'?"),
            ("input_tokns.chat=2", "did you mean 'input_tokens'?"),
            ("load=none", "load[.CLASS] takes a number above 0"),
            ("load=0", "load[.CLASS] takes a number above 0"),
            ("load.chat.users=2", "is written load[.CLASS]"),
            ("units=2", "is written units.COMMITMENT"),
            ("units.ptu=1.5", "takes a whole number from 0 on"),
            ("growth.chat=2", "is written growth:"),
            ("cache_share=1.2", "takes a share from 0 to 1"),
            ("duration.long=1", "duration is a"),
            ("limits.7.per_minute=1", "there is no limits.7"),
            ("classes", "write KEY=VALUE"),
            ("a..b=1", "is no setting"),
        ] {
            let why = changed(change).expect_err(change);
            assert!(why.contains(words), "{change}: {why}");
        }
    }
}
