//! Reading an answer, streamed or whole.

use super::response::Response;
use crate::dialects::Reader;
use crate::dialects::json::parse;
use crate::dialects::progress::{Progress, fault, garbled};
use crate::dialects::template::Template;
use crate::wire::{Fault, FaultKind, Finish, Kind, Reply, Request};

/// Reads the answer to one request.
///
/// A stream of Gemini's has no last event. Any chunk may carry a finish reason or a usage record, of which the
/// last counts, so the answer ends with its body, which is what the official clients wait for. Latencies are
/// those of tokens and do not grow by it.
pub struct GeminiReader {
    request: Request,
    template: Option<Template>,
    progress: Progress,
    is_finished: bool,
}

impl GeminiReader {
    pub fn new(request: &Request) -> GeminiReader {
        GeminiReader {
            request: request.clone(),
            template: None,
            progress: Progress::default(),
            is_finished: false,
        }
    }

    /// Reads a chunk in full. The kind, if it was one piece of it and nothing else.
    fn read(&mut self, chunk: &[u8], replies: &mut Vec<Reply>) -> Result<Option<Kind>, Fault> {
        let mut chunk: Response<'_> = parse(chunk)
            .map_err(|e| fault(FaultKind::Garbled, format!("an event of the stream is not a chunk: {e}")))?;
        chunk.check()?;
        let is_plain = !chunk.tell_usage(&mut self.progress)?;
        let mut is_end = false;
        let before = replies.len();
        for candidate in chunk.candidates.iter().flatten() {
            for (kind, _) in candidate.parts().filter(|(_, chars)| *chars > 0) {
                self.progress.add(kind, replies);
            }
            if let Some(reason) = candidate.finish_reason.as_ref().filter(|reason| !reason.is_empty()) {
                is_end = true;
                self.progress.is_cut |= reason == MAX_TOKENS;
            }
        }
        self.is_finished |= is_end;
        Ok(match replies[before..] {
            [Reply::Tokens(tokens)] if is_plain && !is_end => Some(tokens.kind),
            _ => None,
        })
    }
}

impl Reader for GeminiReader {
    fn on_event(
        &mut self,
        _name: &[u8],
        data: &[u8],
        replies: &mut Vec<Reply>,
    ) -> Result<Option<Finish>, Fault> {
        if let Some(template) = &self.template
            && template.fits(data)
        {
            self.progress.add(template.kind, replies);
            return Ok(None);
        }
        if data.trim_ascii().is_empty() {
            return Ok(None);
        }
        if let Some(kind) = self.read(data, replies)? {
            self.template = Template::learn(data, kind, &[b"\"text\":", b"\"stringValue\":"]);
        }
        Ok(None)
    }

    fn on_end(&mut self) -> Result<Finish, Fault> {
        match self.is_finished {
            true => Ok(self.progress.finish(&self.request)),
            false => Err(fault(FaultKind::Truncated, "the stream ended without a finish reason")),
        }
    }

    fn on_whole(&mut self, body: &[u8], replies: &mut Vec<Reply>) -> Result<Finish, Fault> {
        let mut response: Response<'_> =
            parse(body).map_err(|error| garbled(body, "a response of Gemini's", &error))?;
        response.check()?;
        let mut progress = Progress::default();
        response.tell_usage(&mut progress)?;
        let candidates = response.candidates.unwrap_or_default();
        if candidates.is_empty() {
            return Err(fault(FaultKind::Garbled, "the answer has no candidates"));
        }
        let mut sums = [(Kind::Reasoning, 0u64), (Kind::Text, 0)];
        for (kind, chars) in candidates.iter().flat_map(|candidate| candidate.parts()) {
            let sum = sums.iter_mut().find(|(of, _)| *of == kind).expect("there is a sum of each kind");
            sum.1 = sum.1.saturating_add(chars);
        }
        progress.is_cut = candidates.iter().any(|one| one.finish_reason.as_deref() == Some(MAX_TOKENS));
        progress.add_whole(sums, &self.request, replies);
        Ok(progress.finish(&self.request))
    }
}

/// The reason of an answer that reached its cap.
const MAX_TOKENS: &str = "MAX_TOKENS";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::testing::request;

    #[test]
    fn a_piece_is_known_by_the_one_before_it() {
        let mut reader = GeminiReader::new(&request(true));
        let mut read = |piece: &str| {
            let chunk = format!(
                r#"{{"candidates": [{{"content": {{"role": "model","parts": [{piece}]}}}}],"usageMetadata": {{"trafficType": "ON_DEMAND"}}}}"#
            );
            let fits = reader.template.as_ref().is_some_and(|template| template.fits(chunk.as_bytes()));
            let mut replies = Vec::new();
            reader.on_event(b"", chunk.as_bytes(), &mut replies).unwrap();
            (fits, replies.len())
        };
        assert_eq!(read(r#"{"text": " a"}"#), (false, 1));
        assert_eq!(read(r#"{"text": " b"}"#), (true, 1));
        assert_eq!(read(r#"{"text": ""}"#), (false, 0));
        assert_eq!(read(r#"{"text": "a","thought": true}"#), (false, 1));
        assert_eq!(read(r#"{"text": "b","thought": true}"#), (true, 1));
        let piece =
            |text: &str| format!(r#"{{"functionCall": {{"partialArgs": [{{"stringValue": "{text}"}}]}}}}"#);
        assert_eq!(read(&piece("a")), (false, 1));
        assert_eq!(read(&piece("b")), (true, 1));
        assert_eq!(read(&piece("")), (false, 0));
        assert_eq!(read(r#"{"functionCall": {"partialArgs": [{"numberValue": 1}]}}"#), (false, 1));
        assert_eq!(read(r#"{"functionCall": {}},{"inlineData": {}}"#), (false, 0));
    }
}
