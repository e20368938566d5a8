//! A conversation of a file as it goes on: question after question, each with all that was said before.

use super::estimate;
use super::row::{Raw, Role, Turn, chars, said};

/// A conversation as a file has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Talk {
    /// The instructions, then by turns a question and its answer; the last question may have none.
    turns: Vec<Turn>,
    /// Length of the first prompt in tokens, where the file says it.
    pub input_tokens: Option<u32>,
    /// Length of the last answer in tokens, where the file says it and does not have it.
    output_tokens: Option<u32>,
}

/// A question of a conversation, in tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Said {
    /// The prompt: the question and all before it.
    pub input_tokens: u32,
    /// The answer, where the file has it or says it.
    pub output_tokens: Option<u32>,
}

impl Talk {
    /// Reads a row; the error says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Talk, String> {
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| said(&error))?;
        let mut turns = raw.all_turns()?;
        turns.retain(|turn| !turn.text.is_empty());
        turns.sort_by_key(|turn| turn.role != Role::System);
        // What is said before the first question answers nothing.
        let first = turns.iter().position(|turn| turn.role == Role::User).ok_or("no turn is the user's")?;
        let mut place = 0;
        turns.retain(|turn| {
            place += 1;
            place > first || turn.role == Role::System
        });
        turns.dedup_by(|next, turn| {
            let is_same = next.role == turn.role;
            if is_same {
                turn.text = [&*turn.text, &*next.text].join("\n\n");
            }
            is_same
        });
        if raw.input_tokens == Some(0) {
            return Err("`input_tokens` is zero".into());
        }
        Ok(Talk { turns, input_tokens: raw.input_tokens, output_tokens: raw.output_tokens })
    }

    /// All questions, each prompt as long as the first and what was said since.
    pub fn said(&self) -> Vec<Said> {
        let (mut so_far, mut first, mut all) = (0u64, None, Vec::<Said>::new());
        for turn in &self.turns {
            so_far = so_far.saturating_add(chars(&turn.text));
            match turn.role {
                Role::System => {}
                Role::User => {
                    let (counted, told) = *first.get_or_insert_with(|| {
                        (estimate(so_far), self.input_tokens.unwrap_or_else(|| estimate(so_far)))
                    });
                    let input_tokens = told.saturating_add(estimate(so_far) - counted);
                    all.push(Said { input_tokens, output_tokens: self.output_tokens });
                }
                Role::Assistant => {
                    if let Some(last) = all.last_mut() {
                        last.output_tokens = Some(estimate(chars(&turn.text)).max(1));
                    }
                }
            }
        }
        all
    }

    /// The prompt that ends with this question, counted from 0: none where there are not so many.
    pub fn prompt(mut self, question: u32) -> Option<Vec<Turn>> {
        let mut questions = self.turns.iter().enumerate().filter(|(_, turn)| turn.role == Role::User);
        let (end, _) = questions.nth(question as usize)?;
        self.turns.truncate(end + 1);
        Some(self.turns)
    }
}
