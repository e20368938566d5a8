//! An AWS profile: what the shared `config` and `credentials` files say about it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::surroundings::Surroundings;

/// A profile's settings, by name.
#[derive(Debug)]
pub(super) struct Profile {
    pub name: String,
    settings: BTreeMap<String, String>,
}

/// Both files, read once.
pub(super) struct ProfileFiles {
    config: Result<String, String>,
    credentials: Result<String, String>,
}

impl ProfileFiles {
    pub fn read(surroundings: &Surroundings) -> ProfileFiles {
        let read = |variable: &str, name: &str| {
            let home = surroundings.home().map(|home| home.join(".aws").join(name));
            let given = surroundings.variable(variable).map(|path| expand(path, surroundings));
            let path = given.or(home).ok_or("there is no home directory")?;
            surroundings.file(&path)
        };
        ProfileFiles {
            config: read("AWS_CONFIG_FILE", "config"),
            credentials: read("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        }
    }

    /// The profile; what `credentials` says counts before `config`. Or why there is none.
    pub fn profile(&self, name: &str) -> Result<Profile, String> {
        let heading = if name == "default" { name.to_string() } else { format!("profile {name}") };
        let from = |file: &Result<String, String>, heading: &str| section(file.as_ref().ok()?, heading);
        let found = [from(&self.config, &heading), from(&self.credentials, name)];
        if let [None, None] = found {
            let files = [&self.config, &self.credentials].into_iter();
            let absent: Vec<&str> =
                files.filter_map(|file| file.as_ref().err().map(String::as_str)).collect();
            return Err(match absent.as_slice() {
                [] => format!("no profile '{name}' in the config and credentials files"),
                absent => format!("no profile '{name}': {}", absent.join(", ")),
            });
        }
        let settings = found.into_iter().flatten().flatten().collect();
        Ok(Profile { name: name.to_string(), settings })
    }

    /// The settings that several profiles share for one SSO login.
    #[cfg(feature = "cloud-auth")]
    pub fn sso_session(&self, name: &str) -> Option<Profile> {
        let settings = section(self.config.as_ref().ok()?, &format!("sso-session {name}"))?;
        Some(Profile { name: name.to_string(), settings: settings.into_iter().collect() })
    }
}

impl Profile {
    pub fn get(&self, setting: &str) -> Option<&str> {
        self.settings.get(setting).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// A path that may begin with the home directory's sign.
fn expand(path: &str, surroundings: &Surroundings) -> PathBuf {
    match (path.strip_prefix("~/"), surroundings.home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// The settings under a heading, which may stand in several parts. Indented lines belong to a
/// setting of several parts, none of which is about logging in.
fn section(text: &str, heading: &str) -> Option<Vec<(String, String)>> {
    let mut found = None;
    let mut is_inside = false;
    for line in text.lines().filter(|line| !line.starts_with([' ', '\t', '#', ';'])) {
        if let Some(rest) = line.strip_prefix('[') {
            let words = rest.split(']').next().unwrap_or_default().split_whitespace();
            is_inside = words.map(|word| word.trim_matches(['"', '\''])).eq(heading.split_whitespace());
            if is_inside {
                found.get_or_insert_with(Vec::new);
            }
        } else if let (true, Some(found), Some((name, value))) = (is_inside, &mut found, line.split_once('='))
        {
            let value = value.split(" #").next().unwrap_or_default();
            found.push((name.trim().to_lowercase(), value.trim().to_string()));
        }
    }
    found
}

/// The words of a command line: blanks part them, quotes hold them together.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut quote = None;
    let mut is_inside = false;
    for c in line.chars() {
        match quote {
            Some(mark) if c == mark => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c.is_whitespace() => {
                is_inside = false;
                continue;
            }
            _ => {
                if !is_inside {
                    words.push(String::new());
                }
                is_inside = true;
                words.last_mut().expect("a word was begun").push(c);
                continue;
            }
        }
        if !is_inside {
            words.push(String::new());
            is_inside = true;
        }
    }
    words
}
