//! The client's side of a call: whom it goes to, and how it is put together.

use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue};
use memchr::memmem::Finder;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value};

use super::contents::{Contents, Texts};
use super::images::ImageRule;
use super::sigv4::{Signer, ToSign};
use super::{AnyProvider, Headers};
use crate::credential::Credential;
use crate::dialects::{AnyDialect, Ask, Decoder, Marks, prompt};
use crate::prompts::Role;
use crate::wire::{Fault, Request, Tier};

/// Where a request goes, beyond its address.
#[derive(Clone, Debug)]
pub struct Target {
    pub provider: AnyProvider,
    pub dialect: AnyDialect,
    pub model: String,
    /// Azure's classic paths want one.
    pub api_version: Option<String>,
    /// AWS region or Google location.
    pub region: Option<String>,
    /// Google project.
    pub project: Option<String>,
    pub service_tier: Option<String>,
    /// What it has no room for goes to another endpoint.
    pub is_spilling: bool,
    /// Requests that are not of the usual priority tell theirs, as the server schedules by it.
    pub tells_priority: bool,
    /// A shared beginning of a prompt is marked for the provider's cache.
    pub marks_prefix: bool,
    /// Sent with every call.
    pub headers: Headers,
    /// Fields of every body beside our own, which they replace; those of an object join ours. Null takes one away.
    pub body: Map<String, Value>,
    /// What prompts hold beside made-up text.
    pub contents: Contents,
    /// How its images are counted.
    pub images: ImageRule,
}

/// An HTTP request: always POST, its path relative to the endpoint's base URL.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// Such as `/chat/completions`.
    pub path: String,
    pub headers: Headers,
    /// The body in pieces, so that prompt text is shared and not copied.
    pub body: Vec<Bytes>,
}

impl Target {
    /// A model of a provider, spoken to in its usual dialect and with nothing unusual about it.
    pub fn new(provider: AnyProvider, model: &str) -> Target {
        Target {
            provider,
            dialect: provider.usual(model),
            model: model.into(),
            api_version: None,
            region: None,
            project: None,
            service_tier: None,
            is_spilling: false,
            tells_priority: false,
            marks_prefix: false,
            headers: Vec::new(),
            body: Map::new(),
            contents: Contents::default(),
            images: ImageRule::new(None, model),
        }
    }

    /// The HTTP request that asks for `request`, without a key; `last` is kept from call to call. A fault where its
    /// prompt cannot be read any more.
    pub fn load(&self, request: &Request, last: &mut LastBody) -> Result<Encoded, Fault> {
        let texts = self.contents.texts(request, self.dialect.get().takes_turns())?;
        Ok(self.spell(request, texts, last))
    }

    /// The HTTP request that asks for `request` with a made-up text, without a key.
    pub fn encode(&self, request: &Request) -> Encoded {
        self.spell(request, None, &mut LastBody::default())
    }

    fn spell(&self, request: &Request, texts: Option<Texts>, last: &mut LastBody) -> Encoded {
        let provider = self.provider.get();
        let roles = texts.as_ref().map(|texts| texts.roles.clone());
        let ask = Ask { roles: roles.as_deref().unwrap_or(&[Role::User]), ..self.ask(request) };
        let body = match ask.marked.is_empty() && roles.is_none() {
            true => last.of(Shape::new(request), || self.body(&ask)),
            false => self.body(&ask),
        };
        let filling = Filling::new(request, texts, !ask.marked.is_empty(), self.contents.image(request));
        let accept = provider.accepts(self.dialect.name(), request.stream);
        // With room for the key and for hints.
        let mut headers = Vec::with_capacity(HEADERS_USUAL);
        headers.push((ACCEPT, HeaderValue::from_static(accept)));
        headers.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
        headers.extend(provider.headers(self, request.stream));
        headers.extend(self.headers.iter().cloned());
        Encoded { path: provider.path(self, request.stream), headers, body: filling.pieces(body) }
    }

    /// The body as text, with places for the prompt.
    fn body(&self, ask: &Ask<'_>) -> Bytes {
        let mut body = self.dialect.get().body(ask);
        if self.tells_priority && ask.request.priority != 0 {
            body.insert("priority".into(), ask.request.priority.into());
        }
        join(&mut body, &self.body);
        serde_json::to_vec(&body).expect("a map of values is JSON").into()
    }

