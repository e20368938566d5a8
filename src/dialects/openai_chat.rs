//! OpenAI chat completions, streamed and whole: the dialect that most services and gateways also speak.

mod call;
mod chunk;
mod decoder;
mod encoder;
mod refusal;

use super::{Answer, Asked, Call, Decoder, Dialect, Encoded, Encoder, Generate, Target};
use crate::wire::Request;

pub struct OpenaiChat;

impl Dialect for OpenaiChat {
    fn encode(&self, target: &Target, request: &Request) -> Encoded {
        decoder::encode(target, request)
    }

    fn decoder(&self, request: &Request) -> Box<dyn Decoder> {
        Box::new(decoder::ChatDecoder::new(request))
    }

    fn read(&self, call: &Call<'_>) -> Result<Asked, Answer> {
        call::read(call)
    }

    fn encoder(&self, asked: &Generate) -> Box<dyn Encoder> {
        Box::new(encoder::ChatEncoder::new(asked))
    }
}

#[cfg(test)]
mod tests;
