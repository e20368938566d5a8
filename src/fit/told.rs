//! A fit told as a scenario.

use std::fmt::Write as _;

use super::length::Histogram;
use super::log::Log;
use super::rate::Rate;
use super::sessions::{Part, Sessions};
use super::tenants::Tenants;
use super::{Fit, Single, parts};
use crate::client::lengths::Knots;

pub fn scenario(fit: &Fit, log: &Log, source: &str) -> String {
    let mut text = format!(
        "# What does traffic like that of {source} cost, and how is it served?\n\n\
         # Fitted by `tollgate fit` to {} requests ({} of them failed) {}.\n\n",
        log.all.rows,
        log.all.failed,
        if log.first.is_none() {
            "of no common clock".into()
        } else {
            format!("in {} s", log.all.seconds.len())
        }
    );
    let secs = if log.first.is_none() { 3600 } else { log.all.seconds.len() };
    put(&mut text, format_args!("duration = \"{secs}s\"\n\n"));
    if let Some(tenants) = Tenants::of(&log.tenants) {
        put(
            &mut text,
            format_args!(
                "# The log tells {} tenants apart: the largest sends {:.1} % of all requests, the standard deviation of the\n\
                 # logarithm of what they send is {:.2}. {}\n",
                tenants.count,
                tenants.top[0] * 100.0,
                tenants.sigma,
                if fit.parts.is_empty() { AS_ONE } else { APART }
            ),
        );
    }
    if let Some(sessions) = &fit.sessions {
        conversations(&mut text, sessions, log);
    }
    if let Some(requests) = &fit.single {
        let is_beside = fit.sessions.is_some();
        if !is_beside {
            arrivals(&mut text, "arrivals", requests.rate.as_ref(), 1.0, "requests come");
        }
        single(
            &mut text,
            if is_beside { "without-conversation" } else { "fitted" },
            requests,
            is_beside.then_some(1.0),
        );
    }
    let parts = || log.parts.0.iter().zip(&fit.parts);
    let all = parts().map(|(part, fit)| begun(&part.log, fit)).map(|(talks, alone)| talks + alone).sum();
    for (part, fit) in parts() {
        apart(&mut text, part, fit, all);
    }
    text.push_str(ENDPOINT);
    text
}

/// The classes of one part of a log, each with arrivals of its own; `all` is how often any part's requests and
/// conversations begin.
fn apart(text: &mut String, part: &parts::Part, fit: &Fit, all: u64) {
    let (conversations, alone) = begun(&part.log, fit);
    let share = |count: u64| count as f64 / all.max(1) as f64;
    if let Some(sessions) = &fit.sessions {
        for conversations_of in &sessions.parts {
            start_to_start(text, &part.log);
            put(text, format_args!("[[classes]]\nname = {}\n", quoted(&part.name)));
            session(text, conversations_of);
            text.push('\n');
            arrivals(
                text,
                "classes.arrivals",
                sessions.rate.as_ref(),
                share(conversations),
                "conversations begin",
            );
        }
    }
    if let Some(requests) = &fit.single {
        let name = if fit.sessions.is_some() { part.alone() } else { part.name.clone() };
        single(text, &name, requests, Some(share(alone)));
    }
}

/// How many conversations a log has, and how many requests beside them, as they are fitted.
fn begun(log: &Log, fit: &Fit) -> (u64, u64) {
    match fit.sessions {
        Some(_) => (log.conversations.count() as u64, log.alone.rows),
        None => (0, log.all.rows),
    }
}

/// Requests one by one: with arrivals of their own, which are a share of all, or the scenario's.
fn single(text: &mut String, name: &str, single: &Single, share: Option<f64>) {
    put(text, format_args!("[[classes]]\nname = {}\n", quoted(name)));
    if let Some(correlation) = single.correlation {
        put(text, format_args!("length_correlation = {correlation}\n"));
    }
    if let Some(shared) = single.shared {
        put(text, format_args!("prefix = {{ share = {:.4}, groups = {} }}\n", shared.share, shared.groups));
    }
    lengths(text, "classes.input", &single.input);
    lengths(text, "classes.output", &single.output);
    if let Some(share) = share {
        text.push('\n');
        arrivals(text, "classes.arrivals", single.rate.as_ref(), share, "such requests come");
    }
}

/// A class for each part of the conversations, by shares of the arrivals at which conversations begin.
fn conversations(text: &mut String, sessions: &Sessions, log: &Log) {
    text.push_str("# Each arrival begins a conversation; those of one turn are plain requests.\n");
    start_to_start(text, log);
    arrivals(text, "arrivals", sessions.rate.as_ref(), 1.0, "conversations begin");
    for part in &sessions.parts {
        put(text, format_args!("[[classes]]\nname = \"{}\"\nshare = {}\n", part.name, part.count));
        if part.is_single() {
            requests(text, part)
        } else {
            session(text, part)
        }
        text.push('\n');
    }
}

fn start_to_start(text: &mut String, log: &Log) {
    if log.conversations.are_pauses_from_start() {
        text.push_str(
            "# The log does not tell when answers were there: pauses are from one request's start to the next one's, so\n\
             # conversations last longer here by the time that answers take.\n",
        );
    }
}

fn requests(text: &mut String, part: &Part) {
    if let Some(correlation) = part.correlation {
        put(text, format_args!("length_correlation = {correlation}\n"));
    }
    if let Some(system) = part.system {
        put(text, format_args!("prefix = {{ tokens = {}, groups = {} }}\n", system.tokens, system.groups));
    }
    lengths(text, "classes.input", &part.input);
    lengths(text, "classes.output", &part.output);
}

