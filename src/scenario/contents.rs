//! What prompts hold beside made-up text: files of prompts, and images as each endpoint counts them.

use toml::de::DeTable;

use super::diagnostic::Diagnostic;
use super::{EndpointSpec, Scenario, tree};
use crate::catalogue::name::sold;
use crate::client::workload::Class;
use crate::providers::ImageRule;

impl EndpointSpec {
    /// How it counts images: as it says, or as is published for its model.
    pub fn image_rule(&self) -> ImageRule {
        let name = self.sold_as.as_deref().unwrap_or(&self.model);
        ImageRule::new(self.image_tokens, sold(self.provider.name(), name).model)
    }

    /// Tokens of one of the class's images; `None` where they are not known, or it has none.
    pub fn image_tokens(&self, class: &Class) -> Option<u32> {
        let images = class.images.as_ref()?;
        self.image_rule().tokens((images.width.into(), images.height.into()))
    }
}

impl Scenario {
    /// Which lengths of prompts are no more than estimates.
    pub(super) fn estimates(&self) -> impl Iterator<Item = String> {
        self.classes.iter().filter_map(|class| {
            let source = class.prompts.as_ref()?.source().filter(|source| source.estimated() > 0)?;
            Some(format!(
                "class '{}': {} of {} prompts in {} do not say how long they are, and a quarter of their characters is \
                 taken for their tokens; add `input_tokens` to them where that matters",
                class.name,
                source.estimated(),
                source.rows(),
                source.path().display()
            ))
        })
    }
}

/// Lets each class know the most that an image of its size counts anywhere.
pub fn resolve(scenario: &mut Scenario) {
    for class in &mut scenario.classes {
        let most = scenario.endpoints.iter().filter_map(|spec| spec.image_tokens(class)).max();
        if let Some(images) = &mut class.images {
            images.tokens_each = most.unwrap_or_default();
        }
    }
}

/// The classes of which nothing says how long the answers to some of their prompts are.
pub fn unanswered(scenario: &Scenario, tree: &DeTable<'_>) -> Vec<Diagnostic> {
    let classes = scenario.classes.iter().enumerate().filter(|(_, class)| class.output.is_none());
    let found = classes.filter_map(|(index, class)| {
        let source = class.prompts.as_ref()?.source()?;
        let message = format!("class `{}` does not say how long its answers are", class.name);
        let label = format!("{}:{} does not either", source.path().display(), source.unanswered()?);
        let span = tree::span_of(tree, &format!("classes.{index}.output"));
        let help = "add such as output = { kind = \"fixed\", tokens = 200 } for prompts that have no `output_tokens`";
        Some(Diagnostic::new(span, message).label(label).help(help))
    });
    found.collect()
}
