//! The mock's side of a call: what it is for, and the service's own answer where it is no good.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::encoder::id_of;
use super::images::ImageRule;
use super::sigv4::{Received, verify};
use super::target::REGION;
use super::{AnyProvider, Headers, Operation, Problem, Provider, Route, SignatureError};
use crate::credential::{AwsKeys, Credential, Secret};
use crate::dialects::{AnyDialect, Bad, Generate, images};
use crate::time::Instant;

/// A call that reached the mock, its path stripped of the endpoint's prefix.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    /// The path as it was sent, the endpoint's prefix included: what signatures are made over.
    pub whole_path: &'a str,
    pub query: Option<&'a str>,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

impl<'a> Call<'a> {
    /// A parameter of the query, as it stands there.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        let pairs = self.query?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The route if the method is the one that it takes.
    pub fn only(&self, method: Method, route: Route) -> Route {
        if *self.method == method { route } else { Route::WrongMethod(method) }
    }
}

/// What an endpoint of the mock stands for.
#[derive(Clone, Debug)]
pub struct Served {
    pub provider: AnyProvider,
    pub model: String,
    /// AWS region, for which calls must be signed.
    pub region: Option<String>,
    /// How it counts images.
    pub images: ImageRule,
    /// What the caller must show one of; where there are none, anybody is let in. `None` takes any key, or none
    /// where the vendor does without.
    pub credentials: Option<Vec<Credential>>,
}

/// What a call asks of the mock.
#[derive(Clone, Debug)]
pub enum Asked {
    /// An answer that needs no endpoint: a model list.
    Answer(Answer),
    Generate(Operation, Generate),
}

/// A whole HTTP answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    pub body: Bytes,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Answer {
        let headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        Answer { status, headers, body: body.to_string().into() }
    }
}

impl Served {
    /// What `call`, come at `now` and at this calendar time, asks for, or the service's own answer to a call it
    /// does not understand.
    pub fn read(&self, call: &Call<'_>, now: Instant, unix_secs: u64) -> Result<Asked, Answer> {
        let provider = self.provider.get();
        let route = provider.route(call);
        let operation = match &route {
            Route::CountTokens(operation) | Route::Generate(operation) => Some(operation.clone()),
            _ => None,
        };
        let id = id_of(now, unix_secs);
        let dialect = operation.as_ref().map_or("", |operation| operation.dialect);
        let spell = |problem: &Problem<'_>| {
            let answer = provider.spell(dialect, problem, id);
            operation.iter().fold(answer, |answer, operation| provider.enclose(operation, answer))
        };
        let named = |mut answer: Answer| {
            answer.headers.extend(provider.named(dialect, id));
            answer
        };
        match self.understand(call, route, unix_secs, &spell) {
            Ok(Asked::Answer(answer)) => Ok(Asked::Answer(named(answer))),
            understood => understood.map_err(named),
        }
    }

    fn understand(
        &self,
        call: &Call<'_>,
        route: Route,
        unix_secs: u64,
        spell: &dyn Fn(&Problem<'_>) -> Answer,
    ) -> Result<Asked, Answer> {
        let provider = self.provider.get();
        if route == Route::Unknown {
            return Err(spell(&Problem::UnknownPath(call)));
        }
        if route != Route::Health {
            self.check_key(call, unix_secs).map_err(|error| spell(&error.problem()))?;
        }
        let unknown = |model: &str| Err(spell(&Problem::UnknownModel(model)));
        let answer = match route {
            Route::Generate(operation) => {
                provider.validate(call).map_err(|bad| spell(&Problem::Bad(&bad)))?;
                let asked = operation.read(call.body).map(|asked| self.seen(asked, call.body));
                let asked = asked.map_err(|bad| spell(&Problem::Bad(&bad)))?;
                if !self.is_model(&asked.model) {
                    return unknown(&asked.model);
                }
                return Ok(Asked::Generate(operation, asked));
            }
            Route::CountTokens(operation) => {
                provider.validate(call).map_err(|bad| spell(&Problem::Bad(&bad)))?;
                let asked = operation.read_prompt(call.body).map(|asked| self.seen(asked, call.body));
                let asked = asked.map_err(|bad| spell(&Problem::Bad(&bad)))?;
                if !self.is_model(&asked.model) {
                    return unknown(&asked.model);
                }
                Answer::json(200, &provider.counted(operation.dialect, asked.input_tokens))
            }
            Route::Health => Answer { status: 200, headers: Vec::new(), body: Bytes::new() },
            Route::Model(name) if !self.is_model(&name) => return unknown(&name),
            Route::Model(_) => Answer::json(200, &provider.models(&self.model, false)),
            Route::Models => Answer::json(200, &provider.models(&self.model, true)),
            Route::WrongMethod(method) => return Err(spell(&Problem::WrongMethod(call, &method))),
            Route::Unknown => unreachable!("answered above"),
        };
        Ok(Asked::Answer(answer))
    }

    /// The call with its images counted.
    fn seen(&self, asked: Generate, body: &[u8]) -> Generate {
        let images = images::sizes(body).into_iter().map(|size| self.images.guess(size));
        Generate { input_tokens: images.fold(asked.input_tokens, u32::saturating_add), ..asked }
    }

    fn is_model(&self, name: &str) -> bool {
        self.provider.get().is_model(&self.model, name)
    }

    fn check_key(&self, call: &Call<'_>, unix_secs: u64) -> Result<(), KeyProblem> {
        let provider = self.provider.get();
        let Some(credentials) = &self.credentials else {
            let is_lacking = provider.wants_key() && !call.headers.contains_key(AUTHORIZATION);
            return if is_lacking { Err(KeyProblem::None) } else { Ok(()) };
        };
        let is_signed = call.header(AUTHORIZATION.as_str()).is_some_and(|shown| shown.starts_with("AWS4-"));
        let mut checked = Ok(());
        for credential in credentials {
            checked = match credential {
                Credential::Aws(keys) => self.check_signature(keys, call, unix_secs),
                // What is signed shows no key.
                Credential::Key(_) | Credential::Bearer(_) if is_signed => Err(KeyProblem::Wrong),
                Credential::Key(secret) | Credential::Bearer(secret) => shows(provider, call, secret),
                Credential::None => Ok(()),
            };
            if checked.is_ok() {
                break;
            }
        }
        checked
    }

    fn check_signature(&self, keys: &AwsKeys, call: &Call<'_>, unix_secs: u64) -> Result<(), KeyProblem> {
        if !call.headers.contains_key(AUTHORIZATION) {
            return Err(KeyProblem::None);
        }
        let received = Received {
            method: call.method.as_str(),
            path: call.whole_path,
            query: call.query.unwrap_or_default(),
            headers: call.headers,
            body: call.body,
        };
        let services = self.provider.get().signing_names("");
        let region = self.region.as_deref().unwrap_or(REGION);
        verify(&received, keys, region, services, unix_secs).map_err(KeyProblem::Unsigned)
    }
}

