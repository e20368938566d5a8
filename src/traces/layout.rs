//! The layouts in which logs come: what their columns or keys are called, and what they mean.

mod known;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::shown;
use crate::error::nearest;

use Field::{Input, Output, Time};

/// What a column or key tells.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Ids of the prompt's blocks.
    Blocks,
    /// Prompt tokens that a cache served.
    Cached,
    /// When the whole answer was there.
    End,
    /// Why there is no answer; empty, `false`, `none`, `null`, `nan` or 0 where there is one.
    Error,
    /// Pictures in the prompt.
    Images,
    /// Prompt tokens.
    Input,
    /// Generated tokens.
    Output,
    /// The request that it goes on from, in a log where `session` is each request's own id: both are of one
    /// conversation. -1 is none.
    Parent,
    /// The generated tokens that were reasoning.
    Reasoning,
    /// The conversation it is part of.
    Session,
    /// `success`, `succeeded`, `ok`, `completed`, `true`, `unset` or a status below 400 where there is an answer.
    Status,
    /// Who sent it.
    Tenant,
    /// From the answer before it in its session to this request, in seconds.
    Thought,
    /// When it was sent.
    Time,
    /// From the request to the whole answer, in seconds.
    Took,
}

impl Field {
    fn told(self) -> &'static str {
        match self {
            Input => "prompt's tokens (`input`)",
            Output => "generated tokens (`output`)",
            _ => "rest",
        }
    }
}

/// The form of a log's lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// A JSON object each.
    Json,
    /// Values with commas between, under a line of names.
    Table,
}

impl Form {
    /// What a field is called here.
    fn part(self) -> &'static str {
        match self {
            Form::Json => "key",
            Form::Table => "column",
        }
    }

    fn files(self) -> &'static str {
        match self {
            Form::Json => "JSON lines",
            Form::Table => "tables",
        }
    }
}

/// How a log's requests are found in it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Reading {
    /// JSON lines of agents' calls with the texts of prompts and answers (LMCache).
    Agents,
    /// A JSON document for each conversation (kv-cache-tester).
    Conversations,
    /// A line each, whose columns or keys are its fields.
    #[default]
    Fields,
    /// JSON lines of calls with lists of events (TraceLab).
    Rounds,
}

/// What the user tells of a log, where its layout is none that is known.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// A known layout by its name, such as `litellm-spend-log`; found out from the file where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// The column of each field, or in JSON the way to its key with dots between, such as
    /// `{ time = "ts", input = "usage.prompt_tokens", output = "usage.completion_tokens" }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<Field, String>,
    /// How times are written; by their looks where it is not given and the layout is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
    /// Tokens of a prompt's block, where the log has block ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_tokens: Option<u32>,
}

impl Mapping {
    pub fn is_empty(&self) -> bool {
        *self == Mapping::default()
    }

    /// The layout of a file of this form that has these columns or keys.
    pub fn layout(&self, form: Form, names: &[String]) -> Result<Layout, String> {
        let has = |name: &str| names.iter().any(|other| other == name);
        let known = match &self.layout {
            Some(name) => Some(Layout::named(name, form).ok_or_else(|| no_such_layout(name, form))?),
            None => Layout::find(form, has)
                .filter(|known| self.columns.is_empty() || known.reading == Reading::Fields),
        };
        let mut layout = match known {
            Some(known) => known,
            None if self.columns.is_empty() => return Err(unknown(form, names)),
            None => Layout::told(form),
        };
        if layout.reading != Reading::Fields {
            return if self.columns.is_empty() {
                Ok(layout)
            } else {
                Err(format!(
                    "the layout '{}' has no {}s to be named; leave out `columns`, or `layout`",
                    layout.name,
                    form.part()
                ))
            };
        }
        for (field, name) in &self.columns {
            layout.fields.retain(|(other, _)| other != field);
            layout.fields.push((*field, name.clone()));
        }
        layout.clock = self.clock.unwrap_or(layout.clock);
        layout.block_tokens = self.block_tokens.unwrap_or(layout.block_tokens);
        for needed in [Input, Output] {
            let mut columns = layout.fields.iter().filter(|(field, _)| *field == needed).peekable();
            if columns.peek().is_none() {
                return Err(format!(
                    "`columns` does not say which {} tells the {}",
                    form.part(),
                    needed.told()
                ));
            }
        }
        let is_missing = |name: &&String| !has(name);
        if let Some(missing) = self.columns.values().find(is_missing) {
            return Err(no_such_column(missing, form, names));
        }
        let is_twice = |name: &&String| names.iter().filter(|other| other == name).count() > 1;
        match layout.fields.iter().map(|(_, name)| name).find(is_twice) {
            Some(twice) => {
                Err(format!("there are two {}s '{twice}'; rename the one that is not meant", form.part()))
            }
            None => Ok(layout),
        }
    }
}

fn no_such_column(name: &str, form: Form, names: &[String]) -> String {
    let meant = nearest(name, names.iter().map(String::as_str));
    let meant = meant.map_or("; there".into(), |meant| format!("; did you mean '{meant}'? There"));
    format!("there is no {} '{name}'{meant} are: {}", form.part(), shown(names.join(", ").as_bytes()))
}

fn no_such_layout(name: &str, form: Form) -> String {
    let names: Vec<_> = Layout::known(form).map(|(name, _)| name).collect();
    let meant = nearest(name, names.iter().copied());
    let meant = meant.map_or("; there".into(), |meant| format!("; did you mean '{meant}'? There"));
    format!("no layout of {} is called '{name}'{meant} are: {}", form.files(), names.join(", "))
}

/// What to say of columns or keys that are no known layout's.
fn unknown(form: Form, names: &[String]) -> String {
    let known: Vec<_> = Layout::known(form).map(|(name, names)| format!("{names} ({name})")).collect();
    let (part, names, known) = (form.part(), shown(names.join(",").as_bytes()), known.join("\n  "));
    format!(
        "no known layout in the {part}s '{names}'; a trace has one of\n  {known}\nor the scenario says by `columns` \
         which {part} is what"
    )
}

/// A layout: what its columns or keys are called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layout {
    pub name: String,
    pub form: Form,
    pub reading: Reading,
    pub clock: Clock,
    /// Each field's column, or the way to its key with dots between.
    pub fields: Vec<(Field, String)>,
    /// Tokens of a prompt's block.
    pub block_tokens: u32,
    /// A request without generated tokens failed.
    pub is_empty_failed: bool,
}

impl Layout {
    /// Whether requests come with times.
    pub fn has_times(&self) -> bool {
        self.reading != Reading::Fields || self.fields.iter().any(|(field, _)| *field == Time)
    }
}
