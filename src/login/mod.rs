//! Login: how an endpoint's credential is found, by the provider's usual variables and then its usual chain.
//!
//! A [`Login`] says where to look. [`keyring::Keyring`] looks for all endpoints of a run, shares what is
//! found among those that log in alike, and renews it before it expires.

mod aws;
mod azure;
#[cfg(feature = "cloud-auth")]
mod bridge;
mod google;
pub mod keyring;
mod lease;
pub mod missing;
mod profile;
pub mod surroundings;
#[cfg(test)]
mod tests;
mod web;

use std::ops::ControlFlow::{self, Break, Continue};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use self::missing::{Missing, Step};
use self::surroundings::Surroundings;
use crate::credential::{Credential, Secret};
use crate::providers::AnyProvider;

/// Where an endpoint's credential is looked for: the variables in order, and then the chain.
/// Without any of them the endpoint asks for no credential.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Login {
    pub variables: Vec<Variable>,
    pub chain: Option<Chain>,
}

/// An environment variable that may hold a key or a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Variable {
    pub name: String,
    pub form: Form,
}

/// What a variable holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// A token, shown as `authorization: Bearer`.
    Bearer,
    /// An API key, shown where the provider expects one.
    Key,
}

/// What a provider's own tools try when no variable holds a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Chain {
    /// Keys from the environment, the profile, a web identity, the container's or the machine's role.
    Aws,
    /// A token of Microsoft Entra for the scope.
    Azure { scope: &'static str },
    /// A token of Google's application default credentials.
    Google,
}

/// A credential, where it was found, and how long it still lasts; `None`: it does not expire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    pub credential: Credential,
    /// In words, such as `AWS profile 'dev' (SSO)`.
    pub source: String,
    pub lasts: Option<Duration>,
}

impl Login {
    /// The provider's usual login; with `key_env`, the key from that variable and nothing else.
    ///
    /// The variables and their order are those of the official SDKs (openai 3.52, anthropic 2.11,
    /// google-genai 3.4, azure-identity 1.27; read 2026-11-21).
    pub fn usual(provider: AnyProvider, key_env: Option<&str>) -> Login {
        use Form::{Bearer, Key};
        let login = |variables: &[(&str, Form)], chain| {
            let variable = |(name, form): &(&str, Form)| Variable { name: name.to_string(), form: *form };
            Login { variables: variables.iter().map(variable).collect(), chain }
        };
        if let Some(name) = key_env {
            let form = if provider.name() == "bedrock" { Bearer } else { Key };
            return login(&[(name, form)], None);
        }
        match provider.name() {
            "anthropic" => login(&[("ANTHROPIC_API_KEY", Key), ("ANTHROPIC_AUTH_TOKEN", Bearer)], None),
            "azure" => login(
                &[("AZURE_OPENAI_AD_TOKEN", Bearer), ("AZURE_OPENAI_API_KEY", Key)],
                Some(Chain::Azure { scope: "https://cognitiveservices.azure.com/.default" }),
            ),
            "bedrock" => login(&[("AWS_BEARER_TOKEN_BEDROCK", Bearer)], Some(Chain::Aws)),
            "foundry" => login(
                &[("ANTHROPIC_FOUNDRY_API_KEY", Key)],
                Some(Chain::Azure { scope: "https://ai.azure.com/.default" }),
            ),
            "openai" => login(&[("OPENAI_API_KEY", Key)], None),
            "vertex" => login(&[("GOOGLE_API_KEY", Key), ("GEMINI_API_KEY", Key)], Some(Chain::Google)),
            // A server of one's own asks for no key unless it is named: `Provider::has_login`.
            _ => Login::default(),
        }
    }

    /// All that the environment itself holds, without a look at files, commands or the network.
    pub fn in_environment(&self, surroundings: &Surroundings) -> Vec<Found> {
        let held = self.variables.iter().filter_map(|variable| variable.read(surroundings));
        let keys = (self.chain == Some(Chain::Aws)).then(|| aws::environment(surroundings).found());
        held.chain(keys.flatten()).collect()
    }

    /// Looks everywhere in order. A place that is set up and fails ends the search, as with the
    /// provider's own tools: what would come after it is not what was meant.
    async fn find(&self, surroundings: &Surroundings) -> Result<Found, Missing> {
        if *self == Login::default() {
            return Ok(Found::lasting(Credential::None, "none is needed"));
        }
        let mut search = Search::default();
        let looked = self.look(surroundings, &mut search).await;
        looked.ok_or_else(|| Missing {
            expired: None,
            steps: search.steps,
            remedy: self.remedy(search.remedy),
        })
    }

    async fn look(&self, surroundings: &Surroundings, search: &mut Search) -> Option<Found> {
        for variable in &self.variables {
            let attempt =
                variable.read(surroundings).map_or(Attempt::Absent("not set".into()), Attempt::Found);
            if let Break(end) = search.take(&variable.name, attempt) {
                return end;
            }
        }
        match self.chain {
            None => None,
            Some(Chain::Aws) => aws::find(surroundings, search).await,
            Some(Chain::Azure { scope }) => azure::find(surroundings, scope, search).await,
            Some(Chain::Google) => google::find(surroundings, search).await,
        }
    }