    /// A decoder for the answer to `request`.
    pub fn decoder(&self, request: &Request) -> Decoder {
        let marks = self.provider.get().marks();
        let is_bought = self.is_spilling && marks.spilled.is_none() && self.tells_spilled();
        let counted = self.images.counted(request.clone());
        Decoder::new(self.dialect.get(), &self.ask(&counted), Marks { is_bought, ..marks })
    }

    /// Whether an answer shows that it was passed on from bought capacity: by a header, or by its tier.
    pub fn tells_spilled(&self) -> bool {
        let has_word = self.dialect.told(Tier::Reserved) == Some(Tier::Reserved);
        self.provider.get().marks().spilled.is_some() || has_word
    }

    fn ask<'a>(&'a self, request: &'a Request) -> Ask<'a> {
        Ask {
            request,
            model: &self.model,
            in_path: self.provider.get().in_path(self.dialect.name()),
            anthropic_version: self.provider.get().anthropic_version(),
            service_tier: self.service_tier.as_deref(),
            marked: if self.marks_prefix { request.beginnings.as_slice() } else { &[] },
            roles: &[Role::User],
        }
    }

    /// A signer of requests to this host.
    pub fn signer(&self, host: &str) -> Signer {
        let name = self.provider.get().signing_names(host).first();
        Signer::new(self.region.as_deref().unwrap_or(REGION), name.unwrap_or(&""))
    }

    /// Adds to the request what shows `credential`: a key, a token, or a signature made at this calendar time.
    /// `path` is the whole of it, with its query, as it will be sent to `host`.
    pub fn authorize(
        &self,
        credential: &Credential,
        signer: &mut Signer,
        (host, path): (&HeaderValue, &str),
        encoded: &mut Encoded,
        unix_secs: u64,
    ) {
        encoded.headers.extend(self.key_header(credential));
        let Credential::Aws(keys) = credential else { return };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let is_signed = |name: &HeaderName| *name == CONTENT_TYPE || name.as_str().starts_with("x-amz");
        let mut headers: Headers =
            encoded.headers.iter().filter(|(name, _)| is_signed(name)).cloned().collect();
        headers.push((HOST, host.clone()));
        let request = ToSign { method: "POST", path, query, headers: &headers, body: &encoded.body };
        encoded.headers.extend(signer.sign(&request, keys, unix_secs));
    }

    /// The header that shows a key or a token; `None` for a credential that is none or signs.
    pub fn key_header(&self, credential: &Credential) -> Option<(HeaderName, HeaderValue)> {
        let (secret, name) = match credential {
            Credential::Key(secret) => (secret, self.provider.get().key_headers().first()),
            Credential::Bearer(secret) => (secret, None),
            Credential::Aws(_) | Credential::None => return None,
        };
        // Control characters, such as the newline at the end of a key read from a file, cannot be sent.
        let key: String = secret.expose().chars().filter(|c| !c.is_control()).collect();
        let (name, value) = match name {
            Some(name) => (HeaderName::from_static(name), key.trim().to_string()),
            None => (AUTHORIZATION, format!("Bearer {}", key.trim())),
        };
        let mut value = HeaderValue::from_bytes(value.as_bytes()).expect("control characters are gone");
        value.set_sensitive(true);
        Some((name, value))
    }
}

/// The body that was made last, with places for the prompt: most requests of a load ask the same.
#[derive(Debug, Default)]
pub struct LastBody(Option<(Shape, Bytes)>);

/// All that a body tells of a request beside its text, where nothing is marked and there is one turn.
#[derive(Debug, Eq, PartialEq)]
struct Shape {
    max_tokens: Option<u32>,
    stream: bool,
    priority: i32,
    images: u16,
}

impl LastBody {
    /// The body of this shape.
    fn of(&mut self, shape: Shape, make: impl FnOnce() -> Bytes) -> Bytes {
        match &self.0 {
            Some((known, body)) if *known == shape => body.clone(),
            _ => {
                let body = make();
                self.0 = Some((shape, body.clone()));
                body
            }
        }
    }
}

