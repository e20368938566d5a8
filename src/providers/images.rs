//! What an image counts in tokens: the rules that vendors publish, by the model.
//!
//! Sources, read in November 2026. Claude: platform.claude.com/docs/en/build-with-claude/vision, patches of 28 pixels.
//! OpenAI: the guide to images and vision of spring 2026, tiles of 512 pixels or patches of 32, at the detail that is the
//! default.
//! Gemini: ai.google.dev/gemini-api/docs/media-resolution and /docs/tokens, at the resolution that is the default.
//! Where a rule scales a picture down in a way that differs between models or is not told exactly, nothing is claimed.

use crate::wire::Request;

/// How one endpoint counts images.
#[derive(Clone, Debug, Default)]
pub struct ImageRule {
    /// What the scenario says of each.
    fixed: Option<u32>,
    model: String,
}

impl ImageRule {
    /// `fixed` tokens an image, or the rule published for a model of this name.
    pub fn new(fixed: Option<u32>, model: &str) -> ImageRule {
        ImageRule { fixed, model: model.rsplit('/').next().unwrap_or_default().to_ascii_lowercase() }
    }

    /// Tokens of one image of so many pixels; `None` where nothing is published for the model, or not for this size.
    pub fn tokens(&self, (width, height): (u32, u32)) -> Option<u32> {
        self.fixed.or_else(|| published(&self.model, u64::from(width), u64::from(height)))
    }

    /// Tokens of an image that somebody sends to the mock: where no rule is known, one for each patch of 32 pixels.
    pub fn guess(&self, (width, height): (u32, u32)) -> u32 {
        let patches = || grid(u64::from(width), u64::from(height), 32);
        self.tokens((width, height)).unwrap_or_else(|| u32::try_from(patches()).unwrap_or(u32::MAX))
    }

    /// The request as this endpoint counts its prompt.
    pub fn counted(&self, mut request: Request) -> Request {
        self.count(&mut request);
        request
    }

    /// Has the request's prompt as long as this endpoint counts it.
    pub fn count(&self, request: &mut Request) {
        if request.content.images.count > 0 {
            let text = request.text_tokens();
            let images = &mut request.content.images;
            images.tokens_each = self.guess((images.width.into(), images.height.into()));
            request.input_tokens = text.saturating_add(images.tokens());
        }
    }
}

fn published(model: &str, width: u64, height: u64) -> Option<u32> {
    let is_one_of = |names: &[&str]| names.iter().any(|name| is_version_of(model, name));
    let tokens = match () {
        () if model.contains("claude") => claude(width, height)?,
        () if model.starts_with("gemini-2") => (width <= 384 && height <= 384).then_some(258)?,
        () if model.starts_with("gemini-3") => 1120,
        () if is_one_of(&["gpt-4o", "gpt-4.1"]) => tiles(width, height, 85, 170),
        () if is_one_of(&["gpt-4o-mini"]) => tiles(width, height, 2833, 5667),
        () if is_one_of(&["gpt-5", "gpt-5-chat"]) => tiles(width, height, 70, 140),
        () if is_one_of(&["o1", "o1-pro", "o3"]) => tiles(width, height, 75, 150),
        () if is_one_of(&["gpt-4.1-mini", "gpt-5-mini", "gpt-5.4-mini"]) => patches(width, height, 162)?,
        () if is_one_of(&["gpt-4.1-nano", "gpt-5-nano", "gpt-5.4-nano"]) => patches(width, height, 246)?,
        () if is_one_of(&["o4-mini"]) => patches(width, height, 172)?,
        () => return None,
    };
    u32::try_from(tokens).ok()
}

/// Whether a model is the one of this name, or a dated version of it such as `gpt-4o-2024-08-06`.
fn is_version_of(model: &str, name: &str) -> bool {
    let version = model.strip_prefix(name).map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    version.is_some_and(|version| {
        version == "latest" || version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    })
}

/// A token for each patch of 28 pixels. Larger pictures are scaled down, to another size by some models than by others.
fn claude(width: u64, height: u64) -> Option<u64> {
    let tokens = grid(width, height, 28);
    (width.max(height) <= 1568 && tokens <= 1568).then_some(tokens)
}

