//! Whether the conversations of a class can be held as they are described, and nothing is said of them twice.

use super::Check;
use crate::client::sessions::AnySession;
use crate::client::workload::Class;

impl Check<'_, '_> {
    /// Rules for the `session` of the class at `path`, whose arrivals may bring lengths.
    pub(super) fn session(&mut self, path: &str, class: &Class, has_lengths: bool) {
        let Some(session) = &class.session else { return };
        if let Some((key, problem)) = session.problem() {
            self.say(&format!("{path}.session.{key}"), problem, "", help(key));
        }
        if has_lengths {
            let message =
                format!("the arrivals of class `{}` bring requests, and not conversations", class.name);
            let help = "take other arrivals, such as poisson, to say when conversations begin; recorded ones are \
                        session = { kind = \"recorded\", file = … }";
            self.say(&format!("{path}.session"), message, "their lengths come from the trace", help);
        }
        self.told_twice(path, class, session);
        if class.output.is_none() && !session.brings_answers() {
            self.say(
                &format!("{path}.output"),
                format!("class `{}` does not say how long its output is", class.name),
                "this needs `output`",
                "add such as output = { kind = \"lognormal\", median = 260, sigma = 0.9 }: each turn's answer",
            );
        }
    }

    /// What the class says of its requests and its conversations say, too.
    fn told_twice(&mut self, path: &str, class: &Class, session: &AnySession) {
        let is_recorded = matches!(session, AnySession::Recorded(_));
        let own = match session {
            AnySession::Recorded(_) => "the recording",
            AnySession::Scripted(_) => "the session's own file",
            AnySession::Synthetic(_) => "`first_input` and `new_input` of the session",
        };
        let system = if matches!(session, AnySession::Scripted(_)) { own } else { "`system` of the session" };
        let keys = [
            ("input", class.input.is_some(), own),
            ("output", class.output.is_some() && is_recorded, own),
            ("prefix", class.prefix.is_some(), system),
            ("prompts", class.prompts.is_some(), own),
            ("reasoning", class.reasoning.is_some() && is_recorded, own),
        ];
        for (key, _, instead) in keys.into_iter().filter(|(_, is_told, _)| *is_told) {
            let message = format!("class `{}` has conversations, and `{key}` is not asked", class.name);
            let help = format!("remove `{key}`; what counts is {instead}");
            self.say(&format!("{path}.{key}"), message, "without effect", &help);
        }
    }
}

/// How a setting of conversations is written.
fn help(key: &str) -> &'static str {
    match key {
        "agents" => {
            "write such as agents = { share = 0.01, turns = …, first_input = …, new_input = … }, with a share below \
             `tool_share`"
        }
        "compaction" => "write such as compaction = { above = 160000, to = 30000 }",
        "max_context" => "write the model's context window in tokens, or leave it out",
        "system" => "write such as system = { tokens = 15000, groups = 3, ttl = \"short\" }",
        "think" => "write such as think = { kind = \"lognormal\", median = \"135s\", sigma = 1.74 }",
        "think_after_tool" => {
            "write such as tool_share = 0.85 and think_after_tool = { kind = \"lognormal\", median = \"12s\", sigma = 1.2 }"
        }
        _ => "mend the bounds; turns = { kind = \"exponential\", mean = 69 } is usual",
    }
}
