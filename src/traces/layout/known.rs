//! The layouts that are known by their columns or keys.

use super::Field::{
    self, Blocks, Cached, End, Error, Images, Input, Output, Parent, Reasoning, Session, Status, Tenant,
    Thought, Time, Took,
};
use super::{Form, Layout, Reading};
use crate::traces::clock::Clock;

impl Layout {
    /// The known layout of a file's columns or keys: `has` tells whether one is there.
    pub fn find(form: Form, has: impl Fn(&str) -> bool) -> Option<Layout> {
        let is_it = |known: &&Known| known.form == form && known.names().all(&has);
        KNOWN.iter().find(is_it).map(Layout::from)
    }

    /// The known layouts of a form, each with the columns or keys by which it is known.
    pub fn known(form: Form) -> impl Iterator<Item = (&'static str, String)> {
        KNOWN.iter().filter(move |known| known.form == form).map(|known| {
            let names: Vec<_> = known.names().collect();
            (known.name, names.join(","))
        })
    }

    /// One of which nothing is known yet.
    pub fn told(form: Form) -> Layout {
        Layout { name: "columns".into(), clock: Clock::Any, ..Layout::from(&Known { form, ..PLAIN }) }
    }

    /// A known layout by its name and form.
    pub fn named(name: &str, form: Form) -> Option<Layout> {
        KNOWN.iter().find(|known| known.name == name && known.form == form).map(Layout::from)
    }
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
        optional: &[(Blocks, "hash_ids"), (Session, "chat_id"), (Parent, "parent_chat_id")],
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
