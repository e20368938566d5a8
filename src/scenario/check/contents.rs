//! The rules of prompts from files and of images: what goes together, and which endpoints can take them.

use super::Check;
use crate::client::arrivals::AnyArrivals;
use crate::client::workload::Class;
use crate::scenario::{EndpointSpec, Scenario};

impl Check<'_, '_> {
    pub(super) fn contents(&mut self, scenario: &Scenario) {
        for (index, class) in scenario.classes.iter().enumerate() {
            let path = format!("classes.{index}");
            if class.prompts.is_some() {
                let arrivals = scenario.arrivals_of(class);
                self.prompts(&path, class, arrivals.is_some_and(|arrivals| arrivals.brings_lengths()));
            }
            let untold = class.images.as_ref().filter(|images| images.count.is_none());
            let is_replayed = matches!(scenario.arrivals_of(class), Some(AnyArrivals::Trace(_)));
            if untold.is_some() && (!is_replayed || class.session.is_some()) {
                let message = format!("class `{}` does not say how many images its prompts hold", class.name);
                let help =
                    "add such as count = { kind = \"fixed\", tokens = 1 }; only a trace tells it itself";
                self.say(&format!("{path}.images"), message, "this needs `count`", help);
            }
            if let Some(problem) = class.images.as_ref().and_then(|images| images.problem()) {
                let help = "write such as images = { count = { kind = \"fixed\", tokens = 1 }, width = 1024, height = 768 }";
                self.say(&format!("{path}.images"), problem, "", help);
            }
        }
        for (index, spec) in scenario.endpoints.iter().enumerate() {
            if spec.image_tokens == Some(0) {
                let help = "write how many an image of the classes' size counts";
                self.say(&format!("endpoints.{index}.image_tokens"), "`image_tokens` is zero", "", help);
            }
            for class in scenario.classes.iter().filter(|class| class.images.is_some() && !spec.bars(class)) {
                self.images(&format!("endpoints.{index}"), spec, class);
            }
        }
    }

    /// A file's prompts have lengths and beginnings of their own.
    fn prompts(&mut self, path: &str, class: &Class, has_lengths: bool) {
        let name = &class.name;
        for (key, is_given) in [("input", class.input.is_some()), ("prefix", class.prefix.is_some())] {
            if is_given {
                let message = format!("class `{name}` has both `{key}` and `prompts`");
                let help = format!("remove `{key}`: a file's prompts are as they are");
                self.say(&format!("{path}.{key}"), message, "", &help);
            }
        }
        if has_lengths {
            let message = format!("class `{name}` has prompts of its own, and the trace brings lengths");
            let help = "remove `prompts`, or let requests come by another kind of arrivals";
            self.say(&format!("{path}.prompts"), message, "", help);
        }
    }

    /// An endpoint that gets images takes them, and what they count is known.
    fn images(&mut self, path: &str, spec: &EndpointSpec, class: &Class) {
        let Some(images) = &class.images else { return };
        let dialect = spec.dialect();
        if !dialect.get().takes_images() {
            let message =
                format!("endpoint `{}` takes no images, and class `{}` has some", spec.name, class.name);
            let label = format!("there are none in {}", dialect.name());
            let help = format!("choose another dialect, or add exclude = [\"{}\"] to the class", spec.name);
            self.say(&format!("{path}.dialect"), message, &label, &help);
        } else if spec.image_tokens(class).is_none() {
            let (width, height) = (images.width, images.height);
            let message = format!(
                "it is not known how many tokens {} counts for an image of {width} × {height} pixels",
                spec.model
            );
            let label = format!("class `{}` sends such images to endpoint `{}`", class.name, spec.name);
            let help = "add such as image_tokens = 1000, as the service's usage has it for one of this size; or take a \
                        smaller picture";
            self.say(&format!("{path}.image_tokens"), message, &label, help);
        }
    }
}
