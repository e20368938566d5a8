//! What prompts hold beside made-up text, ready to be sent: by class, and shared by all endpoints.

use std::sync::Arc;

use bytes::Bytes;

use crate::client::workload::Class;
use crate::dialects::prompt;
use crate::prompts::{Role, Source};
use crate::wire::{Fault, FaultKind, Request};

/// The contents of every class, by its position.
#[derive(Clone, Debug, Default)]
pub struct Contents(Arc<[Matter]>);

#[derive(Debug)]
struct Matter {
    /// The file of its prompts.
    source: Option<Arc<Source>>,
    /// A line that no other request has is put in front of them.
    busts: bool,
    /// One image in base64; empty where there is none.
    image: Bytes,
}

/// A prompt from a file, as it stands in a body.
#[derive(Clone, Debug)]
pub struct Texts {
    pub roles: Vec<Role>,
    /// Escaped for JSON, without quotes.
    pub texts: Vec<Bytes>,
}

impl Contents {
    pub fn new(classes: &[Class]) -> Contents {
        let matter = classes.iter().map(|class| Matter {
            source: class.source().cloned(),
            busts: class.prompts.as_ref().is_some_and(|prompts| prompts.bust),
            image: class.images.as_ref().map_or_else(Bytes::new, |images| images.payload()),
        });
        Contents(matter.collect())
    }

    /// The image that prompts of the request's class hold, in base64.
    pub fn image(&self, request: &Request) -> Bytes {
        self.matter(request).map_or_else(Bytes::new, |matter| matter.image.clone())
    }

    /// The request's prompt where it is from a file; the turns made one where a dialect has none.
    pub fn texts(&self, request: &Request, takes_turns: bool) -> Result<Option<Texts>, Fault> {
        let Some(row) = request.content.row else { return Ok(None) };
        let lost = |why: String| Fault::new(FaultKind::Garbled, why);
        let (busts, source) = self
            .matter(request)
            .and_then(|matter| Some((matter.busts, matter.source.as_ref()?)))
            .ok_or_else(|| lost("the prompts are not loaded".into()))?;
        let mut turns = source.read(row, request.content.question).map_err(lost)?;
        if busts {
            turns[0].text.insert_str(0, &prompt::bust(request.id));
        }
        if !takes_turns {
            let texts: Vec<&str> = turns.iter().map(|turn| &*turn.text).collect();
            return Ok(Some(Texts { roles: vec![Role::User], texts: vec![escaped(&texts.join("\n\n"))] }));
        }
        let (roles, texts) = turns.iter().map(|turn| (turn.role, escaped(&turn.text))).unzip();
        Ok(Some(Texts { roles, texts }))
    }

    fn matter(&self, request: &Request) -> Option<&Matter> {
        self.0.get(usize::from(request.class.0))
    }
}

/// A text as a JSON string has it, without the quotes.
fn escaped(text: &str) -> Bytes {
    let quoted = Bytes::from(serde_json::to_vec(text).expect("a text is JSON"));
    quoted.slice(1..quoted.len() - 1)
}
