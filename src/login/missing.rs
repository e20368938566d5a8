//! Why no credential was found: every place looked at, and what to do next. Never a secret.

use std::fmt;

/// No credential. `{}` says it in one line, `{:#}` with a line for each place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Missing {
    /// Where the credential came from that has expired meanwhile; `None` where there never was one.
    pub expired: Option<String>,
    /// The places, in the order in which they were looked at.
    pub steps: Vec<Step>,
    /// What to do next, as an order: `set OPENAI_API_KEY`.
    pub remedy: String,
}

/// A place that was looked at, and what was wrong there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    pub place: String,
    pub why: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expired {
            None => f.write_str("no credential found")?,
            Some(source) => write!(f, "the credential from {source} has expired and was not renewed")?,
        }
        for (at, Step { place, why }) in self.steps.iter().enumerate() {
            let separator = match (f.alternate(), at) {
                (true, _) => "\n  ",
                (false, 0) => " (",
                (false, _) => "; ",
            };
            write!(f, "{separator}{place}: {why}")?;
        }
        match (f.alternate(), self.steps.is_empty()) {
            (true, _) => write!(f, "\n  {}", self.remedy),
            (false, true) => write!(f, ": {}", self.remedy),
            (false, false) => write!(f, "): {}", self.remedy),
        }
    }
}

impl std::error::Error for Missing {}
