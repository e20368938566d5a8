//! The credentials of a run: looked for once per login, shared, renewed before they expire.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;

use super::lease::{Lease, Turn};
use super::missing::{Missing, Step};
use super::surroundings::Surroundings;
use super::{Found, Login};
use crate::credential::Credential;
use crate::http::proxy::Proxies;
use crate::http::runtime;
use crate::http::tls::Roots;
use crate::time::Instant;

/// A ring for each distinct login, and which of them each endpoint uses. To be asked inside a runtime
/// of [`crate::http::runtime`], though not always the same one.
pub struct Keyring {
    rings: Vec<Rc<Ring>>,
    /// By endpoint.
    ring_of: Vec<usize>,
}

impl Keyring {
    /// A keyring for endpoints that log in so, in their order. Nothing is looked for yet.
    pub fn new(logins: impl IntoIterator<Item = Login>, surroundings: &Surroundings) -> Keyring {
        let mut keyring = Keyring { rings: Vec::new(), ring_of: Vec::new() };
        for login in logins {
            let known = keyring.rings.iter().position(|ring| ring.login == login);
            keyring.ring_of.push(known.unwrap_or(keyring.rings.len()));
            if known.is_none() {
                let surroundings = surroundings.clone();
                keyring.rings.push(Rc::new(Ring {
                    login,
                    surroundings,
                    lease: RefCell::default(),
                    ended: Notify::new(),
                }));
            }
        }
        keyring
    }

    /// What a keyring of another thread is made of: it has what was found, and renews it by itself.
    pub fn spare(&self) -> Spare {
        let spare =
            |ring: &Rc<Ring>| (ring.login.clone(), ring.surroundings.clone(), ring.lease.borrow().spare());
        Spare { rings: self.rings.iter().map(spare).collect(), ring_of: self.ring_of.clone() }
    }

    /// A keyring for so many endpoints that ask for no credential.
    pub fn open(endpoints: usize) -> Keyring {
        let surroundings = Surroundings::of_this_process(Roots::System, Proxies::default());
        Keyring::new(std::iter::repeat_n(Login::default(), endpoints), &surroundings)
    }

    /// The endpoint's credential. Waits only while there is none that is valid; one that is about to
    /// expire is given at once and renewed meanwhile.
    pub async fn get(&self, endpoint: usize, now: Instant) -> Result<Arc<Credential>, Missing> {
        self.ring(endpoint).get(now).await
    }

    /// Looks for the credentials of all endpoints at the same time: by endpoint, where its credential
    /// was found, or why there is none.
    pub async fn find(&self, now: Instant) -> Vec<Result<String, Missing>> {
        for ring in &self.rings {
            if matches!(ring.lease.borrow_mut().on_ask(now), Turn::Search | Turn::GiveAndSearch(_)) {
                ring.search(now);
            }
        }
        let mut found = Vec::new();
        for endpoint in 0..self.ring_of.len() {
            let ring = self.ring(endpoint);
            let source = |_| ring.lease.borrow().source().unwrap_or_default().to_string();
            found.push(ring.get(now).await.map(source));
        }
        found
    }

    fn ring(&self, endpoint: usize) -> &Rc<Ring> {
        &self.rings[self.ring_of[endpoint]]
    }
}

/// A keyring on its way to another thread.
pub struct Spare {
    rings: Vec<(Login, Surroundings, Lease)>,
    ring_of: Vec<usize>,
}

impl From<Spare> for Keyring {
    fn from(Spare { rings, ring_of }: Spare) -> Keyring {
        let ring = |(login, surroundings, lease)| {
            Rc::new(Ring { login, surroundings, lease: RefCell::new(lease), ended: Notify::new() })
        };
        Keyring { rings: rings.into_iter().map(ring).collect(), ring_of }
    }
}

struct Ring {
    login: Login,
    surroundings: Surroundings,
    lease: RefCell<Lease>,
    /// Told when a search is over.
    ended: Notify,
}

impl Ring {
    async fn get(self: &Rc<Self>, now: Instant) -> Result<Arc<Credential>, Missing> {
        loop {
            let turn = self.lease.borrow_mut().on_ask(now);
            // Made before the search begins, so that its end is not missed.
            let ended = self.ended.notified();
            match turn {
                Turn::Give(credential) => return Ok(credential),
                Turn::GiveAndSearch(credential) => {
                    self.search(now);
                    return Ok(credential);
                }
                Turn::Refuse(missing) => return Err(missing),
                Turn::Search => self.search(now),
                Turn::Wait => {}
            }
            ended.await;
        }
    }

    /// Searches on a thread and a runtime of its own: reading files, signing and waiting for commands
    /// never holds up the run. Nobody who waits for the end can cut it short.
    fn search(self: &Rc<Self>, now: Instant) {
        let ring = Rc::clone(self);
        let (login, surroundings) = (self.login.clone(), self.surroundings.clone());
        tokio::task::spawn_local(async move {
            let searched = tokio::task::spawn_blocking(move || search(&login, &surroundings)).await;
            let ended = searched.unwrap_or_else(|_| Err(broken("the search broke off")));
            ring.lease.borrow_mut().on_end(now, ended);
            ring.ended.notify_waiters();
        });
    }
}

fn search(login: &Login, surroundings: &Surroundings) -> Result<Found, Missing> {
    let runtime = runtime().map_err(|cause| broken(&cause.to_string()))?;
    let found = runtime.block_on(login.find(surroundings));
    // A name that is still being resolved is not waited for.
    runtime.shutdown_background();
    found
}

fn broken(why: &str) -> Missing {
    let step = Step { place: "login".into(), why: why.into() };
    Missing { expired: None, steps: vec![step], remedy: "try again, or set a key".into() }
}
