//! What the TOML and type readers report, in people's terms.

use toml::de::{DeTable, DeValue, Error};

use super::diagnostic::Diagnostic;
use super::schema;
use super::tree::{self, Node, Step};
use crate::error::nearest;
use crate::kind::TAG;

/// A mistake in the TOML itself.
pub fn syntax(error: &Error, text: &str) -> Diagnostic {
    let (message, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), ""));
    let found = error.span().and_then(|span| text.get(span)).unwrap_or_default();
    let diagnostic = Diagnostic::new(error.span(), format!("this is not TOML: {message}"));
    match message {
        "string values must be quoted" if found.is_empty() => {
            Diagnostic::new(error.span(), "this is not TOML: a key without a value").label("the value belongs here")
        }
        "string values must be quoted" => diagnostic
            .label("text without quotes")
            .help(format!(
                "write \"{}\", in straight quotes (only numbers, true and false stand without)",
                found.trim_matches(['“', '”', '„', '‘', '’', '«', '»'])
            )),
        "invalid basic string" | "invalid literal string" if found.is_empty() => {
            diagnostic.label("the closing quote is missing")
        }
        "invalid unquoted key" if found == ":" => diagnostic.help("write key = value, with = and not :"),
        "missing escaped value" => diagnostic.help("write \\\\ for one backslash, or put the text in '…'"),
        "invalid boolean" => diagnostic.help("write true or false, in small letters"),
        "duplicate key" => diagnostic.label("this is already there").help(
            "a key or [table] comes once; for several classes or endpoints write [[classes]] and [[endpoints]]",
        ),
        "key with no value" => diagnostic.help("write key = value, with = between them"),
        "unexpected key or value" => diagnostic.label("the line should end here"),
        _ if expected.is_empty() || expected == "nothing" => diagnostic,
        _ => diagnostic.label(format!("expected {expected}")),
    }
}

/// A value that is not what its key asks for; `path` leads to where the error stands. `None` where all
/// that is wrong `is_settled`: keys whose absence has been explained.
pub fn shape(
    error: &Error,
    root: &DeTable<'_>,
    path: &[Step],
    is_settled: impl Fn(&str) -> bool,
) -> Option<Diagnostic> {
    let message = error.message().trim_end();
    let (about, known) = message.split_once(", expected ").unwrap_or((message, ""));
    let subject = Subject { root, path, at: error.span(), node: tree::get(root, path) };
    if let Some(keys) = about.strip_prefix("missing field ") {
        return subject.missing_keys(&quoted(keys), is_settled);
    }
    if let Some(key) = about.strip_prefix("unknown field ").and_then(first_quoted) {
        return Some(subject.unknown_key(key, &quoted(known)));
    }
    if let Some(value) = about.strip_prefix("unknown variant ").and_then(first_quoted) {
        return Some(subject.unknown_value(value, &quoted(known)));
    }
    if about.starts_with("invalid type") || about.starts_with("invalid value") {
        return Some(subject.wrong_type(known));
    }
    if about == "wanted string or table" {
        let values = schema::property(path).map(|property| property.values.join(", ")).unwrap_or_default();
        return Some(subject.wrong_type(&format!("one word in quotes; there are: {values}")));
    }
    Some(subject.said(message))
}

/// The key that was meant by an unknown one.
pub fn meant(error: &Error) -> Option<&str> {
    let (about, known) = error.message().strip_prefix("unknown field ")?.split_once(", expected ")?;
    nearest(first_quoted(about)?, quoted(known))
}

/// What an error is about.
struct Subject<'a, 'i> {
    root: &'a DeTable<'i>,
    path: &'a [Step],
    at: Option<std::ops::Range<usize>>,
    node: Option<&'a Node<'i>>,
}

impl Subject<'_, '_> {
    fn unknown_key(&self, key: &str, known: &[&str]) -> Diagnostic {
        let above = self.path.split_last().map_or(self.path, |(_, above)| above);
        let place = place(self.root, above);
        let key = if key.starts_with(TAG) { "kind" } else { key };
        let diagnostic = Diagnostic::new(self.at.clone(), format!("unknown key `{key}` in {place}"));
        let diagnostic = match nearest(key, known.iter().copied()) {
            Some(meant) => diagnostic.label(format!("did you mean `{meant}`?")),
            None => diagnostic.label("not known here"),
        };
        let diagnostic = match known {
            [] => diagnostic.help("no settings are known here; remove it"),
            known => diagnostic.help(format!("known here: {}", known.join(", "))),
        };
        if !above.is_empty() && schema::is_top_level(key) && nearest(key, known.iter().copied()).is_none() {
            return diagnostic
                .help(format!("`{key}` belongs at the top of the file, above the first [table]"));
        }
        diagnostic
    }

