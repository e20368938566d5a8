//! One prompt of a file: a text, a conversation, or one of ShareGPT's, whichever its keys say.

use serde::Deserialize;
use serde_json::error::Category;

use super::estimate;

/// A prompt with what its file says of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row {
    /// The instructions first, the question last; none of them is empty.
    pub turns: Vec<Turn>,
    /// Length of all turns in tokens, where the file says it.
    pub input_tokens: Option<u32>,
    /// Length of the answer in tokens, as the file says it or by the answer that it has.
    pub output_tokens: Option<u32>,
    pub max_tokens: Option<u32>,
}

/// What one side says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Turn {
    pub role: Role,
    pub text: String,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    System,
    User,
    Assistant,
}

impl Row {
    /// Reads a row; the error says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Row, String> {
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| said(&error))?;
        let turns = raw.all_turns()?;
        let (turns, answer) = match () {
            () if raw.messages.is_some() => conversation(turns)?,
            () if raw.conversations.is_some() => first_question(turns)?,
            () => (turns, None),
        };
        let turns: Vec<Turn> = turns.into_iter().filter(|turn| !turn.text.is_empty()).collect();
        match turns.last() {
            Some(last) if last.role == Role::User => {}
            _ => return Err("the prompt is empty".into()),
        }
        for (key, count) in [("input_tokens", raw.input_tokens), ("max_tokens", raw.max_tokens)] {
            if count == Some(0) {
                return Err(format!("`{key}` is zero"));
            }
        }
        let answer = answer.map(|text| estimate(chars(&text)).max(1));
        let output_tokens = raw.output_tokens.or(answer);
        Ok(Row { turns, input_tokens: raw.input_tokens, output_tokens, max_tokens: raw.max_tokens })
    }

    /// The prompt's length in tokens by its characters.
    pub fn estimate(&self) -> u32 {
        estimate(self.turns.iter().map(|turn| chars(&turn.text)).fold(0, u64::saturating_add))
    }
}

/// A row as it is written. What else it holds, such as an id, is nobody's mistake.
#[derive(Deserialize)]
#[serde(expecting = "an object with a prompt")]
pub struct Raw {
    prompt: Option<String>,
    messages: Option<Vec<Message>>,
    conversations: Option<Vec<Message>>,
    #[serde(alias = "prompt_tokens")]
    pub input_tokens: Option<u32>,
    #[serde(alias = "completion_tokens")]
    pub output_tokens: Option<u32>,
    #[serde(alias = "max_completion_tokens")]
    max_tokens: Option<u32>,
}

impl Raw {
    /// What is said in it, in its order.
    pub fn all_turns(&self) -> Result<Vec<Turn>, String> {
        let messages = match (&self.prompt, &self.messages, &self.conversations) {
            (Some(text), None, None) => return Ok(vec![Turn { role: Role::User, text: text.clone() }]),
            (None, Some(messages), None) | (None, None, Some(messages)) => messages,
            (None, None, None) => {
                return Err("there is no `prompt`, no `messages` and no `conversations`".into());
            }
            _ => return Err("more than one of `prompt`, `messages` and `conversations`".into()),
        };
        messages.iter().map(Message::turn).collect()
    }
}

#[derive(Deserialize)]
struct Message {
    #[serde(alias = "from")]
    role: String,
    #[serde(alias = "value")]
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "the content of a message is no text and no list of parts")]
enum Content {
    Parts(Vec<Part>),
    Text(String),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

impl Message {
    fn turn(&self) -> Result<Turn, String> {
        let role = match self.role.as_str() {
            "system" | "developer" => Role::System,
            "user" | "human" => Role::User,
            "assistant" | "gpt" | "chatgpt" | "model" | "bot" => Role::Assistant,
            other => return Err(format!("the role \"{other}\" is not system, user or assistant")),
        };
        let text = match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => {
                let texts: Option<Vec<&str>> = parts.iter().map(|part| part.text.as_deref()).collect();
                texts.ok_or("a part of a message is no text; `images` of the class sends images")?.concat()
            }
        };
        Ok(Turn { role, text })
    }
}

type Asked = (Vec<Turn>, Option<String>);

/// All turns to the last question, and the answer to it if it is there. Instructions go first, and what one side says
/// in several messages becomes one: some services refuse it otherwise.
fn conversation(mut turns: Vec<Turn>) -> Result<Asked, String> {
    let question = turns.iter().rposition(|turn| turn.role == Role::User);
    let question = question.ok_or("no message is the user's")?;
    let answer = turns.drain(question + 1..).find(|turn| turn.role == Role::Assistant);
    turns.sort_by_key(|turn| turn.role != Role::System);
    if turns.iter().find(|turn| turn.role != Role::System).is_some_and(|turn| turn.role == Role::Assistant) {
        return Err("the conversation begins with the assistant; begin it with the user".into());
    }
    turns.dedup_by(|next, turn| {
        let is_same = next.role == turn.role;
        if is_same {
            turn.text = [&*turn.text, &*next.text].join("\n\n");
        }
        is_same
    });
    Ok((turns, answer.map(|turn| turn.text)))
}

/// The first question with the instructions before it, and the answer to it.
fn first_question(turns: Vec<Turn>) -> Result<Asked, String> {
    let question = turns.iter().position(|turn| turn.role == Role::User).ok_or("no turn is the user's")?;
    let answer = turns[question + 1..].iter().find(|turn| turn.role == Role::Assistant);
    let answer = answer.map(|turn| turn.text.clone());
    let asked = turns.into_iter().take(question + 1).filter(|turn| turn.role != Role::Assistant);
    Ok((asked.collect(), answer))
}

pub fn chars(text: &str) -> u64 {
    text.chars().count() as u64
}

/// What the JSON reader says, without the line that it counts within the row.
pub fn said(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(&*message, |(message, _)| message);
    let place = format!("{message} (column {})", error.column());
    match error.classify() {
        Category::Data | Category::Io => place,
        Category::Eof | Category::Syntax => {
            format!(r#"no JSON: {place}; a row is such as {{"prompt": "Why is the sky blue?"}}"#)
        }
    }
}
