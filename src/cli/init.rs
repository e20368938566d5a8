//! `tollgate init`: a scenario to start from, that runs as it is.

use std::path::PathBuf;

use tollgate::catalogue::{Catalogue, Workload};
use tollgate::error::{Error, ExitCode, Result};

use super::{output, put};

/// Write a commented scenario to start from
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tollgate init --preset chat chat.toml\n  tollgate init --presets")]
pub struct Args {
    /// The file to write
    #[arg(default_value = "tollgate.toml")]
    file: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
    /// With traffic as it was measured, such as chat
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// List the presets: what each is and where it is from
    #[arg(long, conflicts_with_all = ["file", "force", "preset"])]
    presets: bool,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let catalogue = Catalogue::embedded();
    if args.presets {
        let listed: String = catalogue.workloads.iter().map(listed).collect();
        output::say(&listed)?;
        return Ok(ExitCode::Fine);
    }
    let text = match &args.preset {
        None => TEMPLATE.to_string(),
        Some(name) => scenario(Workload::find(&catalogue.workloads, name).map_err(Error::usage)?),
    };
    put::put(&args.file, text.as_bytes(), args.force)?;
    let file = args.file.display();
    output::say(&format!("wrote {file}; next: tollgate check {file}, then tollgate simulate {file}\n"))?;
    Ok(ExitCode::Fine)
}

/// A preset in the list of all.
fn listed(workload: &Workload) -> String {
    let Workload { name, about, source, dated, licence, .. } = workload;
    format!("{name:<17} {about}\n{:17} {source}; {dated}, {licence}\n", "")
}

/// A scenario whose only class is of this preset.
fn scenario(workload: &Workload) -> String {
    let Workload { name, about, source, dated, licence, notes, class, .. } = workload;
    let keys: toml::Table = class.parse().expect("the catalogue has written it");
    let (rate, unit, duration) = match keys.contains_key("session") {
        true => ("0.01", "conversations begun", "8h"),
        false => ("4", "requests", "1h"),
    };
    let origin = [format!("Traffic: {about}."), format!("Source: {source}; {dated}, {licence}.")];
    let origin = origin.iter().chain(notes).map(|text| comment(text)).collect::<Vec<_>>();
    let images = match keys.contains_key("images") {
        true => "image_tokens = 650 # what the model counts for an image of this size\n",
        false => "",
    };
    let keys = keys.iter().map(|(key, value)| format!("# {key} = {}", shown(value))).collect::<Vec<_>>();
    let filled = [
        ("{origin}", origin.join("\n")),
        ("{name}", name.clone()),
        ("{duration}", duration.into()),
        ("{rate}", rate.into()),
        ("{unit}", unit.into()),
        ("{keys}", keys.join("\n")),
        ("{images}", images.into()),
    ];
    filled.iter().fold(PRESET.to_string(), |text, (place, value)| text.replace(place, value))
}

/// Text as lines of a comment.
fn comment(text: &str) -> String {
    let mut lines = vec![String::from("#")];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < WIDTH => *line += &format!(" {word}"),
            _ => lines.push(format!("# {word}")),
        }
    }
    lines.join("\n")
}

/// A value on a line, of a long curve only how it begins.
fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::Array(items) if items.len() > CURVE && items[0].is_float() => {
            let first = items[..3].iter().map(toml::Value::to_string).collect::<Vec<_>>();
            format!("[{}, … {} in all]", first.join(", "), items.len())
        }
        toml::Value::Table(table) => {
            let (kind, others): (Vec<_>, Vec<_>) = table.iter().partition(|(key, _)| *key == "kind");
            let entries = kind.into_iter().chain(others);
            let entries = entries.map(|(key, value)| format!("{key} = {}", shown(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Columns of a comment.
const WIDTH: usize = 120;

/// More numbers than this in a row say nothing to a reader.
const CURVE: usize = 12;

const TEMPLATE: &str = include_str!("init.toml");

const PRESET: &str = include_str!("init-preset.toml");

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate::client::arrivals::AnyArrivals;
    use tollgate::client::lengths::AnyLength;
    use tollgate::client::routers::AnyRouter;
    use tollgate::scenario::Scenario;

    #[test]
    fn a_scenario_of_every_preset_is_sound_and_says_where_it_is_from() {
        for workload in &Catalogue::embedded().workloads {
            let text = scenario(workload);
            let unwrapped = text.replace("\n# ", " ");
            assert!(unwrapped.contains(&workload.source) && !text.contains("{name}"), "{text}");
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.toml");
            std::fs::write(&path, &text).unwrap();
            let read = Scenario::load(&path);
            let read = read.unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(read.warnings(), Vec::<String>::new(), "{}", workload.name);
        }
    }

    #[test]
    fn the_template_names_every_kind_there_is_to_choose_from() {
        for kinds in [AnyArrivals::KINDS, AnyLength::KINDS, AnyRouter::KINDS] {
            assert!(TEMPLATE.contains(&format!(": {}.", kinds.join(", "))), "{kinds:?}");
        }
    }
}
