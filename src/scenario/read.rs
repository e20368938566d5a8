//! From a scenario's text to its final types, or to messages that say what, where and what to do next.

use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Deserialize;
use toml::de::DeTable;

use super::Scenario;
use super::check::{Problem, check};
use super::secret;
use crate::error::{Error, Result, nearest};
use crate::kind;

/// A scenario larger than this is a mistake.
const BYTES_MAX: u64 = 16 << 20;

/// The text of a scenario file.
pub fn text(path: &Path) -> Result<String> {
    let unreadable =
        |why: String| Error::usage(format!("could not read the scenario {}: {why}", path.display()));
    let size = std::fs::metadata(path)
        .map_err(|cause| unreadable(format!("{cause}; tollgate init writes one to start from")))?;
    if size.is_dir() {
        return Err(unreadable("it is a folder; name a file in it".into()));
    }
    if size.len() > BYTES_MAX {
        return Err(unreadable(format!(
            "it has {} MiB, and a scenario is text of a few KiB",
            size.len() >> 20
        )));
    }
    let bytes = std::fs::read(path).map_err(|cause| unreadable(cause.to_string()))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        unreadable(format!("byte {at} is not UTF-8; save the file as UTF-8 text"))
    })
}

/// Reads and checks a scenario. All problems of one kind are told at once: of syntax, else the first of type,
/// else of meaning.
pub fn scenario(text: &str, path: &Path) -> Result<Scenario> {
    let source = Source { text: &secret::covered(text), path };
    let (mut table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let problems = errors.iter().map(|error| Found {
            message: error.message().into(),
            span: error.span(),
            help: None,
        });
        return Err(source.report(problems.collect()));
    }
    let plain = table.clone();
    kind::tag(table.get_mut());
    let read = Scenario::deserialize(toml::de::Deserializer::from(table));
    let mut scenario = read.map_err(|error| source.report(vec![explain(&error)]))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let loaded = scenario.arrivals.load(folder);
    if let Err(error) = loaded {
        let span = span_of(plain.get_ref(), &["arrivals", "file"]);
        return Err(source.report(vec![Found { message: error.to_string(), span, help: None }]));
    }
    let problems = check(&scenario);
    if problems.is_empty() {
        return Ok(scenario);
    }
    let locate = |problem: Problem| {
        let path: Vec<&str> = problem.at.iter().map(String::as_str).collect();
        Found { message: problem.message, span: span_of(plain.get_ref(), &path), help: Some(problem.help) }
    };
    Err(source.report(problems.into_iter().map(locate).collect()))
}

struct Source<'a> {
    text: &'a str,
    path: &'a Path,
}

/// A problem, where it is, and what to do about it.
struct Found {
    message: String,
    span: Option<Range<usize>>,
    help: Option<String>,
}

impl Source<'_> {
    fn report(&self, problems: Vec<Found>) -> Error {
        let path = self.path.display().to_string();
        let renderer = Renderer::plain();
        let shown = problems.into_iter().map(|problem| {
            let end = self.text.len();
            let span = problem.span.unwrap_or(0..0);
            // A whole table is shown by its first line.
            let first_line = self.text[span.start.min(end)..span.end.min(end)].find('\n');
            let span =
                span.start.min(end)..first_line.map_or(span.end.min(end), |length| span.start + length);
            let snippet = Snippet::source(self.text).path(path.as_str());
            let snippet = snippet.annotation(AnnotationKind::Primary.span(span));
            let title = Level::ERROR.primary_title(problem.message.as_str()).element(snippet);
            let mut groups = vec![title];
            if let Some(help) = &problem.help {
                groups.push(annotate_snippets::Group::with_title(Level::HELP.secondary_title(help.as_str())));
            }
            renderer.render(&groups)
        });
        let shown: Vec<_> = shown.collect();
        let text = shown.join("\n\n");
        // The caller says "error:" itself.
        Error::usage(text.strip_prefix("error: ").unwrap_or(&text).to_string())
    }
}

/// A reader's error in the words of people who write scenarios.
fn explain(error: &toml::de::Error) -> Found {
    let message = error.message();
    let span = error.span();
    if let Some((unknown, known)) = unknown_field(message) {
        let help = match nearest(&unknown, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`? There are: {}", known.join(", ")),
            None if known.is_empty() => "nothing can be set here".into(),
            None => format!("there are: {}", known.join(", ")),
        };
        return Found { message: format!("there is no setting `{unknown}` here"), span, help: Some(help) };
    }
    if let Some(missing) = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        let help =
            Some(format!("add `{missing} = …` to this table; tollgate init shows a complete scenario"));
        return Found { message: format!("`{missing}` is missing"), span, help };
    }
    if let Some((found, expected)) =
        message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "))
    {
        let message = format!("this is {}; it must be {}", in_words(found), in_words(expected));
        let is_single = in_words(expected) == "a list" && in_words(found) == "a table";
        let help =
            is_single.then(|| "a table in a list is headed with two brackets on each side: [[name]]".into());
        return Found { message, span, help };
    }
    if let Some((found, expected)) =
        message.strip_prefix("invalid value: ").and_then(|rest| rest.split_once(", expected "))
    {
        return Found {
            message: format!("{} will not do; it must be {}", in_words(found), in_words(expected)),
            span,
            help: None,
        };
    }
    if let Some((unknown, known)) = unknown_variant(message) {
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        return Found {
            message: kind::unknown("this", &unknown, &known).replace("has no kind", "cannot be"),
            span,
            help: None,
        };
    }
    Found { message: message.into(), span, help: None }
}

/// The unknown key and the known ones of serde's "unknown field `a`, expected one of `b`, `c`".
fn unknown_field(message: &str) -> Option<(String, Vec<String>)> {
    quoted(message.strip_prefix("unknown field ")?)
}

fn unknown_variant(message: &str) -> Option<(String, Vec<String>)> {
    quoted(message.strip_prefix("unknown variant ")?)
}

/// Words in backticks: the first, and the others.
fn quoted(text: &str) -> Option<(String, Vec<String>)> {
    let mut words = text.split('`').skip(1).step_by(2).map(String::from);
    Some((words.next()?, words.collect()))
}

/// serde's names of types, in plain words.
fn in_words(serde: &str) -> String {
    let plain = match serde {
        "a sequence" | "sequence" => "a list",
        "map" | "a map" => "a table",
        "a string" => "a text",
        "f64" | "f32" => "a number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of at least 0",
        "a nonzero u32" | "a nonzero u64" => "a whole number of at least 1",
        "a boolean" => "true or false",
        other => other,
    };
    let plain = plain.strip_prefix("string ").map_or(plain.to_string(), |text| format!("the text {text}"));
    let plain = plain.strip_prefix("integer ").map_or(plain.clone(), |number| format!("the number {number}"));
    let plain =
        plain.strip_prefix("floating point ").map_or(plain.clone(), |number| format!("the number {number}"));
    let plain = plain.strip_prefix("boolean ").map_or(plain.clone(), |value| value.to_string());
    plain.strip_prefix("struct ").map_or(plain.clone(), |_| "a table".to_string())
}

/// Where a value stands: keys, and positions in lists. The nearest there is, when it is not there itself.
fn span_of(table: &DeTable<'_>, path: &[&str]) -> Option<Range<usize>> {
    use toml::de::DeValue;
    let (first, rest) = path.split_first()?;
    let mut value = table.get(*first)?;
    for step in rest {
        let next = match value.get_ref() {
            DeValue::Array(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            DeValue::Table(table) => table.get(*step),
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => break,
        }
    }
    Some(value.span())
}
