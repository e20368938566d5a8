//! What prompts share, as a class's prefix: how many groups there are, and which part of each prompt is theirs.

use super::log::Requests;
use crate::client::lengths::{Empirical, Length};
use crate::rng::{Purpose, Rng};

/// Groups of prompts, and the part of each prompt that is its group's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shared {
    pub share: f64,
    pub groups: u32,
}

impl Shared {
    /// With as many groups as the log has beginnings, or fewer where prompts then could not share so much. None
    /// where the log does not tell what is shared, or nothing is.
    pub fn fit(requests: &Requests, input: &Empirical) -> Option<Shared> {
        let wanted = requests.shared_share()?;
        if wanted < 0.001 {
            return None;
        }
        let prompts = requests.input.total();
        let mut groups = requests.roots.clamp(1, u64::from(GROUPS_MAX)) as u32;
        loop {
            let share = wanted / reused(groups, prompts, input);
            if share <= SHARE_MAX || groups == 1 {
                return Some(Shared { share: share.min(1.0), groups });
            }
            groups = (groups * 3 / 4).max(1);
        }
    }
}

/// The part of all tokens that was seen before, were prompts of one group nothing but what they share: each prompt
/// then repeats the longest before it as far as it goes.
fn reused(groups: u32, prompts: u64, input: &Empirical) -> f64 {
    let (rng, mut longest) = (Rng::new(1), vec![0_u32; groups as usize]);
    let (mut reused, mut all) = (0_u64, 0_u64);
    for nth in 0..prompts.min(PROMPTS_MAX.max(u64::from(groups) * 4)) {
        let tokens = input.draw(&mut rng.of(Purpose::InputLength, nth, 0));
        let group = rng.of(Purpose::Prefix, nth, 0).below(groups.into()) as usize;
        let before = longest[group];
        reused += u64::from(tokens.min(before));
        all += u64::from(tokens);
        longest[group] = before.max(tokens);
    }
    (reused as f64 / all.max(1) as f64).max(1e-6)
}

/// More than this of a prompt is never shared: its last words are its own.
const SHARE_MAX: f64 = 0.95;

/// What a scenario allows.
const GROUPS_MAX: u32 = 1_000_000;

const PROMPTS_MAX: u64 = 200_000;
