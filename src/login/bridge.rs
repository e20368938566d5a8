//! What reqsign's login chains see of the world: our environment, files, commands and HTTP.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqsign_core::time::Timestamp;
use reqsign_core::{
    CommandExecute, CommandOutput, Context, Env, Error, FileRead, HttpSend, ProvideCredential, Result,
};

use super::surroundings::Surroundings;
use super::web::refusal;
use crate::http::web::Patience;

/// One look at one place, and what went wrong on the way.
pub(super) struct Bridge {
    pub context: Context,
    trouble: Arc<Mutex<Option<Trouble>>>,
}

impl Bridge {
    pub fn new(surroundings: &Surroundings, patience: Patience) -> Bridge {
        let trouble = Arc::default();
        let hands = Hands { surroundings: surroundings.clone(), patience, trouble: Arc::clone(&trouble) };
        let context = Context::new()
            .with_command_execute(hands.clone())
            .with_env(hands.clone())
            .with_file_read(hands.clone())
            .with_http_send(hands);
        Bridge { context, trouble }
    }

    /// What the provider gives, or why it gives nothing. Of its own message only the beginning is
    /// kept: what comes after a colon or a quote may hold what was read.
    pub async fn ask<P: ProvideCredential>(
        &self,
        provider: &P,
    ) -> std::result::Result<P::Credential, Trouble> {
        let asked = provider.provide_credential(&self.context).await;
        let on_the_way = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (asked, on_the_way) {
            (Ok(Some(credential)), _) => Ok(credential),
            (_, Some(trouble)) => Err(trouble),
            (Ok(None), None) => Err(Trouble { cause: Cause::Chain, why: "it gave nothing".into() }),
            (Err(error), None) => {
                let text = error.to_string();
                let why = text.split([':', '\'', '"']).next().unwrap_or_default().trim().to_string();
                Err(Trouble { cause: Cause::Chain, why })
            }
        }
    }
}

/// Why there is no credential.
pub(super) struct Trouble {
    pub cause: Cause,
    pub why: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cause {
    /// A server refused with this status.
    Answer(u16),
    /// reqsign could not use what it got.
    Chain,
    Command,
    File,
    Network,
}

/// How long a credential lasts that expires then.
pub(super) fn lasts(expires: Option<Timestamp>) -> Option<Duration> {
    let left = |at: Timestamp| at.as_system_time().duration_since(SystemTime::now()).unwrap_or_default();
    expires.map(left)
}

#[derive(Clone)]
struct Hands {
    surroundings: Surroundings,
    patience: Patience,
    trouble: Arc<Mutex<Option<Trouble>>>,
}

impl Hands {
    fn failed(&self, cause: Cause, why: String) -> Error {
        self.note(cause, why);
        Error::unexpected("no answer")
    }

    fn note(&self, cause: Cause, why: String) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(Trouble { cause, why });
    }
}

impl fmt::Debug for Hands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hands")
    }
}

impl CommandExecute for Hands {
    async fn command_execute<'a>(&'a self, program: &'a str, args: &'a [&'a str]) -> Result<CommandOutput> {
        let output = self.surroundings.run(program, args).await;
        let output = output.map_err(|cause| self.failed(Cause::Command, format!("`{program}`: {cause}")))?;
        let status = output.status.code().unwrap_or(-1);
        if status != 0 {
            self.note(Cause::Command, format!("`{program}` failed with status {status}"));
        }
        Ok(CommandOutput { status, stdout: output.stdout, stderr: output.stderr })
    }
}

impl Env for Hands {
    fn var(&self, key: &str) -> Option<String> {
        self.surroundings.variable(key).map(str::to_string)
    }

    fn vars(&self) -> HashMap<String, String> {
        let names = self.surroundings.variables().keys();
        names.filter_map(|name| Some((name.clone(), self.var(name)?))).collect()
    }

    fn home_dir(&self) -> Option<PathBuf> {
        self.surroundings.home()
    }
}

impl FileRead for Hands {
    async fn file_read(&self, path: &str) -> Result<Vec<u8>> {
        let text = self.surroundings.file(Path::new(path)).map_err(|why| self.failed(Cause::File, why))?;
        Ok(text.into_bytes())
    }
}

impl HttpSend for Hands {
    async fn http_send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>> {
        let host = request.uri().authority().map_or("", |authority| authority.as_str()).to_string();
        let sent = self.surroundings.web.send(request, self.patience).await;
        let answer = sent.map_err(|why| self.failed(Cause::Network, why))?;
        if !answer.status().is_success() {
            self.note(Cause::Answer(answer.status().as_u16()), refusal(&host, &answer));
        }
        // reqsign adds it to the time of day without a check.
        let lasts = serde_json::from_slice::<serde_json::Value>(answer.body()).ok();
        if lasts.and_then(|answer| answer["expires_in"].as_u64()).is_some_and(|secs| secs > LASTS_MAX_SECS) {
            return Err(self.failed(Cause::Chain, format!("{host} answered with a senseless expires_in")));
        }
        Ok(answer)
    }
}

/// A hundred years.
const LASTS_MAX_SECS: u64 = 100 * 365 * 86400;
