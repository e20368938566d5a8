//! Images that prompts hold: how many, and one file of the right size that stands for all of them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use png::chunk::ChunkType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lengths::AnyLength;
use crate::rng::{Purpose, Rng, mix};
use crate::wire::Images;

/// The images of a class's prompts, all of one size.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pictures {
    /// How many a prompt holds, 3,600 at most: a distribution as for lengths, with `tokens` read as images. Where it is
    /// not given, as many as the log tells that is replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<AnyLength>,
    /// In pixels: what services count tokens by.
    #[serde(default = "default_width")]
    pub width: u16,
    /// In pixels.
    #[serde(default = "default_height")]
    pub height: u16,
    /// Length of each file, before base64 makes it a third longer on the wire; two bits a pixel, as in a photograph,
    /// where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u32>,
    /// The most tokens that an endpoint counts for one.
    #[serde(skip)]
    pub tokens_each: u32,
    /// The fewest tokens that an endpoint counts for one.
    #[serde(skip)]
    pub tokens_least: u32,
}

impl Pictures {
    /// The images of a request, of which the log that is replayed tells `recorded`.
    pub fn draw(&self, recorded: u32, key: u64, rng: &Rng) -> Images {
        let drawn = self.count.as_ref().map(|count| count.draw(&mut rng.of(Purpose::Images, key, 0)));
        let count = drawn.unwrap_or(recorded).min(COUNT_MAX) as u16;
        Images { count, width: self.width, height: self.height, tokens_each: self.tokens_each }
    }

    /// Length of a prompt in tokens with its images, of which `input_tokens` are drawn or recorded. A recorded length
    /// is what a service counted, its images included: so long a prompt is where images count least, unless they alone
    /// count as much.
    pub fn prompt_tokens(&self, input_tokens: u32, images: &Images) -> u32 {
        let text = match self.count {
            None if images.count > 0 => {
                let within = self.tokens_least.saturating_mul(images.count.into());
                input_tokens.saturating_sub(within).max(TEXT_MIN)
            }
            None | Some(_) => input_tokens,
        };
        text.saturating_add(images.tokens())
    }

    /// What is wrong with the settings, if anything.
    pub fn problem(&self) -> Option<String> {
        let sides = 1..=SIDE_MAX;
        if !sides.contains(&self.width) || !sides.contains(&self.height) {
            let (width, height) = (self.width, self.height);
            return Some(format!(
                "an image of {width} × {height} pixels; services take 1 to {SIDE_MAX} a side"
            ));
        }
        if let Some(problem) = self.count.as_ref().and_then(|count| count.problem()) {
            return Some(problem);
        }
        if self.count.as_ref().is_some_and(|count| count.mean() > f64::from(COUNT_MAX)) {
            return Some(format!("more than {COUNT_MAX} images in a prompt; no service takes so many"));
        }
        let bytes = self.bytes?;
        if bytes > BYTES_MAX {
            return Some(format!("`bytes` = {bytes} is above {BYTES_MAX}, more than services take"));
        }
        let least = self.encoded(0).len();
        ((bytes as usize) < least)
            .then(|| format!("`bytes` = {bytes} is too few: the picture itself has {least}"))
    }

    /// The file in base64: a PNG picture that readers take, filled up to its length with a chunk that they skip.
    pub fn payload(&self) -> Bytes {
        let photograph = u32::from(self.width) * u32::from(self.height) / 4;
        let bytes = self.bytes.unwrap_or(photograph) as usize;
        let filling = bytes.saturating_sub(self.encoded(0).len());
        BASE64_STANDARD.encode(self.encoded(filling)).into()
    }

    /// The picture, and after it a chunk of so many bytes.
    fn encoded(&self, filling: usize) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width.into(), self.height.into());
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        let pixels: Vec<u8> = (0..u32::from(self.width) * u32::from(self.height))
            .map(|at| ((at % u32::from(self.width)) * 255 / u32::from(self.width)) as u8)
            .collect();
        let mut writer = encoder.write_header().expect("a picture of some pixels has a header");
        writer.write_image_data(&pixels).expect("there is a byte for each pixel");
        let filling: Vec<u8> = (0..filling as u64).map(|at| mix(at) as u8).collect();
        writer.write_chunk(FILLING, &filling).expect("memory takes what is written");
        writer.finish().expect("memory takes what is written");
        file
    }
}

/// An ancillary, private chunk, that readers skip.
const FILLING: ChunkType = ChunkType(*b"fiLl");

/// Tokens of text that stand before a prompt's images at least.
pub const TEXT_MIN: u32 = 1;

/// No service takes more in a request: Gemini's 3,600.
pub const COUNT_MAX: u32 = 3_600;

/// Claude and others refuse larger ones: platform.claude.com, November 2026.
const SIDE_MAX: u16 = 8_000;

/// Of one file: above what any service takes in a whole request.
const BYTES_MAX: u32 = 50_000_000;

fn default_width() -> u16 {
    1024
}

fn default_height() -> u16 {
    768
}
