//! The answers to calls of which nobody knows how long they will be.

use crate::client::workload::Class;
use crate::rng::{Purpose, Rng};
use crate::wire::{ClassId, RequestId};

/// What calls without hints are given: answers such as the scenario's own requests get.
pub(crate) struct Lottery {
    classes: Vec<Class>,
    /// Running sums of the classes' shares.
    shares: Vec<f64>,
    rng: Rng,
}

impl Lottery {
    pub fn new(classes: Vec<Class>, rng: Rng) -> Lottery {
        let shares = classes.iter().scan(0.0, |sum, class| {
            *sum += class.share();
            Some(*sum)
        });
        Lottery { shares: shares.collect(), classes, rng }
    }

    /// The class, the answer tokens and the reasoning tokens of `request`.
    pub fn draw(&self, request: RequestId) -> (ClassId, u32, u32) {
        let total = self.shares.last().copied().unwrap_or(0.0);
        let at = self.rng.of(Purpose::Class, request.0, 0).unit() * total;
        let index = self.shares.partition_point(|sum| *sum <= at).min(self.classes.len().saturating_sub(1));
        let class = self.classes.get(index);
        let answers = class.map(Class::answers).unwrap_or_default();
        let (visible, reasoning) = match answers.output {
            Some(_) => answers.draw(request.0, &self.rng),
            None => (ANSWER_TOKENS, answers.reasoning(request.0, &self.rng)),
        };
        (ClassId(index as u16), visible, reasoning)
    }
}

/// The answer where the scenario's classes have no length, because its trace brings them.
const ANSWER_TOKENS: u32 = 100;