/// Whether a call shows the key, wherever the provider takes one.
fn shows(provider: &dyn Provider, call: &Call<'_>, secret: &Secret) -> Result<(), KeyProblem> {
    let bearer = call.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let bearer = bearer.map(|shown| shown.strip_prefix(b"Bearer ").unwrap_or_default());
    let names = provider.key_headers().iter();
    let keys = names.filter_map(|name| call.headers.get(*name)).map(HeaderValue::as_bytes);
    let parameter = provider.key_parameter().and_then(|name| call.parameter(name)).map(str::as_bytes);
    let mut shown = keys.chain(bearer).chain(parameter);
    match shown.clone().next() {
        None => Err(KeyProblem::None),
        Some(_) if shown.any(|shown| shown == secret.expose().as_bytes()) => Ok(()),
        Some(_) => Err(KeyProblem::Wrong),
    }
}

/// Why a caller is not let in.
enum KeyProblem {
    None,
    Unsigned(SignatureError),
    Wrong,
}

impl KeyProblem {
    fn problem(&self) -> Problem<'_> {
        match self {
            KeyProblem::None => Problem::NoKey,
            KeyProblem::Unsigned(error) => Problem::Unsigned(error),
            KeyProblem::Wrong => Problem::WrongKey,
        }
    }
}

impl Operation {
    fn read(&self, body: &[u8]) -> Result<Generate, Bad> {
        self.dialect().get().read(body, &self.path)
    }

    fn read_prompt(&self, body: &[u8]) -> Result<Generate, Bad> {
        self.dialect().get().read_prompt(body, &self.path)
    }

    pub fn dialect(&self) -> AnyDialect {
        self.dialect.parse().expect("a provider speaks dialects that there are")
    }
}

/// An answer to a count of tokens.
pub fn counted(tokens: u32) -> Value {
    json!({"input_tokens": tokens})
}
