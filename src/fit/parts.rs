//! A log parted by who sent its requests: the largest tenants each by itself, and all others together.

use std::collections::{BTreeMap, BTreeSet};

use super::log::Log;
use crate::error::Result;
use crate::traces::{Record, Trace};

/// The parts of a log, the largest tenant first and the others last; a request of no tenant is of the others.
#[derive(Clone, Debug, Default)]
pub struct Parts(pub Vec<Part>);

/// What one tenant sent, or all others together.
#[derive(Clone, Debug)]
pub struct Part {
    /// What its class is called.
    pub name: String,
    /// None of the others.
    tenant: Option<u64>,
    pub log: Log,
}

impl Part {
    /// What its requests of no conversation are called beside its conversations.
    pub fn alone(&self) -> String {
        format!("{}{ALONE}", self.name)
    }

    /// Whether the class of this name has requests of this part.
    pub fn has_class(&self, name: &str) -> bool {
        name == self.name || name.strip_suffix(ALONE) == Some(&self.name)
    }

    fn new(name: String, tenant: Option<u64>, whole: &Log) -> Part {
        Part { name, tenant, log: whole.empty() }
    }
}

impl Parts {
    /// Empty ones for the so many tenants of a log that sent most, those left out of whose requests none was answered,
    /// and for all others.
    pub(super) fn largest(whole: &Log, most: usize) -> Parts {
        let answered = whole.tenants.iter().filter(|(_, sent)| sent.answered > 0);
        let mut tenants: Vec<(u64, u64)> = answered.map(|(tenant, sent)| (sent.requests, *tenant)).collect();
        tenants.sort_unstable_by(|a, b| b.cmp(a));
        tenants.truncate(most);
        let numbered = tenants.iter().zip(1..);
        let part =
            |((_, tenant), nth): (&(u64, u64), u32)| Part::new(format!("tenant {nth}"), Some(*tenant), whole);
        let others = Part::new(OTHERS.into(), None, whole);
        Parts(numbered.map(part).chain([others]).collect())
    }

    /// So many, each for the tenant that is its place.
    pub(super) fn numbered(whole: &Log, parts: usize) -> Parts {
        let part = |nth: u64| Part::new(String::new(), Some(nth), whole);
        Parts((0..parts as u64).map(part).collect())
    }

    pub(super) fn add(&mut self, record: &Record) -> Result<()> {
        let is_own = |part: &&mut Part| part.tenant.is_none() || part.tenant == record.tenant;
        self.0.iter_mut().find(is_own).map_or(Ok(()), |part| part.log.add(record))
    }

    /// Names them as the log does, where it does.
    pub(super) fn name(&mut self, traces: &[Trace]) -> Result<()> {
        let mut wanted: BTreeSet<u64> = self.0.iter().filter_map(|part| part.tenant).collect();
        let mut names = BTreeMap::new();
        for trace in traces {
            let found = trace.tenant_names(&wanted)?;
            wanted.retain(|tenant| !found.contains_key(tenant));
            names.extend(found);
        }
        let mut taken = vec![OTHERS.to_string()];
        for part in &mut self.0 {
            let Some(tenant) = part.tenant else { continue };
            let told = names
                .get(&tenant)
                .map(|name| short(name.trim_start_matches(FORMULA).trim()))
                .filter(|name| !name.is_empty());
            part.name = unlike(&taken, told.unwrap_or_else(|| part.name.clone()));
            taken.extend([part.name.clone(), part.alone()]);
        }
        Ok(())
    }

    /// All requests of the log are there. Parts without an answer, which can only be that of the others, are left out.
    pub(super) fn end(&mut self, whole: &Log) {
        self.0.retain(|part| part.log.all.input.total() > 0);
        self.0.iter_mut().for_each(|part| part.log.end_within(whole));
    }
}

/// What is too long for a name, or may be a secret key, by its beginning.
fn short(name: &str) -> String {
    let is_key = name.starts_with("sk-") || name.chars().count() > NAME_MAX;
    if is_key { name.chars().take(KEY_SHOWN).collect::<String>() + "…" } else { name.into() }
}

/// The name, with a number where another has it.
fn unlike(taken: &[String], name: String) -> String {
    let is_free = |name: &String| {
        let alone = format!("{name}{ALONE}");
        !taken.iter().any(|other| other == name || *other == alone)
    };
    let numbered = (2..).map(|nth| format!("{name} ({nth})"));
    std::iter::once(name.clone()).chain(numbered).find(is_free).expect("there are more numbers than names")
}

/// No name begins so, as spreadsheets would take it for a formula.
const FORMULA: [char; 5] = ['=', '+', '-', '@', ' '];

const OTHERS: &str = "others";

const ALONE: &str = ", without conversation";

/// Characters of a name that is told whole, and of the beginning of a longer one.
const NAME_MAX: usize = 40;
const KEY_SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_may_be_a_key_is_told_by_its_beginning() {
        assert_eq!(short("sk-0123456789"), "sk-01234…");
        assert_eq!(short(&"é".repeat(41)), format!("{}…", "é".repeat(8)));
        assert_eq!(short(&"é".repeat(40)), "é".repeat(40));
    }

    #[test]
    fn names_and_those_of_requests_beside_conversations_differ() {
        let taken = ["a", "a, without conversation"].map(String::from);
        assert_eq!(unlike(&taken, "a".into()), "a (2)");
        assert_eq!(unlike(&taken, "b".into()), "b");
        assert_eq!(unlike(&taken[..1], "a, without conversation".into()), "a, without conversation");
        let alone = ["b, without conversation".to_string()];
        assert_eq!(unlike(&alone, "b".into()), "b (2)", "its second class would have the other's name");
    }
}
