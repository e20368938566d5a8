//! Workloads as they were measured: what comes, when and how long, for a class of a scenario to take over.

use jiff::civil::Date;
use serde::Deserialize;
use serde::de::Error as _;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use super::files;
use crate::client::workload::Class;
use crate::error::Result as Outcome;
use crate::kind;
use crate::number::Positive;

/// A kind of traffic, and how it is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// What a class calls it, such as `chat`.
    pub name: String,
    /// What it is, in a few words.
    pub about: String,
    /// Who published what it is made of.
    pub source: String,
    /// When that was recorded, or read where the source does not say.
    pub dated: Date,
    /// Under which terms the source's data are.
    pub licence: String,
    /// What of it is measured, read off a figure, or chosen by us: a sentence each.
    pub notes: Vec<String>,
    /// Different beginnings of prompts that are in use for each request a second: `prefix.groups`, where they are
    /// users' own and so as many as there are users.
    pub groups_per_rate: Option<Positive>,
    /// The keys of a class, as TOML. Arrivals are one a second in the mean.
    #[serde(deserialize_with = "text")]
    pub class: String,
}

impl Workload {
    /// Those of the files among these that hold some. Of two with one name the last one counts.
    pub fn all(files: &[files::File]) -> Outcome<Vec<Workload>> {
        let mut all: Vec<Workload> = Vec::new();
        for file in files.iter().filter(|file| file.is_in(files::WORKLOADS)) {
            let said: Said = file.parse()?;
            for new in said.workload {
                let (at, new) = (new.span().start, new.into_inner());
                if let Some(problem) = new.problem() {
                    return Err(file.error(at, &format!("the class of workload {}: {problem}", new.name)));
                }
                all.retain(|known| known.name != new.name);
                all.push(new);
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Why its keys are none of a class, if so.
    fn problem(&self) -> Option<String> {
        let named = format!("name = \"c\"\n{}", self.class);
        let table = DeTable::parse(&named).map(|mut table| {
            kind::tag(table.get_mut());
            table
        });
        let read = table.and_then(|table| Class::deserialize(Deserializer::from(table)));
        read.err().map(|error| error.message().trim_end().to_string())
    }

    /// The one of a name, or which there are.
    pub fn find<'a>(all: &'a [Workload], name: &str) -> Result<&'a Workload, String> {
        let names = || all.iter().map(|workload| workload.name.as_str()).collect::<Vec<_>>();
        all.iter()
            .find(|workload| workload.name == name)
            .ok_or_else(|| kind::unnamed("preset", name, &names()))
    }
}

/// What one file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    #[serde(default)]
    workload: Vec<Spanned<Workload>>,
}

fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    toml::to_string(&toml::Table::deserialize(deserializer)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn every_workload_of_ours_says_where_it_is_from() {
        for workload in &Catalogue::embedded().workloads {
            let Workload { name, about, source, dated, licence, notes, .. } = workload;
            assert!(!about.is_empty() && source.len() > 20 && !licence.is_empty(), "{name}");
            assert!(dated.year() >= 2023 && !notes.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_file_s_workload_takes_the_place_of_ours() {
        let file = |name: &str, about: &str| files::File {
            name: name.into(),
            text: format!(
                "[[workload]]\nname = \"chat\"\nabout = \"{about}\"\nsource = \"s\"\ndated = \"2026-11-21\"\n\
                 licence = \"l\"\nnotes = []\nclass = {{ max_tokens = 7 }}"
            )
            .into(),
        };
        let all =
            Workload::all(&[file("workloads/a.toml", "ours"), file("workloads/b.toml", "theirs")]).unwrap();
        assert_eq!(all.iter().map(|workload| workload.about.as_str()).collect::<Vec<_>>(), ["theirs"]);
        assert_eq!(all[0].class, "max_tokens = 7\n");
        assert!(Workload::all(&[file("quotas/a.toml", "none")]).unwrap().is_empty());
    }

    #[test]
    fn a_workload_that_is_no_class_is_named_with_its_line() {
        let text = "# Ours.\n\n[[workload]]\nname = \"w\"\nabout = \"a\"\nsource = \"s\"\ndated = \"2026-11-21\"\n\
                    licence = \"l\"\nnotes = []\nclass = { inptu = { kind = \"fixed\", tokens = 5 } }";
        let file = files::File { name: "workloads/a.toml".into(), text: text.into() };
        let problem = Workload::all(&[file]).unwrap_err().to_string();
        let start =
            "workloads/a.toml of the catalogue, line 3: the class of workload w: unknown field `inptu`";
        assert!(problem.starts_with(start), "{problem}");
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let problem = Workload::find(&Catalogue::embedded().workloads, "caht").unwrap_err();
        assert!(problem.contains("there is no preset 'caht'; did you mean 'chat'?"), "{problem}");
    }
}
