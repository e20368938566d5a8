//! Headers by which our client tells our mock which attempt this is, so that the mock draws for it
//! exactly what a simulation would.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::wire::{AttemptId, Job, Prefix, RequestId};

const REQUEST: HeaderName = HeaderName::from_static("x-tollgate-request");
const ATTEMPT: HeaderName = HeaderName::from_static("x-tollgate-attempt");
const ANSWER: HeaderName = HeaderName::from_static("x-tollgate-answer");
const REASONING: HeaderName = HeaderName::from_static("x-tollgate-reasoning");
const PREFIX: HeaderName = HeaderName::from_static("x-tollgate-prefix");
const PREFIX_TOKENS: HeaderName = HeaderName::from_static("x-tollgate-prefix-tokens");
const PREFIX_IS_LONG: HeaderName = HeaderName::from_static("x-tollgate-prefix-is-long");

/// What the headers say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hints {
    pub id: AttemptId,
    pub answer_tokens: u32,
    pub reasoning_tokens: u32,
    pub prefix: Option<Prefix>,
}

impl Hints {
    pub fn new(id: AttemptId, job: &Job) -> Hints {
        let Job { answer_tokens, reasoning_tokens, .. } = *job;
        Hints { id, answer_tokens, reasoning_tokens, prefix: job.request.prefix }
    }

    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(REQUEST, HeaderValue::from(self.id.request.0));
        headers.insert(ATTEMPT, HeaderValue::from(self.id.nth));
        headers.insert(ANSWER, HeaderValue::from(self.answer_tokens));
        headers.insert(REASONING, HeaderValue::from(self.reasoning_tokens));
        if let Some(Prefix { id, tokens, is_long }) = self.prefix {
            headers.insert(PREFIX, HeaderValue::from(id));
            headers.insert(PREFIX_TOKENS, HeaderValue::from(tokens));
            headers.insert(PREFIX_IS_LONG, HeaderValue::from(u16::from(is_long)));
        }
    }

    /// The hints of a call that carries all of them in good order.
    pub fn read(headers: &HeaderMap) -> Option<Hints> {
        let number = |name| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
        let prefix = || {
            let tokens = u32::try_from(number(PREFIX_TOKENS)?).ok()?;
            Some(Prefix { id: number(PREFIX)?, tokens, is_long: number(PREFIX_IS_LONG)? == 1 })
        };
        Some(Hints {
            id: AttemptId {
                request: RequestId(number(REQUEST)?),
                nth: u16::try_from(number(ATTEMPT)?).ok()?,
            },
            answer_tokens: u32::try_from(number(ANSWER)?).ok()?,
            reasoning_tokens: u32::try_from(number(REASONING)?).ok()?,
            prefix: if headers.contains_key(PREFIX) { Some(prefix()?) } else { None },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_not_whole_is_not() {
        let id = AttemptId { request: RequestId(u64::MAX), nth: 3 };
        let prefix = Some(Prefix { id: u64::MAX, tokens: 9, is_long: true });
        let hints = Hints { id, answer_tokens: 7, reasoning_tokens: 0, prefix };
        let mut headers = HeaderMap::new();
        hints.write(&mut headers);
        assert_eq!(Hints::read(&headers), Some(hints));
        headers.remove(PREFIX);
        assert_eq!(Hints::read(&headers), Some(Hints { prefix: None, ..hints }));
        headers.insert(PREFIX, HeaderValue::from_static("-1"));
        assert_eq!(Hints::read(&headers), None);
        hints.write(&mut headers);
        headers.insert(ATTEMPT, HeaderValue::from_static("65536"));
        assert_eq!(Hints::read(&headers), None);
    }
}
