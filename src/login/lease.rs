//! How long a credential is used, when it is renewed, and when it is given up. Pure: time is an argument.

use std::sync::Arc;
use std::time::Duration;

use super::Found;
use super::missing::Missing;
use crate::credential::Credential;
use crate::time::Instant;

/// A credential on loan.
///
/// ```text
/// found ──────────── used ────────────┬─ used and renewed ─┬─ refused, asked again now and then
///                                     renews               expires
/// ```
#[derive(Clone, Debug, Default)]
pub(super) struct Lease {
    held: Option<Held>,
    /// Why the last search failed, and until when that counts.
    refused: Option<(Instant, Missing)>,
    is_searching: bool,
}

#[derive(Clone, Debug)]
struct Held {
    credential: Arc<Credential>,
    source: String,
    renews: Instant,
    expires: Instant,
}

/// What to do for someone who wants the credential.
#[derive(Debug)]
pub(super) enum Turn {
    /// Give it.
    Give(Arc<Credential>),
    /// Give it, and begin a search for its successor.
    GiveAndSearch(Arc<Credential>),
    Refuse(Missing),
    /// Begin a search, and ask again when it is over.
    Search,
    /// A search is under way: ask again when it is over.
    Wait,
}

impl Lease {
    /// The same, for somebody else: no search of theirs is under way.
    pub fn spare(&self) -> Lease {
        Lease { is_searching: false, ..self.clone() }
    }

    pub fn on_ask(&mut self, now: Instant) -> Turn {
        match &self.held {
            Some(held) if now < held.expires => {
                let credential = Arc::clone(&held.credential);
                if self.is_searching || now < held.renews {
                    return Turn::Give(credential);
                }
                self.is_searching = true;
                return Turn::GiveAndSearch(credential);
            }
            _ if self.is_searching => return Turn::Wait,
            _ => {}
        }
        match &self.refused {
            Some((until, missing)) if now < *until => {
                let expired = self.held.as_ref().map(|held| held.source.clone());
                Turn::Refuse(Missing { expired, ..missing.clone() })
            }
            _ => {
                self.is_searching = true;
                Turn::Search
            }
        }
    }

    /// The search that was begun at `begun` is over.
    pub fn on_end(&mut self, begun: Instant, ended: Result<Found, Missing>) {
        self.is_searching = false;
        match ended {
            Ok(Found { credential, source, lasts }) => {
                let (renews, expires) = match lasts {
                    None => (Instant::MAX, Instant::MAX),
                    Some(lasts) => {
                        let lead = RENEW_BEFORE.min(lasts / 2);
                        (begun + (lasts - lead).max(RETRY_AFTER), begun + lasts)
                    }
                };
                self.held = Some(Held { credential: Arc::new(credential), source, renews, expires });
                self.refused = None;
            }
            Err(missing) => {
                if let Some(held) = &mut self.held {
                    held.renews = begun + RETRY_AFTER;
                }
                self.refused = Some((begun + RETRY_AFTER, missing));
            }
        }
    }

    /// Where the credential came from, if there is one.
    pub fn source(&self) -> Option<&str> {
        self.held.as_ref().map(|held| held.source.as_str())
    }
}

/// A credential is renewed so long before it expires. The metadata servers of AWS and Google give a
/// new one only then (read 2026-11-21).
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// From one search to the next: token endpoints and commands are not asked with every request.
const RETRY_AFTER: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::Secret;

    fn at(secs: u64) -> Instant {
        Instant::START + Duration::from_secs(secs)
    }

    fn found(text: &str, lasts: Option<u64>) -> Result<Found, Missing> {
        Ok(Found::token(text, "Azure CLI", lasts.map(Duration::from_secs)))
    }

    fn missing() -> Result<Found, Missing> {
        Err(Missing { expired: None, steps: Vec::new(), remedy: "run `az login`".into() })
    }

    fn bearer(text: &str) -> Credential {
        Credential::Bearer(Secret::new(text))
    }

    /// A lease that was asked at the start and has got what was found.
    fn lease(ended: Result<Found, Missing>) -> Lease {
        let mut lease = Lease::default();
        assert!(matches!(lease.on_ask(at(0)), Turn::Search));
        assert!(matches!(lease.on_ask(at(0)), Turn::Wait), "one search at a time");
        lease.on_end(at(0), ended);
        lease
    }

    #[test]
    fn what_does_not_expire_is_never_renewed() {
        let mut lease = lease(found("a", None));
        assert!(matches!(lease.on_ask(at(1_000_000)), Turn::Give(given) if *given == bearer("a")));
    }

    #[test]
    fn an_hour_s_token_is_renewed_five_minutes_before_its_end_and_not_a_second_sooner() {
        let mut lease = lease(found("a", Some(3600)));
        assert!(matches!(lease.on_ask(at(3299)), Turn::Give(_)));
        assert!(matches!(lease.on_ask(at(3300)), Turn::GiveAndSearch(given) if *given == bearer("a")));
        assert!(matches!(lease.on_ask(at(3301)), Turn::Give(given) if *given == bearer("a")));
        lease.on_end(at(3300), found("b", Some(3600)));
        assert!(matches!(lease.on_ask(at(3302)), Turn::Give(given) if *given == bearer("b")));
        assert!(matches!(lease.on_ask(at(6599)), Turn::Give(_)));
        assert!(matches!(lease.on_ask(at(6600)), Turn::GiveAndSearch(_)));
    }

    #[test]
    fn a_failed_renewal_is_tried_again_while_the_old_token_is_used_to_its_end() {
        let mut lease = lease(found("a", Some(3600)));
        assert!(matches!(lease.on_ask(at(3300)), Turn::GiveAndSearch(_)));
        lease.on_end(at(3300), missing());
        assert!(matches!(lease.on_ask(at(3314)), Turn::Give(_)));
        assert!(matches!(lease.on_ask(at(3315)), Turn::GiveAndSearch(_)));
        lease.on_end(at(3595), missing());
        assert!(matches!(lease.on_ask(at(3599)), Turn::Give(given) if *given == bearer("a")));
        let Turn::Refuse(missing) = lease.on_ask(at(3600)) else { panic!("it has expired") };
        let said = missing.to_string();
        assert_eq!(said, "the credential from Azure CLI has expired and was not renewed: run `az login`");
        assert!(matches!(lease.on_ask(at(3609)), Turn::Refuse(_)));
        assert!(matches!(lease.on_ask(at(3610)), Turn::Search));
        lease.on_end(at(3610), found("b", Some(3600)));
        assert!(matches!(lease.on_ask(at(3611)), Turn::Give(given) if *given == bearer("b")));
    }

    #[test]
    fn a_token_with_little_left_is_renewed_at_half_of_it_but_not_at_every_turn() {
        let mut short = lease(found("a", Some(240)));
        assert!(matches!(short.on_ask(at(119)), Turn::Give(_)));
        assert!(matches!(short.on_ask(at(120)), Turn::GiveAndSearch(_)));
        let mut shortest = lease(found("a", Some(20)));
        assert!(matches!(shortest.on_ask(at(14)), Turn::Give(_)));
        assert!(matches!(shortest.on_ask(at(15)), Turn::GiveAndSearch(_)));
    }

    #[test]
    fn what_is_missing_is_not_looked_for_with_every_request() {
        let mut lease = lease(missing());
        assert!(matches!(lease.on_ask(at(14)), Turn::Refuse(Missing { expired: None, .. })));
        assert!(matches!(lease.on_ask(at(15)), Turn::Search));
    }
}
