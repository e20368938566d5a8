//! Whether an endpoint can be spoken to as its tables say.

use super::super::endpoint::header;
use super::super::{EndpointSpec, Scenario, secret};
use http::Method;

use super::Check;
use crate::client::workload::Class;
use crate::providers::{Call, PROVIDERS};
use crate::time::Instant;
use crate::wire::{Beginnings, ClassId, Request, RequestId};

impl Check<'_, '_> {
    pub(super) fn protocol(&mut self, path: &str, spec: &EndpointSpec) {
        let (name, provider) = (&spec.name, spec.provider);
        let speaks = provider.get().dialects();
        if let Some(dialect) = spec.dialect
            && !speaks.contains(&dialect.name())
        {
            let message = format!("{} is not spoken by {}", dialect.name(), provider.name());
            let help = format!("{} speaks {}", provider.name(), speaks.join(", "));
            self.say(&format!("{path}.dialect"), message, &format!("endpoint `{name}`"), &help);
        }
        self.settings(path, spec);
        let is_tier = |tier: &str| !tier.is_empty() && tier.bytes().all(|byte| byte.is_ascii_graphic());
        if let Some(tier) = spec.service_tier.as_deref().filter(|tier| !is_tier(tier)) {
            let message = format!("{tier:?} is no service tier");
            let help = "write the provider's own word, such as \"flex\" or \"priority\"";
            self.say(&format!("{path}.service_tier"), message, "letters and digits only", help);
        }
        let is_shown_unasked =
            provider.get().has_login() && spec.key_env.is_none() && spec.login != Some(false);
        if spec.is_remote() && spec.url.starts_with("http://") && is_shown_unasked {
            let help = "write https://, or login = false for a server that asks for no key, or key_env to send one all \
                        the same";
            let message = format!("endpoint `{name}` would be shown a key that anybody on the way can read");
            self.say(&format!("{path}.url"), message, "not encrypted", help);
        }
        for (key, value) in &spec.headers {
            self.header(&format!("{path}.headers.{key}"), key, value);
        }
        let body = serde_json::to_string(&spec.body).unwrap_or_default();
        let texts = [&spec.model, &body].into_iter().chain(&spec.service_tier).chain(&spec.project);
        for text in texts.filter(|text| secret::mask(text) != ***text) {
            let key = if *text == body { "body" } else { "model" };
            self.say(
                &format!("{path}.{key}"),
                format!("endpoint `{name}` holds what looks like a key"),
                "not shown here",
                "put keys into environment variables: `key_env` names one; take this key for leaked if the file was \
                 ever shared",
            );
        }
        for key in spec.body.keys().filter(|key| *key == "stream") {
            let message = "whether answers are streamed is said by the class";
            let help = "remove it here, and write `stream = true` or `false` in the class";
            self.say(&format!("{path}.body.{key}"), message, "", help);
        }
    }

    /// Settings that mean something to some providers only.
    fn settings(&mut self, path: &str, spec: &EndpointSpec) {
        let provider = spec.provider;
        let settings =
            [("api_version", &spec.api_version), ("project", &spec.project), ("region", &spec.region)];
        for (key, value) in settings {
            let (uses, needs) = (provider.get().uses(), provider.get().needs(spec.dialect().name()));
            let place = format!("{path}.{key}");
            match value {
                None if needs.contains(&key) && !spec.is_mock() => self.say(
                    &place,
                    format!("endpoint `{}` does not say its {key}", spec.name),
                    &format!("{} needs `{key}`", provider.name()),
                    &format!("add {key} = \"…\"; only a mock goes without"),
                ),
                Some(_) if !uses.contains(&key) => {
                    let message = format!("{} has no use for `{key}`", provider.name());
                    let users = PROVIDERS.iter().filter(|(_, provider)| provider.uses().contains(&key));
                    let users: Vec<_> = users.map(|(name, _)| *name).collect();
                    let help = format!("remove it; {} has one", users.join(", "));
                    self.say(&place, message, "", &help);
                }
                Some(value) if value.trim().is_empty() => {
                    self.say(&place, format!("`{key}` is empty"), "", "fill it in, or remove it");
                }
                _ => {}
            }
        }
    }

    fn header(&mut self, path: &str, name: &str, value: &str) {
        let is_ours = OURS.contains(&name.to_ascii_lowercase().as_str())
            || name.to_ascii_lowercase().starts_with("x-tollgate-");
        if secret::is_likely(value.trim_start_matches("Bearer ")) {
            self.say(
                path,
                format!("the header `{name}` holds what looks like a key"),
                "not shown here",
                "put keys into environment variables: `key_env` names one; take this key for leaked if the file was \
                 ever shared",
            );
        } else if is_ours {
            let help =
                "remove it: keys come from `key_env` or the provider's login, the rest from the protocol";
            self.say(path, format!("the header `{name}` is ours to send"), "", help);
        } else if let Err(problem) = header(name, value) {
            self.say(path, format!("`{name}` cannot be sent"), &problem, "write such as x-team = \"search\"");
        }
    }

    /// Whether the service would take the calls of each class, as far as its mock can tell.
    pub(super) fn calls(&mut self, scenario: &Scenario) {
        if !self.found.is_empty() {
            return;
        }
        for (index, spec) in scenario.endpoints.iter().enumerate() {
            for class in &scenario.classes {
                let Some(why) = refusal(spec, class) else { continue };
                let message = format!("{} refuses the calls of class `{}`", spec.provider.name(), class.name);
                let help =
                    "as the service does: change the class, or `body`, `service_tier` or `headers` here";
                self.say(&format!("endpoints.{index}"), message, &why, help);
            }
        }
    }

    /// Where an endpoint's dialect wants every call to have a cap, every class must have one: any request may
    /// go to any endpoint.
    pub(super) fn caps(&mut self, scenario: &Scenario) {
        let wanting = scenario.endpoints.iter().find(|spec| spec.dialect().get().needs_max_tokens());
        let Some(wanting) = wanting else { return };
        for (index, class) in scenario.classes.iter().enumerate() {
            if class.max_tokens.is_none() {
                self.say(
                    &format!("classes.{index}.max_tokens"),
                    format!("class `{}` has no cap on its answers", class.name),
                    &format!("{} of endpoint `{}` wants one", wanting.dialect().name(), wanting.name),
                    "add such as max_tokens = 1000",
                );
            }
        }
    }
}

/// Why a call of the class is refused, in the service's words.
fn refusal(spec: &EndpointSpec, class: &Class) -> Option<String> {
    let request = Request {
        id: RequestId(0),
        class: ClassId(0),
        priority: 0,
        input_tokens: 1,
        max_tokens: class.max_tokens,
        stream: class.stream,
        beginnings: Beginnings::None,
        content: Default::default(),
    };
    let encoded = spec.target().encode(&request);
    let (path, query) = match encoded.path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (&*encoded.path, None),
    };
    let (headers, body) = (encoded.headers.into_iter().collect(), encoded.body.concat());
    let call = Call { method: &Method::POST, path, whole_path: path, query, headers: &headers, body: &body };
    let answer = spec.served(Some(Vec::new())).read(&call, Instant::START, 0).err()?;
    let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = said.get(0).unwrap_or(&said);
    let message = said.pointer("/error/message").or(said.get("message")).and_then(|message| message.as_str());
    Some(format!("{}: {}", answer.status, message.unwrap_or_default()))
}

/// Headers that belong to the protocol or carry keys.
const OURS: [&str; 22] = [
    "accept",
    "accept-encoding",
    "api-key",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
    "x-api-key",
    "x-goog-api-key",
];
