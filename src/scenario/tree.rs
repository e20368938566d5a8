//! The scenario's text as a tree whose every key and value knows its place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::kind::{TAG, tagged};

pub type Node<'i> = Spanned<DeValue<'i>>;

/// One step down the tree. The kind of a tagged table is a step of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Index(usize),
    Key(String),
}

impl Step {
    /// The kind, if this is the step into a tagged table's settings.
    pub fn kind(&self) -> Option<&str> {
        match self {
            Step::Index(_) => None,
            Step::Key(key) => key.strip_prefix(TAG),
        }
    }
}

/// The deepest entry whose key or value stands at `span`.
pub fn find(table: &DeTable<'_>, span: &Range<usize>) -> Option<Vec<Step>> {
    table.iter().find_map(|(key, value)| {
        let is_here = key.span() == *span || value.span() == *span;
        let below = find_in(value, span).or(is_here.then(Vec::new))?;
        Some([vec![Step::Key(key.get_ref().to_string())], below].concat())
    })
}

fn find_in(value: &Node<'_>, span: &Range<usize>) -> Option<Vec<Step>> {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            let below = find_in(item, span).or((item.span() == *span).then(Vec::new))?;
            Some([vec![Step::Index(index)], below].concat())
        }),
        DeValue::Table(table) => find(table, span),
        _ => None,
    }
}

pub fn get<'a, 'i>(root: &'a DeTable<'i>, path: &[Step]) -> Option<&'a Node<'i>> {
    let (first, rest) = path.split_first()?;
    let Step::Key(key) = first else { return None };
    rest.iter().try_fold(root.get(key.as_str())?, |value, step| match step {
        Step::Index(index) => value.get_ref().as_array()?.get(*index),
        Step::Key(key) => value.get_ref().as_table()?.get(key.as_str()),
    })
}

/// Takes out the entry at `path`; false where there is none. The step into a kind is no entry of its
/// own: its table goes.
pub fn remove(root: &mut Spanned<DeTable<'_>>, path: &[Step]) -> bool {
    let Some((last, above)) = path.split_last() else { return false };
    if last.kind().is_some() && !above.is_empty() {
        return remove(root, above);
    }
    match (table_mut(root.get_mut(), above), last) {
        (Some(Inner::Array(items)), Step::Index(index)) if *index < items.len() => {
            let kept = std::mem::replace(items, DeArray::new()).into_iter().enumerate();
            *items = kept.filter(|(at, _)| at != index).map(|(_, item)| item).collect();
            true
        }
        (Some(Inner::Table(table)), Step::Key(key)) => table.remove(key.as_str()).is_some(),
        _ => false,
    }
}

/// Makes the tagged table around the step `path` an ordinary one again, without its kind.
pub fn untag(root: &mut Spanned<DeTable<'_>>, path: &[Step]) -> bool {
    let Some((Step::Key(tag), above)) = path.split_last() else { return false };
    let Some(Inner::Table(table)) = table_mut(root.get_mut(), above) else { return false };
    match table.remove(tag.as_str()).map(Spanned::into_inner) {
        Some(DeValue::Table(settings)) => {
            *table = settings;
            true
        }
        _ => false,
    }
}

enum Inner<'a, 'i> {
    Array(&'a mut DeArray<'i>),
    Table(&'a mut DeTable<'i>),
}

fn table_mut<'a, 'i>(root: &'a mut DeTable<'i>, path: &[Step]) -> Option<Inner<'a, 'i>> {
    path.iter().try_fold(Inner::Table(root), |inner, step| {
        let value = match (inner, step) {
            (Inner::Array(items), Step::Index(index)) => items.get_mut(*index)?,
            (Inner::Table(table), Step::Key(key)) => table.get_mut(key.as_str())?,
            _ => return None,
        };
        match value.get_mut() {
            DeValue::Array(items) => Some(Inner::Array(items)),
            DeValue::Table(table) => Some(Inner::Table(table)),
            _ => None,
        }
    })
}

/// The same entry as if all of it stood at one place.
pub fn moved<'i>(entry: Node<'i>, at: &Range<usize>) -> Node<'i> {
    let value = match entry.into_inner() {
        DeValue::Array(items) => DeValue::Array(items.into_iter().map(|item| moved(item, at)).collect()),
        DeValue::Table(table) => DeValue::Table(
            table
                .into_iter()
                .map(|(key, value)| (Spanned::new(at.clone(), key.into_inner()), moved(value, at)))
                .collect(),
        ),
        other => other,
    };
    Spanned::new(at.clone(), value)
}

/// The place of the value at `path`, written `endpoints.2.url`, or of the nearest one around it that
/// is there. `None` for the file as a whole.
pub fn span_of(root: &DeTable<'_>, path: &str) -> Option<Range<usize>> {
    let mut keys = path.split('.');
    let mut node = root.get(keys.next()?)?;
    for key in keys {
        while let Some((_, settings)) = tagged(node.get_ref()) {
            node = settings;
        }
        let next = match node.get_ref() {
            DeValue::Array(items) => key.parse().ok().and_then(|index: usize| items.get(index)),
            DeValue::Table(table) => table.get(key),
            _ => None,
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    Some(node.span())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_below_nested_kinds_are_exact() {
        let text = "a = { kind = 'outer', parts = [{ kind = 'inner', x = 1 }, { kind = 'inner', y.z = 2 }] }";
        let mut root = DeTable::parse(text).unwrap();
        crate::kind::tag(root.get_mut());
        let at = |path: &str| span_of(root.get_ref(), path).map(|span| &text[span]);
        assert_eq!(at("a.parts.0.x"), Some("1"));
        assert_eq!(at("a.parts.1.y.z"), Some("2"));
        assert_eq!(at("a.parts.1.missing"), Some("{ kind = 'inner', y.z = 2 }"));
        assert_eq!(at("missing"), None);

        let kind = text.rfind("'inner'").unwrap();
        let path = find(root.get_ref(), &(kind..kind + "'inner'".len())).unwrap();
        assert_eq!(path.last().and_then(Step::kind), Some("inner"));
        assert!(remove(&mut root, &path));
        assert_eq!(span_of(root.get_ref(), "a.parts.1"), span_of(root.get_ref(), "a.parts"));
    }
}
