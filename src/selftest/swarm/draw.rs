//! A random scenario of any shape that the format allows.

use super::server::{endpoints, pools};
use super::traffic::{arrivals, classes};
use crate::client::retry::AnyRetry;
use crate::client::routers::AnyRouter;
use crate::rng::{Draws, Purpose, Rng};

/// Chance, in the words of scenarios.
pub(super) struct Draw(Draws);

impl Draw {
    /// One of `low` to `high`, both included.
    pub fn from(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.below(high - low + 1)
    }

    pub fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.0.below(of.len() as u64) as usize]
    }

    /// True in so many of a hundred.
    pub fn is(&mut self, percent: u64) -> bool {
        self.0.below(100) < percent
    }

    /// `text` in so many of a hundred; else nothing.
    pub fn maybe(&mut self, percent: u64, text: impl FnOnce(&mut Draw) -> String) -> String {
        if self.is(percent) { text(self) } else { String::new() }
    }
}

/// The shape of a scenario, which its parts must fit.
pub(super) struct Shape {
    pub endpoints: u64,
    pub classes: u64,
    /// Every request goes to every endpoint once.
    pub is_mirrored: bool,
    /// Some budget is strict, and every class has a cap.
    pub is_strict: bool,
    pub shares_pool: bool,
    /// The prompt cache that some endpoints share; its settings.
    pub cache: String,
}

/// The scenario of a seed, in TOML.
pub fn text(seed: u32) -> String {
    let mut draw = Draw(Rng::new(u64::from(seed)).of(Purpose::Swarm, 0, 0));
    let router = draw.pick(AnyRouter::KINDS);
    let shape = Shape {
        endpoints: draw.from(1, 4),
        classes: draw.from(1, 3),
        is_mirrored: router == "mirror",
        is_strict: draw.is(10),
        shares_pool: draw.is(30),
        cache: super::server::cache(&mut draw),
    };
    let mut text = format!("seed = {}\n", draw.from(0, u64::from(u32::MAX)));
    text += &format!("duration = \"{}s\"\nwarmup = \"{}s\"\n", draw.from(3, 12), draw.from(0, 2));
    text += &format!("router = \"{router}\"\n{}", policy(&mut draw, &shape));
    let (classes, need_arrivals) = classes(&mut draw, &shape);
    if need_arrivals {
        text += &format!("[arrivals]\n{}", arrivals(&mut draw, shape.is_mirrored));
    }
    text += &classes;
    text += &endpoints(&mut draw, &shape);
    text += &pools(&mut draw, &shape);
    text + &commitments(&mut draw, &shape)
}

/// Retries, hedges, rests and budgets.
fn policy(draw: &mut Draw, shape: &Shape) -> String {
    let attempts = draw.from(1, 6);
    let retry = match draw.pick(AnyRetry::KINDS) {
        "none" => "retry = \"none\"\n".into(),
        "exponential" => {
            let base = draw.from(1, 900);
            format!(
                "retry = {{ kind = \"exponential\", attempts_max = {attempts}, base = \"{base}ms\", cap = \"2s\" }}\n"
            )
        }
        sdk => format!("retry = {{ kind = \"{sdk}\", attempts_max = {attempts} }}\n"),
    };
    let mut text = retry;
    if shape.endpoints > 1 && !shape.is_mirrored {
        text += &draw.maybe(40, |draw| {
            let (after, share) = (draw.from(10, 900), draw.from(1, 100));
            format!("hedge = {{ after = \"{after}ms\", share_max = \"{share}%\" }}\n")
        });
    }
    text += &draw.maybe(50, |draw| {
        let (failures, rest) = (draw.from(0, 4), draw.from(100, 3000));
        let heeds = draw.is(50);
        format!("cooling = {{ failures = {failures}, rest = \"{rest}ms\", on_retry_after = {heeds} }}\n")
    });
    if shape.is_strict || draw.is(10) {
        let cents = draw.from(1, 400);
        text += &format!(
            "budget = {{ max = \"{}.{:02}\", strict = {} }}\n",
            cents / 100,
            cents % 100,
            shape.is_strict
        );
    }
    text
}

/// Agreements beside list prices, each about the first endpoint or the last.
fn commitments(draw: &mut Draw, shape: &Shape) -> String {
    let mut text = String::new();
    text += &draw.maybe(20, |draw| {
        let (units, served) = (draw.from(1, 50), draw.from(100, 9000));
        let throughput = draw.maybe(50, |_| format!("throughput = {{ tokens_per_minute = {served}, output_weight = 4 }}\n"));
        format!(
            "[[commitments]]\nkind = \"units\"\nendpoints = [\"e0\"]\nunit = \"ptu\"\nunits = {units}\nterm = \"hour\"\n\
             price = \"1.5\"\n{throughput}"
        )
    });
    text += &draw.maybe(20, |draw| {
        let last = shape.endpoints - 1;
        format!(
            "[[commitments]]\nkind = \"discount\"\npercent = \"{}%\"\nendpoints = [\"e{last}\"]\n",
            draw.from(1, 90)
        )
    });
    text + &draw.maybe(10, |draw| {
        format!(
            "[[commitments]]\nkind = \"minimum\"\nspend = \"{}\"\nterm = \"month\"\n",
            draw.from(1, 90_000)
        )
    })
}
