//! What a person or a provider can do wrong, said so that it can be mended.

use std::fmt;

/// A failure with its message: what was wrong, where, and what to do next.
#[derive(Debug)]
pub struct Error {
    pub code: ExitCode,
    message: String,
    /// The message as a terminal with colours shows it, where it is more than a sentence.
    styled: Option<String>,
}

pub type Result<T> = std::result::Result<T, Error>;

/// What the process says when it ends. Anything else is a bug.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum ExitCode {
    Fine = 0,
    /// Could not complete; the message says why.
    Failed = 1,
    /// Bad command line or scenario.
    Usage = 2,
    /// No verdict: the harness was the limit, or there are too few samples.
    NoVerdict = 3,
    /// A threshold or gate failed.
    Gate = 99,
    /// Interrupted; partial results are saved and marked.
    Interrupted = 130,
}

impl Error {
    /// It could not be completed.
    pub fn failed(message: impl Into<String>) -> Error {
        Error { code: ExitCode::Failed, message: message.into(), styled: None }
    }

    /// Somebody wanted it to end; what there is was saved, and the message says where.
    pub fn interrupted(message: impl Into<String>) -> Error {
        Error { code: ExitCode::Interrupted, message: message.into(), styled: None }
    }

    /// There is no verdict, and nothing was measured for one.
    pub fn no_verdict(message: impl Into<String>) -> Error {
        Error { code: ExitCode::NoVerdict, message: message.into(), styled: None }
    }

    /// The command line or the scenario is wrong.
    pub fn usage(message: impl Into<String>) -> Error {
        Error { code: ExitCode::Usage, message: message.into(), styled: None }
    }

    /// The scenario is wrong, and its message already has the form in which it is shown.
    pub fn shown(plain: String, styled: String) -> Error {
        Error { code: ExitCode::Usage, message: plain, styled: Some(styled) }
    }

    /// What a person sees on the terminal.
    pub fn show(&self, with_colour: bool) -> String {
        match &self.styled {
            Some(styled) if with_colour => styled.clone(),
            Some(_) => self.message.clone(),
            None => format!("error: {}", self.message),
        }
    }

    /// A file operation failed: says which file and what was being done.
    pub fn file(doing: &str, path: &std::path::Path, cause: impl fmt::Display) -> Error {
        Error::failed(format!("could not {doing} {}: {cause}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// The candidate nearest to `word`, if one is near enough to be what was meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &str| edit_distance(word, candidate);
    let best = candidates.into_iter().min_by_key(|candidate| distance(candidate))?;
    (distance(best) <= word.chars().count().max(best.chars().count()) / 3).then_some(best)
}

/// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let substituted = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = substituted.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if is_swap { best.min(rows[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_only_when_it_is_near() {
        let kinds = ["closed", "constant", "poisson"];
        assert_eq!(nearest("poison", kinds), Some("poisson"));
        assert_eq!(nearest("conts", kinds), None);
        assert_eq!(nearest("cosntant", kinds), Some("constant"));
        assert_eq!(nearest("", kinds), None);
    }
}
