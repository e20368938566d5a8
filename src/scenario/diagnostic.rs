//! What is wrong with a scenario, shown as compilers do: the place, the line, a caret, and what to do.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::secret;
use crate::error::Error;

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    message: String,
    /// Where, in bytes of the text; `None` for the file as a whole.
    at: Option<Range<usize>>,
    /// What stands there, or what is wrong with it.
    label: String,
    /// An earlier place it is in conflict with.
    also: Option<(Range<usize>, String)>,
    help: Vec<String>,
}

impl Diagnostic {
    pub fn new(at: Option<Range<usize>>, message: impl Into<String>) -> Diagnostic {
        Diagnostic { message: message.into(), at, label: String::new(), also: None, help: Vec::new() }
    }

    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = label.into();
        self
    }

    pub fn also(mut self, at: Range<usize>, label: &str) -> Diagnostic {
        self.also = Some((at, label.into()));
        self
    }

    /// What to do next. May be said more than once.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help.push(help.into());
        self
    }
}

/// The error that shows `diagnostics` of the scenario `text` read from `path`, in the order of the text;
/// secrets in it are masked.
pub fn error(path: &str, text: &str, diagnostics: &[Diagnostic]) -> Error {
    let text = secret::mask(text);
    let mut diagnostics = diagnostics.iter().collect::<Vec<_>>();
    diagnostics.sort_by_key(|diagnostic| diagnostic.at.as_ref().map_or(0, |at| at.start));
    let render = |renderer: &Renderer| {
        let shown =
            diagnostics.iter().take(SHOWN_MAX).map(|diagnostic| show(path, &text, diagnostic, renderer));
        let mut shown = shown.collect::<Vec<_>>();
        if diagnostics.len() > SHOWN_MAX {
            shown.push("error: there is more wrong; it is shown when these are mended".into());
        }
        shown.join("\n\n")
    };
    Error::shown(render(&Renderer::plain()), render(&Renderer::styled()))
}

fn show(path: &str, text: &str, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let message = secret::mask(&diagnostic.message);
    let title = Level::ERROR.primary_title(message);
    let group = match &diagnostic.at {
        None => Group::with_title(title).element(Origin::path(path)),
        Some(at) => Group::with_title(title).element(snippet(path, text, at, diagnostic)),
    };
    let help = diagnostic.help.iter().map(|help| Level::HELP.message(secret::mask(help)));
    renderer.render(&[group.elements(help)])
}

/// The lines from the first annotation to the last.
fn snippet<'a>(
    path: &'a str,
    text: &'a str,
    at: &Range<usize>,
    diagnostic: &'a Diagnostic,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let at = within_line(text, at);
    let also = diagnostic.also.as_ref().map(|(also, label)| (within_line(text, also), label));
    let first = also.iter().map(|(also, _)| also.start).fold(at.start, usize::min);
    let last = also.iter().map(|(also, _)| also.end).fold(at.end, usize::max);
    let start = text[..first].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[last..].find('\n').map_or(text.len(), |newline| last + newline);
    let moved = |span: Range<usize>| span.start - start..span.end - start;

    let label = (!diagnostic.label.is_empty()).then(|| secret::mask(&diagnostic.label));
    let primary = AnnotationKind::Primary.span(moved(at)).label(label);
    let context = also.map(|(also, label)| AnnotationKind::Context.span(moved(also)).label(label.as_str()));
    Snippet::source(&text[start..end])
        .path(path)
        .line_start(1 + text[..start].matches('\n').count())
        .annotation(primary)
        .annotations(context)
}

/// The part of `span` on its first line, on the borders of characters and inside the text.
fn within_line(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    let end = text.ceil_char_boundary(span.end.max(start));
    let line_end = text[start..end].find('\n').map_or(end, |newline| start + newline);
    start..line_end
}

/// Beyond these, more would not help.
pub const SHOWN_MAX: usize = 20;
