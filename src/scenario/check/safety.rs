//! Whether the bounds on a run leave anything of it.

use super::super::Scenario;
use super::Check;
use crate::client::arrivals::AnyArrivals;
use crate::client::safety::StormStop;

/// A bound that cannot be meant.
pub struct Unsafe {
    /// The setting.
    pub key: &'static str,
    pub message: String,
    label: String,
    /// What to do.
    pub help: &'static str,
}

impl Scenario {
    /// The first of the bounds on a run that cannot be meant.
    pub fn unsafe_because(&self) -> Option<Unsafe> {
        let mistakes = [self.too_short(), self.too_narrow(), self.too_watchful()];
        mistakes.into_iter().flatten().next()
    }

    fn too_short(&self) -> Option<Unsafe> {
        let (max, warmup) = (self.safety.time_max?, self.warmup);
        (max.get() <= warmup.get()).then(|| Unsafe {
            key: "time_max",
            message: format!("the cap of {max} on the whole run leaves nothing to measure"),
            label: format!("not longer than the warm-up of {warmup}"),
            help: "raise it, or leave it out",
        })
    }

    /// Users of a closed loop whose requests are dropped ask again at once.
    fn too_narrow(&self) -> Option<Unsafe> {
        let max = self.safety.in_flight_max?;
        let users = self.streams().filter_map(|(_, arrivals)| match arrivals {
            AnyArrivals::Closed(closed) => Some(closed.users),
            _ => None,
        });
        let users = users.max().filter(|users| *users > max)?;
        Some(Unsafe {
            key: "in_flight_max",
            message: format!(
                "{max} requests under way are fewer than the {users} users of a closed loop have"
            ),
            label: "those beyond would be dropped without end".into(),
            help: "raise it to the number of users at least, or lower `users`",
        })
    }

    fn too_watchful(&self) -> Option<Unsafe> {
        let Some(StormStop::At(storm)) = self.safety.storm else { return None };
        let (key, message, label) = if storm.errors.get() <= 0.0 {
            ("storm.errors", "no failure at all would be a storm of errors", String::new())
        } else if storm.of_last.get() > LAST_MAX {
            ("storm.of_last", "so many requests are not looked back at", format!("more than {LAST_MAX}"))
        } else {
            return None;
        };
        let help = "write such as storm = { errors = \"50%\", of_last = 100 }, or storm = \"off\"";
        Some(Unsafe { key, message: message.into(), label, help })
    }
}

impl Check<'_, '_> {
    pub(super) fn safety(&mut self, scenario: &Scenario) {
        if let Some(Unsafe { key, message, label, help }) = scenario.unsafe_because() {
            self.say(&format!("safety.{key}"), message, &label, help);
        }
    }
}

/// Further back lies another load.
const LAST_MAX: u32 = 1_000_000;
