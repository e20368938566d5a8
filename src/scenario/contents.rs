//! What prompts hold beside made-up text: files of prompts, and images as each endpoint counts them.

use toml::de::DeTable;

use super::diagnostic::Diagnostic;
use super::{EndpointSpec, Scenario, tree};
use crate::catalogue::name::sold;
use crate::client::arrivals::{AnyArrivals, Pictures};
use crate::client::images::COUNT_MAX;
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
            let source = class.source().filter(|source| source.estimated() > 0)?;
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

impl Scenario {
    /// Of logs that tell of images: what is not played as it was recorded.
    pub(super) fn pictures(&self) -> impl Iterator<Item = String> {
        self.classes.iter().flat_map(|class| {
            let Some(AnyArrivals::Trace(trace)) = self.arrivals_of(class) else { return Vec::new() };
            let told = trace.pictures().map_or_else(Vec::new, |(told, rows)| about(class, told, rows));
            told.into_iter().map(|what| format!("class '{}': {what}", class.name)).collect()
        })
    }
}

/// What to know of a class to which a log of `rows` requests brings images.
fn about(class: &Class, told: &Pictures, rows: u64) -> Vec<String> {
    let with = format!("{} of {rows} requests of its trace hold images", told.requests());
    let Some(images) = &class.images else {
        let what = format!(
            "{with}, and are played as text of the length recorded; images = {{ width = 1024, height = 768 }} sends \
             pictures"
        );
        return Vec::from_iter((told.requests() > 0).then_some(what));
    };
    if images.count.is_some() {
        return Vec::new();
    }
    if told.requests() == 0 {
        return vec!["its trace tells of no images, so none are sent; give `images` a `count`".into()];
    }
    let (each, long) = (images.tokens_least, told.too_many(images.tokens_least));
    let too_long = (long > 0).then(|| {
        let (width, height) = (images.width, images.height);
        format!(
            "{with}, and in {long} of these they alone count more than the whole prompt recorded, at {each} tokens an \
             image of {width} × {height} pixels: these prompts get longer; take smaller pictures"
        )
    });
    let most = told.most;
    let too_many = (most > COUNT_MAX).then(|| {
        format!("a request of its trace holds {most} images, and no more than {COUNT_MAX} are sent in one")
    });
    too_long.into_iter().chain(too_many).collect()
}

/// Lets each class know the most and the least that an image of its size counts anywhere.
pub fn resolve(scenario: &mut Scenario) {
    for class in &mut scenario.classes {
        let counts: Vec<u32> =
            scenario.endpoints.iter().filter_map(|spec| spec.image_tokens(class)).collect();
        if let Some(images) = &mut class.images {
            images.tokens_each = counts.iter().copied().max().unwrap_or_default();
            images.tokens_least = counts.iter().copied().min().unwrap_or_default();
        }
    }
}

/// The classes of which nothing says how long the answers to some of their prompts are.
pub fn unanswered(scenario: &Scenario, tree: &DeTable<'_>) -> Vec<Diagnostic> {
    let classes = scenario.classes.iter().enumerate().filter(|(_, class)| class.output.is_none());
    let found = classes.filter_map(|(index, class)| {
        let source = class.source()?;
        let message = format!("class `{}` does not say how long its answers are", class.name);
        let label = format!("{}:{} does not either", source.path().display(), source.unanswered()?);
        let span = tree::span_of(tree, &format!("classes.{index}.output"));
        let help = "add such as output = { kind = \"fixed\", tokens = 200 } for prompts that have no `output_tokens`";
        Some(Diagnostic::new(span, message).label(label).help(help))
    });
    found.collect()
}
