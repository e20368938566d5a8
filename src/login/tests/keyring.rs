//! The keyring: one search per login, no waiting while there is a valid credential.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant as Wall;

use super::*;
use crate::login::keyring::Keyring;
use crate::time::Instant;

const PRINCIPAL: [(&str, &str); 4] = [
    ("AZURE_TENANT_ID", "tenant"),
    ("AZURE_CLIENT_ID", "client"),
    ("AZURE_CLIENT_SECRET", "canary4f1c"),
    ("OPENAI_API_KEY", "canary4f1c-key"),
];

fn at(secs: u64) -> Instant {
    Instant::START + Duration::from_secs(secs)
}

/// What an endpoint of Azure is given at that second, and `None` for a refusal.
async fn get(keyring: &Keyring, secs: u64) -> Option<String> {
    match &*keyring.get(0, at(secs)).await.ok()? {
        Credential::Bearer(token) => Some(token.expose().to_string()),
        other => panic!("{other:?}"),
    }
}

/// Asks until it is given what is expected; the search is on another thread.
async fn until(keyring: &Keyring, secs: u64, expected: &str) {
    let start = Wall::now();
    while get(keyring, secs).await.as_deref() != Some(expected) {
        assert!(start.elapsed() < Duration::from_secs(10), "never given {expected}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Numbers its tokens, each of which lasts an hour, while it is up.
fn numbered(is_up: Rc<Cell<bool>>) -> impl Fn(&Seen) -> (u16, String) {
    let given = Cell::new(0);
    move |_| {
        if !is_up.get() {
            return (503, String::new());
        }
        given.set(given.get() + 1);
        (200, format!(r#"{{"access_token": "token-{}", "expires_in": 3600}}"#, given.get()))
    }
}

fn azure() -> Login {
    Login::usual(provider("azure"), None)
}

#[test]
fn endpoints_that_log_in_alike_share_one_search() {
    runtime().unwrap().block_on(async {
        let mock = Mock::start(numbered(Rc::new(Cell::new(true)))).await;
        let foundry = Login::usual(provider("foundry"), None);
        let openai = Login::usual(provider("openai"), None);
        let none = Login::usual(provider("openai"), Some("OTHER_KEY"));
        let logins = [azure(), openai, azure(), foundry, none, Login::default()];
        let keyring = Keyring::new(logins, &surroundings(&PRINCIPAL, mock.web()));
        let mut found = keyring.find(at(0)).await;
        let missing = found.remove(4).unwrap_err();
        assert_eq!(missing.to_string(), "no credential found (OTHER_KEY: not set): set OTHER_KEY");
        let entra = "Entra client secret of client".to_string();
        let expected =
            [entra.clone(), "OPENAI_API_KEY".into(), entra.clone(), entra, "none is needed".into()];
        assert_eq!(found, expected.map(Ok));
        assert_eq!(mock.seen().len(), 2, "one for each scope");
        let (first, third) = (keyring.get(0, at(1)).await.unwrap(), keyring.get(2, at(1)).await.unwrap());
        assert!(std::sync::Arc::ptr_eq(&first, &third));
        assert_eq!(*keyring.get(5, at(1)).await.unwrap(), Credential::None);
    });
}

#[test]
fn a_token_is_renewed_before_it_expires_and_nobody_waits_for_it() {
    runtime().unwrap().block_on(async {
        let mock = Mock::start(numbered(Rc::new(Cell::new(true)))).await;
        let keyring = Keyring::new([azure()], &surroundings(&PRINCIPAL, mock.web()));
        assert_eq!(get(&keyring, 0).await.as_deref(), Some("token-1"));
        assert_eq!(get(&keyring, 3200).await.as_deref(), Some("token-1"));
        assert_eq!(mock.seen().len(), 1);
        // Within the last minutes: the old one at once, for no search can be over before it has begun.
        assert_eq!(get(&keyring, 3400).await.as_deref(), Some("token-1"));
        until(&keyring, 3400, "token-2").await;
        assert_eq!(mock.seen().len(), 2);
        // Long after the end of the second one there is nothing to give at once.
        assert_eq!(get(&keyring, 9000).await.as_deref(), Some("token-3"));
    });
}

#[test]
fn when_no_renewal_succeeds_the_old_token_is_used_to_its_end_and_then_it_is_said() {
    runtime().unwrap().block_on(async {
        let is_up = Rc::new(Cell::new(true));
        let mock = Mock::start(numbered(Rc::clone(&is_up))).await;
        let keyring = Keyring::new([azure()], &surroundings(&PRINCIPAL, mock.web()));
        assert_eq!(get(&keyring, 0).await.as_deref(), Some("token-1"));
        is_up.set(false);
        assert_eq!(get(&keyring, 3590).await.as_deref(), Some("token-1"));
        let missing = keyring.get(0, at(3601)).await.unwrap_err();
        assert_eq!(
            missing.to_string(),
            "the credential from Entra client secret of client has expired and was not renewed \
             (AZURE_OPENAI_AD_TOKEN: not set; AZURE_OPENAI_API_KEY: not set; \
             Entra client secret: login.microsoftonline.com answered 503): \
             correct Entra client secret, or set AZURE_OPENAI_AD_TOKEN or AZURE_OPENAI_API_KEY"
        );
        // The second search was that of 3590 s, which failed and counts for a while.
        assert_eq!(mock.seen().len(), 2);
        is_up.set(true);
        assert_eq!(get(&keyring, 3604).await, None);
        assert_eq!(get(&keyring, 3605).await.as_deref(), Some("token-2"));
    });
}

#[test]
fn many_who_wait_wait_for_one_search_even_when_the_first_of_them_leaves() {
    runtime().unwrap().block_on(async {
        let mock = Mock::start(numbered(Rc::new(Cell::new(true)))).await;
        let keyring = Rc::new(Keyring::new([azure()], &surroundings(&PRINCIPAL, mock.web())));
        let ask = || {
            let keyring = Rc::clone(&keyring);
            tokio::task::spawn_local(async move { get(&keyring, 0).await })
        };
        let first = ask();
        tokio::task::yield_now().await;
        first.abort();
        let others: Vec<_> = (0..100).map(|_| ask()).collect();
        for other in others {
            assert_eq!(other.await.unwrap().as_deref(), Some("token-1"));
        }
        assert_eq!(mock.seen().len(), 1);
    });
}