    /// The first of `choices`, in whose place any other would do, and whatever else is missing beside it, but for what
    /// `is_settled`; `None` if that is all.
    fn missing_keys(&self, choices: &[&str], is_settled: impl Fn(&str) -> bool) -> Option<Diagnostic> {
        let (first, others) = choices.split_first()?;
        let is_whole = self.at.as_ref().is_none_or(|at| at.is_empty());
        let (path, node) = if is_whole { (&[][..], None) } else { (self.path, self.node) };
        let bare = node.and_then(|node| node.get_ref().as_str());
        let mut table = path.to_vec();
        table.extend(bare.map(|kind| Step::Key(format!("{TAG}{kind}"))));
        let is_there = |key: &str| match node.map(|node| node.get_ref()) {
            Some(value) => value.as_table().is_some_and(|table| table.contains_key(key)),
            None => self.root.contains_key(key),
        };
        let mut keys = schema::required(&table);
        if !keys.iter().any(|key| key == first) {
            keys.push((*first).into());
        }
        let is_chosen = |key: &str| key == *first && others.iter().any(|other| is_settled(other));
        keys.retain(|key| !is_there(key) && !is_settled(key) && !is_chosen(key));
        if keys.is_empty() {
            return None;
        }
        let or = others.iter().map(|other| format!(" or `{other}`")).collect::<String>();
        let name = |key: &String| format!("`{key}`{}", if key == first { &or } else { "" });
        let names = keys.iter().map(name).collect::<Vec<_>>().join(", ");
        let verb = if keys.len() > 1 { "are" } else { "is" };
        let message = format!("{names} {verb} missing in {}", place(self.root, path));
        let diagnostic = Diagnostic::new(self.at.clone().filter(|_| !is_whole), message);
        if let Some(kind) = bare {
            let settings = keys.iter().map(|key| assignment(&table, key).0).collect::<Vec<_>>().join(", ");
            let help = format!("write {{ kind = \"{kind}\", {settings} }}");
            return Some(diagnostic.label(format!("kind \"{kind}\" needs settings")).help(help));
        }
        let place = if is_whole { " at the top of the file, above the first [table]" } else { "" };
        let diagnostic = diagnostic.label(format!("this needs {names}"));
        Some(keys.iter().fold(diagnostic, |diagnostic, key| match key.as_str() {
            "classes" | "endpoints" => diagnostic.help(format!("add at least one [[{key}]] table")),
            key => {
                let (assignment, purpose) = assignment(&table, key);
                diagnostic.help(format!("add `{assignment}`{place}{purpose}"))
            }
        }))
    }

    fn unknown_value(&self, value: &str, known: &[&str]) -> Diagnostic {
        let key = self.key().unwrap_or("this");
        let diagnostic = Diagnostic::new(self.at.clone(), format!("`{key}` cannot be \"{value}\""));
        let meant = nearest(value, known.iter().copied()).map(|meant| format!("did you mean \"{meant}\"?"));
        diagnostic.label(meant.unwrap_or_default()).help(format!("there are: {}", known.join(", ")))
    }

    /// The message of one of our own readers: what is wrong; what to do.
    fn said(&self, message: &str) -> Diagnostic {
        let (title, help) = message.split_once("; ").unwrap_or((message, ""));
        let diagnostic = Diagnostic::new(self.at.clone(), title);
        match (help.split_once("? There are: "), self.key()) {
            (Some((meant, known)), _) => {
                diagnostic.label(format!("{meant}?")).help(format!("there are: {known}"))
            }
            (None, Some(key)) if help.is_empty() => diagnostic.label(format!("given for `{key}`")),
            (None, _) if help.is_empty() => diagnostic,
            (None, _) => diagnostic.help(help),
        }
    }

    fn wrong_type(&self, expected: &str) -> Diagnostic {
        let key = self.key().unwrap_or("the scenario");
        let (expected, known) = expected.split_once("; ").unwrap_or((expected, ""));
        let expected = people_say(expected);
        let title = format!("`{key}` must be {expected}");
        let mut diagnostic = Diagnostic::new(self.at.clone(), title);
        if let Some(node) = self.node {
            diagnostic = diagnostic.label(format!("this is {}", describe(node.get_ref())));
            let settings = if expected == "a table" { schema::required(self.path) } else { Vec::new() };
            if !settings.is_empty() {
                let assigned = settings.iter().map(|setting| assignment(self.path, setting).0);
                let help = format!("write {key} = {{ {} }}", assigned.collect::<Vec<_>>().join(", "));
                diagnostic = diagnostic.help(help);
            } else if let Some(help) = mend(key, node.get_ref(), expected) {
                diagnostic = diagnostic.help(help);
            }
        }
        if known.is_empty() { diagnostic } else { diagnostic.help(known) }
    }