/// Scaled into 2,048 pixels a side, and then to 768 at the shorter: so many tokens for each tile of 512, and `base`.
fn tiles(width: u64, height: u64, base: u64, each: u64) -> u64 {
    let fit = (2048.0 / width.max(height) as f64).min(1.0);
    let scale = (768.0 / (width.min(height) as f64 * fit)).min(1.0) * fit;
    let tiles = |side: u64| libm::ceil(libm::round(side as f64 * scale).max(1.0) / 512.0) as u64;
    base + each * tiles(width) * tiles(height)
}

/// Hundredths of a token for each patch of 32 pixels. Pictures of more than 1,536 are scaled down.
fn patches(width: u64, height: u64, hundredths: u64) -> Option<u64> {
    let patches = grid(width, height, 32);
    (patches <= 1536).then(|| (patches * hundredths).div_ceil(100))
}

fn grid(width: u64, height: u64, side: u64) -> u64 {
    width.div_ceil(side) * height.div_ceil(side)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::testing;
    use crate::wire::{Content, Images};

    fn tokens(model: &str, width: u32, height: u32) -> Option<u32> {
        ImageRule::new(None, model).tokens((width, height))
    }

    #[test]
    fn vendors_own_examples_come_out() {
        // platform.claude.com, vision: a picture of 1000 × 1000 has 1,296 tokens.
        assert_eq!(tokens("us.anthropic.claude-sonnet-4-6", 1000, 1000), Some(1296));
        // OpenAI's guide: 1024 × 1024 has 765 tokens, 2048 × 4096 has 1,105; 1024 × 1024 has 1,024 patches.
        assert_eq!(tokens("gpt-4o", 1024, 1024), Some(765));
        assert_eq!(tokens("openai/gpt-4o-2024-08-06", 2048, 4096), Some(1105));
        assert_eq!(tokens("gpt-4.1-mini", 1024, 1024), Some(1659));
        // Billed, as a user of its forum measured in 2025, less 8 tokens of text.
        assert_eq!(tokens("gpt-4.1", 2049, 513), Some(1445));
        assert_eq!(tokens("gpt-4.1", 2050, 513), Some(765));
        assert_eq!(tokens("gpt-4o-mini-2024-07-18", 128, 64), Some(2833 + 5667));
        // ai.google.dev: up to 384 pixels a side 258; Gemini 3 at its default resolution 1,120.
        assert_eq!(tokens("gemini-2.5-flash", 384, 384), Some(258));
        assert_eq!(tokens("gemini-3.8-flash", 4000, 10), Some(1120));
    }

    #[test]
    fn nothing_is_claimed_where_nothing_is_sure() {
        assert_eq!(tokens("claude-opus-5-5", 1568, 784), Some(56 * 28));
        for (model, width, height) in [
            ("claude-opus-5-5", 1569, 700),
            ("claude-opus-5-5", 1200, 1200),
            ("gemini-2.5-flash", 385, 384),
            ("gpt-4.1-nano", 1280, 1280),
            ("gpt-4o-audio", 100, 100),
            ("gpt-5.4", 100, 100),
            ("gpt-6-sol", 100, 100),
            ("llava", 100, 100),
        ] {
            assert_eq!(tokens(model, width, height), None, "{model}");
        }
        assert_eq!(ImageRule::new(None, "llava").guess((33, 64)), 4);
        assert_eq!(ImageRule::new(Some(7), "gpt-4o").tokens((1024, 1024)), Some(7));
    }

    #[test]
    fn an_endpoint_counts_text_as_it_is_and_images_by_its_own_rule() {
        let images = Images { count: 3, width: 1000, height: 1000, tokens_each: 2000 };
        let content = Content { images, ..Content::TEXT };
        let request = Request { input_tokens: 6100, content, ..testing::request(true) };
        let counted = ImageRule::new(None, "claude-sonnet-4-6").counted(request);
        assert_eq!((counted.input_tokens, counted.text_tokens()), (100 + 3 * 1296, 100));
        let plain = testing::request(true);
        assert_eq!(ImageRule::new(Some(9), "").counted(plain.clone()), plain);
    }
}
