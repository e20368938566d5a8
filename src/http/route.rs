//! One endpoint as the client reaches it, and what a request to it looks like.

use std::cell::RefCell;
use std::rc::Rc;

use http::header::HeaderValue;
use http::uri::PathAndQuery;

use super::client::Bounds;
use super::clock::Clock;
use super::outgoing::Outgoing;
use super::pool::Pool;
use crate::credential::Credential;
use crate::login::keyring::Keyring;
use crate::providers::sigv4::Signer;
use crate::providers::target::LastBody;
use crate::providers::{Encoded, Target};
use crate::wire::{Fault, FaultKind};

/// An endpoint as the client reaches it.
#[derive(Clone)]
pub struct Remote {
    pub name: String,
    /// Such as `https://api.openai.com/v1`. A query in it is kept on every request.
    pub base_url: String,
    pub target: Target,
    /// Tell the endpoint which attempt this is: it is a mock of ours.
    pub hints: bool,
}

/// One endpoint, and the connections to it.
pub(super) struct Route {
    pub remote: Remote,
    /// The endpoint's place in the keyring.
    pub index: usize,
    pub keyring: Rc<Keyring>,
    pub signer: RefCell<Signer>,
    pub last_body: RefCell<LastBody>,
    /// The path of the last request, and the whole of it: most go to the same.
    pub last_path: RefCell<Option<(String, PathAndQuery)>>,
    pub pool: Rc<Pool>,
    pub host: HeaderValue,
    pub path: String,
    pub query: Option<String>,
    pub clock: Clock,
    pub bounds: Bounds,
}

impl Route {
    /// The path of a request, with its query.
    fn whole_path(&self, encoded: &Encoded) -> String {
        let query = self.query.as_deref().map(|query| {
            let joint = if encoded.path.contains('?') { '&' } else { '?' };
            format!("{joint}{query}")
        });
        format!("{}{}{}", self.path, encoded.path, query.unwrap_or_default())
    }

    /// Adds what lets us in.
    pub async fn authorize(&self, encoded: &mut Encoded) -> Result<(), Fault> {
        let now = self.clock.now();
        let credential = self.keyring.get(self.index, now).await;
        let credential = credential.map_err(|missing| Fault::new(FaultKind::Login, missing.to_string()))?;
        // Only signatures are made over it.
        let is_signed = matches!(*credential, Credential::Aws(_));
        let path = if is_signed { self.whole_path(encoded) } else { String::new() };
        let unix_secs = self.clock.unix_secs(now);
        let mut signer = self.signer.borrow_mut();
        self.remote.target.authorize(&credential, &mut signer, (&self.host, &path), encoded, unix_secs);
        Ok(())
    }

    fn path(&self, encoded: &Encoded) -> Result<PathAndQuery, Fault> {
        let mut last = self.last_path.borrow_mut();
        if let Some((path, whole)) = &*last
            && *path == encoded.path
        {
            return Ok(whole.clone());
        }
        let whole = PathAndQuery::try_from(self.whole_path(encoded)).map_err(|cause| {
            Fault::new(FaultKind::Garbled, format!("the request's path '{}': {cause}", encoded.path))
        })?;
        *last = Some((encoded.path.clone(), whole.clone()));
        Ok(whole)
    }

    pub fn request<'a>(&'a self, encoded: &'a Encoded) -> Result<Outgoing<'a>, Fault> {
        Ok(Outgoing {
            host: &self.host,
            path: self.path(encoded)?,
            headers: &encoded.headers,
            body: &encoded.body,
            is_last: !self.pool.policy.keep_alive,
        })
    }
}
