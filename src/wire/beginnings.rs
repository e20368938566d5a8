//! What prompts begin with that others begin with, too.

use std::sync::Arc;

/// The beginnings that a prompt has in common with others, shortest first, each within the next: a system prompt, the
/// conversation so far, this turn. What follows the longest is the prompt's own.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Beginnings {
    #[default]
    None,
    One(Prefix),
    /// Two or more. Behind one pointer, so that a request with none or one is no larger for it.
    Many(Arc<Vec<Prefix>>),
}

impl Beginnings {
    /// These, all of them.
    pub fn new(mut prefixes: Vec<Prefix>) -> Beginnings {
        match prefixes.len() {
            0 => Beginnings::None,
            1 => prefixes.pop().map_or(Beginnings::None, Beginnings::One),
            _ => Beginnings::Many(Arc::new(prefixes)),
        }
    }

    pub fn as_slice(&self) -> &[Prefix] {
        match self {
            Beginnings::None => &[],
            Beginnings::One(prefix) => std::slice::from_ref(prefix),
            Beginnings::Many(prefixes) => prefixes,
        }
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Beginnings::None)
    }

    pub fn longest(&self) -> Option<&Prefix> {
        self.as_slice().last()
    }

    /// No cache is asked to keep any of them for hours.
    pub fn shorten(&mut self) {
        match self {
            Beginnings::None => {}
            Beginnings::One(prefix) => prefix.is_long = false,
            Beginnings::Many(prefixes) => {
                if prefixes.iter().any(|prefix| prefix.is_long) {
                    Arc::make_mut(prefixes).iter_mut().for_each(|prefix| prefix.is_long = false);
                }
            }
        }
    }
}

impl From<Option<Prefix>> for Beginnings {
    fn from(prefix: Option<Prefix>) -> Beginnings {
        prefix.map_or(Beginnings::None, Beginnings::One)
    }
}

/// Of a plan: what is not longer than the one before says nothing, and is left out.
impl From<Vec<Prefix>> for Beginnings {
    fn from(mut prefixes: Vec<Prefix>) -> Beginnings {
        let mut end = 0;
        prefixes.retain(|prefix| {
            let is_longer = prefix.tokens > end;
            end = end.max(prefix.tokens);
            is_longer
        });
        Beginnings::new(prefixes)
    }
}

/// A beginning that prompts have in common: what a provider's prompt cache can hold.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Prefix {
    /// Of two prompts with one of this id, the longer's begins with the shorter's, whatever stands before it
    /// included. One prompt may have an id more than once: where another that it goes on from has ended, too.
    pub id: u64,
    /// How much of the prompt it is, what stands before it included, in tokens: at most all of the prompt.
    pub tokens: u32,
    /// A cache that lets callers choose is asked to keep it for hours.
    pub is_long: bool,
    /// A cache is to store it; else only what is there is read.
    pub is_stored: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(id: u64, tokens: u32) -> Prefix {
        Prefix { id, tokens, is_long: true, is_stored: true }
    }

    #[test]
    fn of_a_planned_prompt_each_beginning_is_longer_than_the_one_before() {
        assert_eq!(Beginnings::from(vec![prefix(1, 0)]), Beginnings::None);
        assert_eq!(Beginnings::from(vec![prefix(1, 9), prefix(2, 9)]), Beginnings::One(prefix(1, 9)));
        let mut many = Beginnings::from(vec![prefix(1, 5), prefix(2, 4), prefix(2, 5), prefix(3, 7)]);
        assert_eq!(many.as_slice(), [prefix(1, 5), prefix(3, 7)]);
        assert_eq!(many.longest(), Some(&prefix(3, 7)));
        many.shorten();
        assert!(many.as_slice().iter().all(|prefix| !prefix.is_long));
        let mut one = Beginnings::One(prefix(1, 9));
        one.shorten();
        assert!(!one.as_slice()[0].is_long);
    }

    #[test]
    fn many_beginnings_take_no_more_room_in_a_request_than_one() {
        assert_eq!(size_of::<Beginnings>(), size_of::<Option<Prefix>>());
    }
}
