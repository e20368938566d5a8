//! Headers by which our client tells our mock which attempt this is, so that the mock draws for it
//! exactly what a simulation would.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::providers::{Headers, Target};
use crate::wire::{AttemptId, Beginnings, Job, Prefix, RequestId};

const REQUEST: HeaderName = HeaderName::from_static("x-tollgate-request");
const ATTEMPT: HeaderName = HeaderName::from_static("x-tollgate-attempt");
const ANSWER: HeaderName = HeaderName::from_static("x-tollgate-answer");
const REASONING: HeaderName = HeaderName::from_static("x-tollgate-reasoning");
const INPUT: HeaderName = HeaderName::from_static("x-tollgate-input");
const BEGINNINGS: HeaderName = HeaderName::from_static("x-tollgate-beginnings");
const PRIORITY: HeaderName = HeaderName::from_static("x-tollgate-priority");

/// What the headers say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hints {
    pub id: AttemptId,
    pub answer_tokens: u32,
    pub reasoning_tokens: u32,
    /// Prompt length, where the mock would guess another than a file of prompts says.
    pub input_tokens: Option<u32>,
    pub beginnings: Beginnings,
    pub priority: i32,
}

impl Hints {
    /// What a job is, as the endpoint of `target` counts its prompt.
    pub fn new(id: AttemptId, job: &Job, target: &Target) -> Hints {
        let Job { request, answer_tokens, reasoning_tokens, .. } = job;
        let is_from_file = request.content.row.is_some();
        Hints {
            id,
            answer_tokens: *answer_tokens,
            reasoning_tokens: *reasoning_tokens,
            input_tokens: is_from_file.then(|| target.images.counted(request.clone()).input_tokens),
            beginnings: request.beginnings.clone(),
            priority: request.priority,
        }
    }

    pub fn write(&self, headers: &mut Headers) {
        headers.push((REQUEST, HeaderValue::from(self.id.request.0)));
        headers.push((ATTEMPT, HeaderValue::from(self.id.nth)));
        headers.push((ANSWER, HeaderValue::from(self.answer_tokens)));
        headers.push((REASONING, HeaderValue::from(self.reasoning_tokens)));
        if let Some(tokens) = self.input_tokens {
            headers.push((INPUT, HeaderValue::from(tokens)));
        }
        if self.priority != 0 {
            headers.push((PRIORITY, HeaderValue::from(self.priority)));
        }
        let beginnings = told(self.beginnings.as_slice());
        if !beginnings.is_empty() {
            let value = HeaderValue::try_from(beginnings).expect("numbers, letters and commas can be sent");
            headers.push((BEGINNINGS, value));
        }
    }

    /// The hints of a call that carries all of them in good order.
    pub fn read(headers: &HeaderMap) -> Option<Hints> {
        let number = |name| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
        let request = RequestId(number(REQUEST)?);
        let beginnings = match headers.get(BEGINNINGS) {
            Some(value) => value.to_str().ok()?.split(',').map(heard).collect::<Option<Vec<_>>>()?,
            None => Vec::new(),
        };
        Some(Hints {
            id: AttemptId { request, nth: u16::try_from(number(ATTEMPT)?).ok()? },
            answer_tokens: u32::try_from(number(ANSWER)?).ok()?,
            reasoning_tokens: u32::try_from(number(REASONING)?).ok()?,
            input_tokens: match headers.contains_key(INPUT) {
                true => Some(u32::try_from(number(INPUT)?).ok()?),
                false => None,
            },
            beginnings: Beginnings::new(beginnings),
            priority: match headers.get(PRIORITY) {
                Some(value) => value.to_str().ok()?.parse().ok()?,
                None => 0,
            },
        })
    }
}

/// Beginnings as a header has them: of each id the longest, and of more than [`BEGINNINGS_MAX`] the shortest, which
/// most others share, and the longest.
fn told(beginnings: &[Prefix]) -> String {
    let is_last = |at: usize| beginnings.get(at + 1).is_none_or(|next| next.id != beginnings[at].id);
    let ends: Vec<&Prefix> =
        (0..beginnings.len()).filter(|at| is_last(*at)).map(|at| &beginnings[at]).collect();
    let cut = ends.len().saturating_sub(BEGINNINGS_MAX);
    let kept = ends.iter().take(1).chain(ends.iter().skip(1 + cut));
    let words = kept.map(|Prefix { id, tokens, is_long, is_stored }| {
        let (long, stored) = (if *is_long { "l" } else { "" }, if *is_stored { "s" } else { "" });
        format!("{id}:{tokens}:{long}{stored}")
    });
    words.collect::<Vec<_>>().join(",")
}

fn heard(word: &str) -> Option<Prefix> {
    let mut parts = word.split(':');
    let (id, tokens, flags) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    let (is_long, is_stored) = (flags.contains('l'), flags.contains('s'));
    parts.next().is_none().then_some(Prefix { id, tokens, is_long, is_stored })
}

/// So many beginnings take some 200 bytes.
const BEGINNINGS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(id: u64, tokens: u32) -> Prefix {
        Prefix { id, tokens, is_long: id == 1, is_stored: true }
    }

    fn hints(beginnings: Vec<Prefix>) -> Hints {
        let id = AttemptId { request: RequestId(u64::MAX), nth: 3 };
        Hints {
            id,
            answer_tokens: 7,
            reasoning_tokens: 0,
            input_tokens: Some(9),
            beginnings: Beginnings::new(beginnings),
            priority: -3,
        }
    }

    fn written(hints: &Hints) -> HeaderMap {
        let mut headers = Headers::new();
        hints.write(&mut headers);
        headers.into_iter().collect()
    }

    #[test]
    fn what_is_written_is_read_and_what_is_not_whole_is_not() {
        let mut headers = HeaderMap::new();
        for beginnings in [vec![], vec![prefix(u64::MAX, 9)], vec![prefix(1, 9), prefix(2, u32::MAX)]] {
            let hints = hints(beginnings);
            headers = written(&hints);
            assert_eq!(Hints::read(&headers), Some(hints));
        }
        for garbled in ["-1:2:s", "1:2", "1", "", "1:2:s,", "1:2:s:s", "1:4294967296:s"] {
            headers.insert(BEGINNINGS, HeaderValue::from_static(garbled));
            assert_eq!(Hints::read(&headers), None, "{garbled}");
        }
        headers.remove(BEGINNINGS);
        assert!(Hints::read(&headers).is_some());
        headers.insert(PRIORITY, HeaderValue::from_static("2147483648"));
        assert_eq!(Hints::read(&headers), None);
        headers.remove(PRIORITY);
        assert_eq!(Hints::read(&headers).map(|hints| hints.priority), Some(0));
        headers.insert(ATTEMPT, HeaderValue::from_static("65536"));
        assert_eq!(Hints::read(&headers), None);
    }

    #[test]
    fn of_many_beginnings_the_shortest_and_the_longest_are_told() {
        let told = |beginnings: Vec<Prefix>| {
            let read = Hints::read(&written(&hints(beginnings))).unwrap().beginnings;
            read.as_slice().iter().map(|prefix| (prefix.id, prefix.tokens)).collect::<Vec<_>>()
        };
        let expected: Vec<_> = [0].into_iter().chain(13..20).map(|id| (id, 10 * (id as u32 + 1))).collect();
        assert_eq!(told((0..20).map(|id| prefix(id, 10 * (id as u32 + 1))).collect()), expected);
        assert_eq!(told((0..20).map(|id| prefix(id / 10, id as u32 + 1)).collect()), [(0, 10), (1, 20)]);
    }
}
