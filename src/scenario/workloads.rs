//! Classes that name a workload of the catalogue, written out in full.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Scenario;
use super::diagnostic::Diagnostic;
use super::tree::{self, moved};
use crate::catalogue::Workload;
use crate::error::nearest;
use crate::kind;

/// Puts into each class that names a preset what it does not say itself, key by key, as if it stood where the preset
/// is named; and tells what stands for nothing.
pub fn fill<'i>(tree: &mut Spanned<DeTable<'i>>, workloads: &'i [Workload]) -> Vec<Diagnostic> {
    let Some(DeValue::Array(classes)) = tree.get_mut().get_mut("classes").map(Spanned::get_mut) else {
        return Vec::new();
    };
    let tables = classes.iter_mut().filter_map(|class| match class.get_mut() {
        DeValue::Table(table) => Some(table),
        _ => None,
    });
    tables.filter_map(|class| fill_one(class, workloads)).collect()
}

/// Has the presets' arrivals come at the rates of their classes, from the scenario's date on, and as many beginnings
/// of prompts as go with that.
pub fn begin(scenario: &mut Scenario, tree: &DeTable<'_>) {
    let date = scenario.date.unwrap_or(scenario.prices.day());
    let prices = scenario.prices.clone();
    for (index, class) in scenario.classes.iter_mut().enumerate() {
        let Some(name) = &class.preset else { continue };
        let place = |key: &str| tree::span_of(tree, &format!("classes.{index}.{key}"));
        let is_filled = |key: &str| place(key) == place("preset");
        let Some(rate) = class.rate.filter(|_| is_filled("arrivals")) else { continue };
        if let Some(arrivals) = &mut class.arrivals {
            arrivals.scale(rate.get());
            arrivals.begin(date);
        }
        let each = Workload::find(&prices.workloads, name).ok().and_then(|workload| workload.groups_per_rate);
        if let (Some(each), Some(prefix), true) = (each, &mut class.prefix, is_filled("prefix")) {
            prefix.groups = libm::ceil(each.get() * rate.get()) as u32;
        }
    }
}

/// What is wrong with the preset of a class, if anything; else it is filled in.
fn fill_one<'i>(class: &mut DeTable<'i>, workloads: &'i [Workload]) -> Option<Diagnostic> {
    let Some(preset) = class.get("preset") else { return without_preset(class) };
    let (name, at) = (preset.get_ref().as_str()?, preset.span());
    let Ok(workload) = Workload::find(workloads, name) else { return Some(unknown(name, at, workloads)) };
    if let Some(problem) = twice(class) {
        return Some(problem);
    }
    let mut parsed = DeTable::parse(&workload.class).expect("the catalogue has written it").into_inner();
    kind::tag(&mut parsed);
    let left_out = instead(class);
    for (key, value) in parsed {
        let key = key.into_inner();
        if !class.contains_key(&*key) && !left_out.contains(&&*key) {
            class.insert(Spanned::new(at.clone(), key), moved(value, &at));
        }
    }
    None
}

/// Two things that say when the requests of a class come.
fn twice(class: &DeTable<'_>) -> Option<Diagnostic> {
    let rate = class.get("rate")?;
    let help = [
        ("arrivals", "remove `rate`, which is of the preset's own arrivals"),
        ("share", "remove `share`, or `rate` to have it come by the scenario's `arrivals`"),
    ];
    let (key, other, help) = help.into_iter().find_map(|(key, help)| Some((key, class.get(key)?, help)))?;
    let message = format!("class {} has both `rate` and `{key}`", called(class));
    let diagnostic = Diagnostic::new(Some(rate.span()), message).label("arrivals of the preset");
    Some(diagnostic.also(other.span(), "and others").help(help))
}

/// Keys of a preset in whose place a class gives others, or none.
fn instead(class: &DeTable<'_>) -> Vec<&'static str> {
    let kind =
        |key: &str| class.get(key).map(|value| kind::tagged(value.get_ref()).map_or("", |(kind, _)| kind));
    let mut keys = Vec::new();
    if !class.contains_key("rate") {
        keys.push("arrivals");
    }
    if let Some(kind) = kind("session") {
        keys.extend(["input", "length_correlation", "prefix"]);
        if kind == "recorded" {
            keys.extend(["output", "reasoning", "reasoning_share"]);
        }
    }
    if class.contains_key("prompts") {
        keys.extend(["input", "length_correlation", "prefix", "session"]);
    }
    if class.contains_key("reasoning") {
        keys.push("reasoning_share");
    }
    if class.contains_key("reasoning_share") {
        keys.push("reasoning");
    }
    if kind("arrivals") == Some("trace") {
        keys.extend(["session", "reasoning_share"]);
    }
    keys
}

fn without_preset(class: &DeTable<'_>) -> Option<Diagnostic> {
    let rate = class.get("rate")?;
    let message = format!("class {} has a `rate` and no preset", called(class));
    let help = "add such as preset = \"chat\", or write arrivals = { kind = \"poisson\", rate = … }";
    Some(Diagnostic::new(Some(rate.span()), message).label("the rate of what?").help(help))
}

fn unknown(name: &str, at: Range<usize>, workloads: &[Workload]) -> Diagnostic {
    let names = || workloads.iter().map(|workload| workload.name.as_str());
    let diagnostic = Diagnostic::new(Some(at), format!("there is no preset '{name}'"));
    let meant = nearest(name, names()).map(|meant| format!("did you mean '{meant}'?"));
    let known = names().collect::<Vec<_>>().join(", ");
    let diagnostic = diagnostic.label(meant.unwrap_or_default()).help(format!("there are: {known}"));
    diagnostic.help("`tollgate init --presets` says what each is")
}

/// A class as messages name it.
fn called(class: &DeTable<'_>) -> String {
    let name = class.get("name").and_then(|name| name.get_ref().as_str());
    name.map_or("without a name".into(), |name| format!("`{name}`"))
}