    fn key(&self) -> Option<&str> {
        self.path.iter().rev().find_map(|step| match step {
            Step::Key(key) if step.kind().is_none() => Some(key.as_str()),
            _ => None,
        })
    }
}

/// How `key` could be written in the table at `path`, and what it is for.
fn assignment(path: &[Step], key: &str) -> (String, String) {
    let property = schema::property(&[path, &[Step::Key(key.into())]].concat());
    let example = property.as_ref().map_or("…", |property| property.example.as_str());
    let purpose = property.as_ref().and_then(|property| property.purpose.as_deref());
    let purpose = purpose.map(|purpose| format!(": {}", lowercase_first(purpose)));
    (format!("{key} = {example}"), purpose.unwrap_or_default())
}

/// What to write instead, where it can be told from what is there.
fn mend(key: &str, value: &DeValue<'_>, expected: &str) -> Option<String> {
    let wants = |what: &str| expected.contains(what);
    match value {
        DeValue::String(text) if wants("number") && text.trim().parse::<f64>().is_ok() => {
            Some(format!("leave the quotes off: {key} = {}", text.trim()))
        }
        DeValue::String(text) if wants("true or false") && ["true", "false"].contains(&text.as_ref()) => {
            Some(format!("leave the quotes off: {key} = {text}"))
        }
        DeValue::Integer(number) if wants("length of time") => Some(format!(
            "say the unit: {key} = \"{}s\" for seconds, \"{0}ms\" for milliseconds",
            number.as_str()
        )),
        DeValue::Integer(number) if wants("in quotes") && !wants("one word") => {
            Some(format!("write {key} = \"{}\"", number.as_str()))
        }
        DeValue::Datetime(day) if wants("in quotes") && !wants("length of time") => {
            Some(format!("write {key} = \"{day}\""))
        }
        DeValue::Float(number) if wants("in quotes") && !wants("length of time") => {
            Some(format!("write {key} = \"{}\"", number.as_str()))
        }
        DeValue::Table(_) if wants("a list") && ["classes", "endpoints"].contains(&key) => {
            Some(format!("write [[{key}]], with two brackets: there may be several"))
        }
        DeValue::Table(_) | DeValue::String(_) if wants("a list") => {
            Some(format!("put it in brackets: {key} = [ … ]"))
        }
        _ => None,
    }
}

/// The name a person has for what a type reader expects.
fn people_say(expected: &str) -> &str {
    match expected {
        "a boolean" => "true or false",
        "a nonzero u16" | "a nonzero u32" | "a nonzero u64" => "a whole number above 0",
        "a sequence" => "a list",
        "a string" => "text in quotes",
        "f64" => "a number",
        "i32" => "a whole number from -2147483648 to 2147483647",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, 0 or above",
        struct_name if struct_name.starts_with("struct ") => "a table",
        other => other,
    }
}

fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Array(_) => "a list".into(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date or time".into(),
        DeValue::Float(number) => number.as_str().into(),
        DeValue::Integer(number) => number.as_str().into(),
        DeValue::String(_) => "text".into(),
        DeValue::Table(_) => "a table".into(),
    }
}

/// The table at `path`, in words.
fn place(root: &DeTable<'_>, path: &[Step]) -> String {
    let kind = path.last().and_then(Step::kind).map(|kind| format!(" ({kind})")).unwrap_or_default();
    let path = path.iter().filter(|step| step.kind().is_none()).cloned().collect::<Vec<_>>();
    let outer = |above: &[Step]| match above {
        [] | [Step::Index(_)] => String::new(),
        above => format!(" of {}", place(root, above)),
    };
    match path.as_slice() {
        [] => "the scenario".into(),
        [Step::Key(list), Step::Index(index)] => {
            let what = match list.as_str() {
                "classes" => "class",
                "endpoints" => "endpoint",
                other => other,
            };
            let below = [path.as_slice(), &[Step::Key("name".into())]].concat();
            match tree::get(root, &below).and_then(|name| name.get_ref().as_str()) {
                Some(name) => format!("{what} `{name}`"),
                None => format!("{what} number {}", index + 1),
            }
        }
        [above @ .., Step::Key(list), Step::Index(index)] => {
            format!("number {}{kind} of `{list}`{}", index + 1, outer(above))
        }
        [above @ .., Step::Key(key)] => format!("`{key}`{kind}{}", outer(above)),
        [.., Step::Index(index)] => format!("number {}", index + 1),
    }
}

fn lowercase_first(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
    first + chars.as_str()
}

/// The text between the first two backquotes.
fn first_quoted(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}
