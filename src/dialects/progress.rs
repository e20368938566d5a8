//! What an answer has said so far, whatever its dialect.

use serde::de::DeserializeOwned;

use super::json::Raw;
use super::{prompt, tier};
use crate::wire::{Fault, FaultKind, Finish, Kind, Reply, Request, Tier, Tokens, Usage};

/// The pieces of an answer, its usage as the provider counts it, and how it ends.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Pieces of each kind, which stand for tokens where the provider counts none.
    reasoning: u32,
    text: u32,
    pub usage: Option<Usage>,
    /// The provider's own record, as JSON.
    pub raw_usage: Option<Box<str>>,
    /// The answer reached its cap.
    pub is_cut: bool,
    /// The service tier that serves it.
    tier: Option<Tier>,
}

impl Progress {
    /// One piece of the answer has come.
    pub fn add(&mut self, kind: Kind, replies: &mut Vec<Reply>) {
        let pieces = match kind {
            Kind::Reasoning => &mut self.reasoning,
            Kind::Text => &mut self.text,
        };
        *pieces = pieces.saturating_add(1);
        replies.push(Reply::Tokens(Tokens { kind, count: 1, steady: None }));
    }

    /// A whole answer has come, of so many characters. Where a stream was asked for, they count as one chunk
    /// of each kind.
    pub fn add_whole(&mut self, chars: [(Kind, u64); 2], request: &Request, replies: &mut Vec<Reply>) {
        for (kind, chars) in chars {
            let count = prompt::estimate(chars);
            match kind {
                Kind::Reasoning => self.reasoning = count,
                Kind::Text => self.text = count,
            }
            if request.stream && count > 0 {
                replies.push(Reply::Tokens(Tokens { kind, count, steady: None }));
            }
        }
    }

    /// The service tier, by the provider's word for it.
    pub fn tell_tier(&mut self, word: Option<&str>) {
        self.tier = word.and_then(tier::read).or(self.tier);
    }

    /// The provider's usage record, read by `normalise`, which may find nothing counted in it. Says whether it did.
    pub fn tell<R: DeserializeOwned>(
        &mut self,
        raw: Raw<'_, R>,
        normalise: impl FnOnce(&R) -> Option<Usage>,
    ) -> Result<bool, Fault> {
        let text = raw.text();
        let record = raw
            .read()
            .map_err(|e| fault(FaultKind::Garbled, format!("the usage is no usage record: {e}")))?;
        let Some(usage) = normalise(&record) else { return Ok(false) };
        (self.usage, self.raw_usage) = (Some(usage), Some(text.into()));
        Ok(true)
    }

    /// The end of the answer. Where the provider gave no usage, it is counted.
    pub fn finish(&mut self, request: &Request) -> Finish {
        let counted = Usage {
            input: request.input_tokens,
            output: self.text,
            reasoning: self.reasoning,
            ..Usage::default()
        };
        let finish = Finish::new(self.usage.unwrap_or(counted), self.is_cut);
        Finish { raw_usage: self.raw_usage.take(), tier: self.tier, ..finish }
    }
}

/// A fault whose detail, which may quote the server, is kept short.
pub fn fault(kind: FaultKind, detail: impl Into<String>) -> Fault {
    let detail: String = detail.into();
    Fault::new(kind, detail.chars().take(DETAIL_CHARS_MAX).collect::<String>())
}

/// What is wrong with a whole body that could not be read as `what`.
pub fn garbled(body: &[u8], what: &str, error: &serde_json::Error) -> Fault {
    match error.is_eof() && !body.is_empty() {
        true => fault(FaultKind::Truncated, "the answer ends in the middle"),
        false => fault(FaultKind::Garbled, format!("the answer is not {what}: {error}")),
    }
}

const DETAIL_CHARS_MAX: usize = 200;
