//! The layouts in which logs come: what their columns or keys are called, and what they mean.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::shown;
use crate::error::nearest;

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
    /// Why there is no answer; empty, `false`, `none`, `null` or 0 where there is one.
    Error,
    /// Pictures in the prompt.
    Images,
    /// Prompt tokens.
    Input,
    /// Generated tokens.
    Output,
    /// The generated tokens that were reasoning.
    Reasoning,
    /// The conversation it is part of.
    Session,
    /// `success`, `ok`, `completed`, `true` or a status below 400 where there is an answer.
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

/// A layout that is known.
struct Known {
    name: &'static str,
    form: Form,
    reading: Reading,
    /// Keys by which it is known where they are no fields.
    keys: &'static [&'static str],
    clock: Clock,
    /// Those by which it is known: all of them are there.
    needed: &'static [(Field, &'static str)],
    /// Those that may be there.
    optional: &'static [(Field, &'static str)],
    block_tokens: u32,
    is_empty_failed: bool,
}

const PLAIN: Known = Known {
    name: "",
    form: Form::Table,
    reading: Reading::Fields,
    keys: &[],
    clock: Clock::Seconds,
    needed: &[],
    optional: &[],
    block_tokens: 0,
    is_empty_failed: false,
};

use Field::{
    Blocks, Cached, End, Error, Images, Input, Output, Reasoning, Session, Status, Tenant, Thought, Time,
    Took,
};

/// Tried in this order: what is more particular comes first.
const KNOWN: [Known; 13] = [
    Known {
        name: "azure",
        clock: Clock::Calendar,
        needed: &[(Time, "TIMESTAMP"), (Input, "ContextTokens"), (Output, "GeneratedTokens")],
        optional: &[(Images, "NumImages")],
        ..PLAIN
    },
    Known {
        name: "burstgpt",
        needed: &[(Time, "Timestamp"), (Input, "Request tokens"), (Output, "Response tokens")],
        optional: &[(Session, "Session ID"), (Took, "Elapsed time"), (Tenant, "Model")],
        is_empty_failed: true,
        ..PLAIN
    },
    Known {
        name: "vidur",
        needed: &[(Time, "arrived_at"), (Input, "num_prefill_tokens"), (Output, "num_decode_tokens")],
        ..PLAIN
    },
    Known {
        name: "lengths",
        needed: &[(Input, "num_prefill_tokens"), (Output, "num_decode_tokens")],
        ..PLAIN
    },
    Known {
        name: "litellm-spend-log",
        clock: Clock::Any,
        needed: &[(Time, "startTime"), (Input, "prompt_tokens"), (Output, "completion_tokens")],
        optional: &LITELLM,
        ..PLAIN
    },
    Known {
        name: "litellm-spend-log",
        form: Form::Json,
        clock: Clock::Any,
        needed: &[(Time, "startTime"), (Input, "prompt_tokens"), (Output, "completion_tokens")],
        optional: &LITELLM,
        ..PLAIN
    },
    Known {
        name: "otel-genai",
        form: Form::Json,
        clock: Clock::Any,
        needed: &[
            (Input, "attributes.gen_ai.usage.input_tokens"),
            (Output, "attributes.gen_ai.usage.output_tokens"),
        ],
        optional: &[
            (Time, "start_time"),
            (Time, "startTimeUnixNano"),
            (End, "end_time"),
            (End, "endTimeUnixNano"),
            (Session, "attributes.gen_ai.conversation.id"),
            (Tenant, "attributes.user.id"),
            (Error, "attributes.error.type"),
            (Cached, "attributes.gen_ai.usage.cache_read.input_tokens"),
            (Reasoning, "attributes.gen_ai.usage.reasoning.output_tokens"),
        ],
        ..PLAIN
    },
    Known {
        name: "qwen-bailian",
        form: Form::Json,
        needed: &[(Time, "timestamp"), (Input, "input_length"), (Output, "output_length"), (Tenant, "type")],
        optional: &[(Blocks, "hash_ids"), (Session, "chat_id")],
        block_tokens: 16,
        ..PLAIN
    },
    Known {
        name: "mooncake",
        form: Form::Json,
        clock: Clock::Milliseconds,
        needed: &[(Time, "timestamp"), (Input, "input_length"), (Output, "output_length")],
        optional: &[(Blocks, "hash_ids"), (Session, "session_id")],
        block_tokens: 512,
        ..PLAIN
    },
    Known {
        name: "kv-cache-tester",
        form: Form::Json,
        reading: Reading::Conversations,
        keys: &["id", "block_size", "requests"],
        ..PLAIN
    },
    Known {
        name: "lmcache-agent",
        form: Form::Json,
        reading: Reading::Agents,
        keys: &["timestamp", "session_id", "input", "output"],
        ..PLAIN
    },
    Known {
        name: "tracelab",
        form: Form::Json,
        reading: Reading::Rounds,
        keys: &["timing_events", "session_id", "input_tokens_total", "output_tokens"],
        ..PLAIN
    },
    Known {
        name: "plain",
        needed: &[(Time, "time_s"), (Input, "input_tokens"), (Output, "output_tokens")],
        optional: &[
            (Session, "session"),
            (Tenant, "tenant"),
            (Thought, "thought_s"),
            (Cached, "cached_tokens"),
            (Reasoning, "reasoning_tokens"),
            (Images, "images"),
        ],
        ..PLAIN
    },
];

const LITELLM: [(Field, &str); 7] = [
    (End, "endTime"),
    (Session, "session_id"),
    (Tenant, "team_id"),
    (Tenant, "user"),
    (Tenant, "api_key"),
    (Status, "status"),
    (Cached, "metadata.usage_object.prompt_tokens_details.cached_tokens"),
];

impl Layout {
    /// The known layout of a file's columns or keys: `has` tells whether one is there.
    fn find(form: Form, has: impl Fn(&str) -> bool) -> Option<Layout> {
        let is_it = |known: &&Known| known.form == form && known.names().all(&has);
        KNOWN.iter().find(is_it).map(Layout::from)
    }

    /// The known layouts of a form, each with the columns or keys by which it is known.
    fn known(form: Form) -> impl Iterator<Item = (&'static str, String)> {
        KNOWN.iter().filter(move |known| known.form == form).map(|known| {
            let names: Vec<_> = known.names().collect();
            (known.name, names.join(","))
        })
    }

    /// One of which nothing is known yet.
    fn told(form: Form) -> Layout {
        Layout { name: "columns".into(), clock: Clock::Any, ..Layout::from(&Known { form, ..PLAIN }) }
    }

    /// A known layout by its name and form.
    fn named(name: &str, form: Form) -> Option<Layout> {
        KNOWN.iter().find(|known| known.name == name && known.form == form).map(Layout::from)
    }

    /// Whether requests come with times.
    pub fn has_times(&self) -> bool {
        self.reading != Reading::Fields || self.fields.iter().any(|(field, _)| *field == Time)
    }
}

impl Known {
    /// The columns or keys by which it is known.
    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.needed.iter().map(|(_, name)| *name).chain(self.keys.iter().copied())
    }
}

impl From<&Known> for Layout {
    fn from(known: &Known) -> Layout {
        let fields = known.needed.iter().chain(known.optional);
        Layout {
            name: known.name.into(),
            form: known.form,
            reading: known.reading,
            clock: known.clock,
            fields: fields.map(|(field, name)| (*field, (*name).into())).collect(),
            block_tokens: known.block_tokens,
            is_empty_failed: known.is_empty_failed,
        }
    }
}