fn session(text: &mut String, part: &Part) {
    let figures = &part.figures;
    text.push_str("[classes.session]\nkind = \"synthetic\"\n");
    if let Some(system) = part.system {
        put(text, format_args!("system = {{ tokens = {}, groups = {} }}\n", system.tokens, system.groups));
    }
    if let Some(compaction) = part.compaction {
        put(text, format_args!("compaction = {{ above = {}, to = {} }}\n", compaction.above, compaction.to));
    }
    let has_tools = figures.tool_pauses.total() > 0;
    if has_tools {
        put(text, format_args!("tool_share = {}\n", digits(figures.tool_share())));
    }
    // Where every later turn follows a tool, none of them tells how long a user thinks.
    let users = if figures.user_pauses.total() > 0 { &figures.user_pauses } else { &figures.tool_pauses };
    if users.total() == 0 {
        text.push_str("# The log has no times: put how long passes before the next turn.\nthink = \"30s\"\n");
    }
    let knots = [("turns", &figures.turns), ("new_input", &figures.new_input)];
    lengths(text, "classes.session.first_input", &part.input);
    for (key, histogram) in knots {
        // A conversation of which every later prompt begins anew adds nothing.
        match histogram.knots() {
            Some(knots) => lengths(text, &format!("classes.session.{key}"), &knots),
            None => put(text, format_args!("[classes.session.{key}]\nkind = \"fixed\"\ntokens = 0\n")),
        }
    }
    if users.total() > 0 {
        pauses(text, "think", users);
    }
    if has_tools {
        pauses(text, "think_after_tool", &figures.tool_pauses);
    }
    lengths(text, "classes.output", &part.output);
}

fn pauses(text: &mut String, key: &str, millis: &Histogram) {
    put(text, format_args!("[classes.session.{key}]\nkind = \"empirical\"\n"));
    let quantiles = PAUSES.iter().zip(millis.quantiles(&PAUSES));
    list(text, "quantiles", quantiles.map(|(share, millis)| format!("[{share}, \"{}\"]", span(millis))));
}

/// Seconds where they are whole or many, else milliseconds.
fn span(millis: u32) -> String {
    if millis.is_multiple_of(1000) { format!("{}s", millis / 1000) } else { format!("{millis}ms") }
}

/// The table `key`; `what` it is that happens then. A log that does not tell when tells its `share` of one a second.
fn arrivals(text: &mut String, key: &str, rate: Option<&Rate>, share: f64, what: &str) {
    let Some(rate) = rate else {
        let hint = if share < 1.0 { "; here all classes together have 1 a second" } else { "" };
        return put(
            text,
            format_args!(
                "# The log does not tell when {what}: put the rate{hint}.\n[{key}]\nkind = \"poisson\"\nrate = {}\n\n",
                digits(share)
            ),
        );
    };
    put(text, format_args!("[{key}]\nkind = \"modulated\"\nevery = \"{}s\"\n", rate.every_secs));
    if let Some(from) = rate.week_from_secs {
        put(
            text,
            format_args!(
                "repeat = true      # the 168 hours of a week from Monday 00:00 UTC on\nfrom = \"{from}s\" # when in that week the log begins\n"
            ),
        );
    }
    if let Some((every, phi, sigma)) = rate.drift {
        put(text, format_args!("drift = [{{ every = \"{every}s\", phi = {phi:.4}, sigma = {sigma:.4} }}]\n"));
    }
    if let Some((on, off)) = rate.bursts {
        put(text, format_args!("bursts = {{ on = \"{on:.3}s\", off = \"{off:.3}s\" }}\n"));
    }
    if rate.gap_cv != 1.0 {
        put(text, format_args!("gaps = {{ kind = \"gamma\", cv = {} }}\n", rate.gap_cv));
    }
    list(text, "rates", rate.rates.iter().map(|rate| digits(*rate)));
    text.push('\n');
}

fn lengths(text: &mut String, table: &str, knots: &Knots) {
    put(text, format_args!("[{table}]\nkind = \"empirical\"\n"));
    list(text, "knots", knots.points().iter().map(|(share, tokens)| format!("[{share}, {tokens}]")));
}

/// A list over lines that fit a screen.
fn list(text: &mut String, key: &str, items: impl Iterator<Item = String>) {
    put(text, format_args!("{key} = ["));
    let mut width = WIDTH;
    for item in items {
        if width + item.len() + 2 > WIDTH {
            text.push_str("\n   ");
            width = 3;
        }
        put(text, format_args!(" {item},"));
        width += item.len() + 2;
    }
    text.push_str("\n]\n");
}

/// To four digits: more no log tells.
fn digits(number: f64) -> String {
    let places = if number > 0.0 { 3 - libm::floor(libm::log10(number)) as i32 } else { 0 };
    let text = format!("{number:.*}", places.clamp(0, 12) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

fn put(text: &mut String, what: std::fmt::Arguments) {
    text.write_fmt(what).expect("a String takes all that is written");
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

const WIDTH: usize = 110;

const AS_ONE: &str = "Here they come as one; `--tenants 5` makes classes of the\n# five largest.";
const APART: &str = "Those that send most are\n# classes of their own, with arrivals of their own.";

/// Shares at which pauses are told.
const PAUSES: [f64; 18] =
    [0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0];

const ENDPOINT: &str = r#"
# Stands in for your own: who serves it, what is allowed there, how fast it answers and what it charges.
[[endpoints]]
name = "first-choice"
provider = "openai"
model = "gpt-6-sol"
url = "mock"
cache = "openai"
latency = { kind = "lognormal", ttft_median = "450ms", ttft_sigma = 0.4, per_1k_input = "30ms", itl = "12ms" }
price = { input = "2", cache_read = "0.20", output = "10" }
"#;