impl Shape {
    fn new(request: &Request) -> Shape {
        let Request { max_tokens, stream, priority, content, .. } = request;
        Shape { max_tokens: *max_tokens, stream: *stream, priority: *priority, images: content.images.count }
    }
}

/// Puts `fields` into `body`.
fn join(body: &mut Map<String, Value>, fields: &Map<String, Value>) {
    for (name, value) in fields {
        match (body.get_mut(name), value) {
            (_, Value::Null) => {
                body.remove(name);
            }
            (Some(Value::Object(ours)), Value::Object(fields)) => join(ours, fields),
            _ => {
                body.insert(name.clone(), value.clone());
            }
        }
    }
}

/// What belongs in the places of a body.
struct Filling {
    /// What each beginning adds, in pieces; those without a place of their own stand before the text.
    shared: std::vec::IntoIter<Vec<Bytes>>,
    /// The prompt's texts, each in pieces, in the order of their places.
    texts: std::vec::IntoIter<Vec<Bytes>>,
    /// Whether what beginnings add stands before a text where it has no place of its own.
    is_made_up: bool,
    image: Bytes,
    images: u16,
}

impl Filling {
    /// A text of a file whose beginning is marked stands where the beginning does: it is all of it.
    fn new(request: &Request, texts: Option<Texts>, is_marked: bool, image: Bytes) -> Filling {
        let is_made_up = texts.is_none();
        let (shared, texts): (Vec<_>, Vec<_>) = match texts {
            None => (prompt::shared(&request.beginnings).collect(), vec![prompt::own(request)]),
            Some(from_file) => {
                let mut texts: Vec<_> = from_file.texts.into_iter().map(|text| vec![text]).collect();
                let last = is_marked.then(|| texts.pop()).flatten();
                (last.into_iter().collect(), texts)
            }
        };
        let images = request.content.images.count;
        Filling { shared: shared.into_iter(), texts: texts.into_iter(), is_made_up, image, images }
    }

    /// The body as text, everything in its place. What was put there is not looked through.
    fn pieces(mut self, mut rest: Bytes) -> Vec<Bytes> {
        let mut pieces = Vec::with_capacity(PIECES_USUAL);
        while let Some((at, place)) = self.next_place(&rest) {
            pieces.push(rest.split_to(at));
            let _ = rest.split_to(place.len());
            match place {
                prompt::SHARED_PLACE => pieces.extend(self.shared.next().unwrap_or_default()),
                prompt::PLACE => {
                    if self.is_made_up {
                        pieces.extend(self.shared.by_ref().flatten());
                    }
                    pieces.extend(self.texts.next().unwrap_or_default());
                }
                _ => {
                    self.images -= 1;
                    pieces.push(self.image.clone());
                }
            }
        }
        pieces.push(rest);
        pieces
    }

    /// The first place in `rest` for which something is left.
    fn next_place(&self, rest: &Bytes) -> Option<(usize, &'static str)> {
        let is_left = [self.texts.len() > 0, self.shared.len() > 0, self.images > 0];
        let wanted = PLACES.iter().zip(is_left).filter(|(_, is_left)| *is_left);
        wanted.filter_map(|((place, finder), _)| Some((finder.find(rest)?, *place))).min()
    }
}

/// Places for a text, for a shared beginning and for an image, each with what finds it.
static PLACES: LazyLock<[(&str, Finder<'static>); 3]> = LazyLock::new(|| {
    [prompt::PLACE, prompt::SHARED_PLACE, prompt::IMAGE_PLACE].map(|place| (place, Finder::new(place)))
});

/// Most requests have no more of either.
const HEADERS_USUAL: usize = 8;
const PIECES_USUAL: usize = 8;

/// The dialects in which a caller can mark what a cache is to store.
pub const MARKING: [&str; 5] =
    ["anthropic_messages", "converse", "invoke", "openai_chat", "openai_responses"];

/// Stands in for the region where an endpoint, a mock, has none.
pub const REGION: &str = "us-east-1";

/// A text as one segment of a path.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The text of one segment of a path.
pub fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// All but the characters that stand for themselves anywhere in a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