    /// What to do next: first what the search has learnt of, and then every other way in.
    fn remedy(&self, learnt: Option<String>) -> String {
        let names = self.variables.iter().map(|variable| variable.name.as_str());
        let is_named = |name: &&str| learnt.as_ref().is_some_and(|learnt| learnt.ends_with(name));
        let names = names.filter(|name| !is_named(name)).collect::<Vec<_>>();
        let set = (!names.is_empty()).then(|| format!("set {}", names.join(" or ")));
        let (keys, command) = match self.chain {
            None => (None, None),
            Some(Chain::Aws) => {
                (Some("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"), Some("run `aws configure sso`"))
            }
            Some(Chain::Azure { .. }) => (None, Some("run `az login`")),
            Some(Chain::Google) => (None, Some("run `gcloud auth application-default login`")),
        };
        // Logging in elsewhere does not help where the search ends before.
        let command = command.filter(|_| learnt.is_none());
        let rest = keys.into_iter().chain(command).map(str::to_string);
        learnt.into_iter().chain(set).chain(rest).collect::<Vec<_>>().join(", or ")
    }
}

impl Variable {
    fn read(&self, surroundings: &Surroundings) -> Option<Found> {
        let secret = Secret::new(surroundings.variable(&self.name)?);
        let credential = match self.form {
            Form::Bearer => Credential::Bearer(secret),
            Form::Key => Credential::Key(secret),
        };
        Some(Found::lasting(credential, &self.name))
    }
}

impl Found {
    fn lasting(credential: Credential, source: impl Into<String>) -> Found {
        Found { credential, source: source.into(), lasts: None }
    }

    fn token(text: &str, source: impl Into<String>, lasts: Option<Duration>) -> Found {
        Found { credential: Credential::Bearer(Secret::new(text)), source: source.into(), lasts }
    }

    /// Whether what is shown of it is plain text, as a header's value has to be.
    fn is_sendable(&self) -> bool {
        let is_plain = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        match &self.credential {
            Credential::None => true,
            Credential::Key(secret) | Credential::Bearer(secret) => is_plain(secret.expose()),
            Credential::Aws(keys) => {
                let token = keys.session_token.as_ref();
                is_plain(&keys.access_key_id) && token.is_none_or(|token| is_plain(token.expose()))
            }
        }
    }
}

/// What came of one place. Texts say why, and are shown.
enum Attempt {
    /// It is not set up here.
    Absent(String),
    /// It is set up and does not work.
    Failed(String),
    Found(Found),
    /// It is set up, but its login is over; the remedy is what to run.
    LoggedOut {
        why: String,
        remedy: String,
    },
}

impl Attempt {
    fn found(self) -> Option<Found> {
        match self {
            Attempt::Found(found) => Some(found),
            Attempt::Absent(_) | Attempt::Failed(_) | Attempt::LoggedOut { .. } => None,
        }
    }

    /// For a metadata server: where it gives nothing, most likely there is none.
    fn or_absent(self) -> Attempt {
        match self {
            Attempt::Failed(why) => Attempt::Absent(why),
            attempt => attempt,
        }
    }
}

/// The places looked at so far.
#[derive(Default)]
struct Search {
    steps: Vec<Step>,
    /// What would mend the place that ended the search.
    remedy: Option<String>,
}

impl Search {
    fn note(&mut self, place: &str, why: impl Into<String>) {
        self.steps.push(Step { place: place.into(), why: why.into() });
    }

    /// Takes in what came of `place`: the end of the search, or nothing yet.
    fn take(&mut self, place: &str, attempt: Attempt) -> ControlFlow<Option<Found>> {
        match attempt {
            Attempt::Absent(why) => {
                self.note(place, why);
                Continue(())
            }
            Attempt::Failed(why) => {
                self.note(place, why);
                self.remedy = Some(format!("correct {place}"));
                Break(None)
            }
            Attempt::Found(found) if found.lasts == Some(Duration::ZERO) => {
                self.take(place, Attempt::Failed("what it gave has expired already".into()))
            }
            Attempt::Found(found) if !found.is_sendable() => {
                self.take(place, Attempt::Failed("what it holds does not fit into a header".into()))
            }
            Attempt::Found(found) => Break(Some(found)),
            Attempt::LoggedOut { why, remedy } => {
                self.note(place, why);
                self.remedy = Some(remedy);
                Break(None)
            }
        }
    }
}

/// The names among `names` that are not set, as words: `A and B not set`.
fn unset(surroundings: &Surroundings, names: &[&str]) -> Option<String> {
    let unset: Vec<&str> =
        names.iter().copied().filter(|name| surroundings.variable(name).is_none()).collect();
    let (last, rest) = unset.split_last()?;
    let rest = rest.join(", ");
    Some(if rest.is_empty() { format!("{last} not set") } else { format!("{rest} and {last} not set") })
}

/// From now until `unix_secs` after the Unix epoch; zero when that is past.
fn until_unix(unix_secs: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_secs(unix_secs).saturating_sub(now)
}
