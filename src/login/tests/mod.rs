//! Every place of every chain, against servers on loopback and files of our own. Nothing else is reached.

#[cfg(feature = "cloud-auth")]
mod aws;
mod azure;
#[cfg(feature = "cloud-auth")]
mod google;
mod keyring;
mod mock;
mod web;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::mock::{Mock, Seen};
use super::missing::Missing;
use super::surroundings::Surroundings;
use super::{Chain, Found, Login};
use crate::credential::{AwsKeys, Credential, Secret};
use crate::http::proxy::Proxies;
use crate::http::runtime;
use crate::http::tls::Roots;
use crate::http::web::Web;
use crate::providers::AnyProvider;

/// Part of every secret in these tests; no message may hold it.
const CANARY: &str = "canary4f1c";

fn provider(name: &str) -> AnyProvider {
    name.parse().unwrap()
}

/// What a login finds in an environment of `variables`, where only the mock can be reached.
fn find(
    login: Login,
    variables: &[(&str, &str)],
    answer: impl Fn(&Seen) -> (u16, String) + 'static,
) -> (Result<Found, Missing>, Vec<Seen>) {
    let _alone = alone();
    runtime().unwrap().block_on(async {
        let mock = Mock::start(answer).await;
        let found = login.find(&surroundings(variables, mock.web())).await;
        if let Err(missing) = &found {
            let said = format!("{missing} {missing:#} {missing:?}");
            assert!(!said.contains(CANARY), "{said}");
        }
        assert!(!format!("{found:?}").contains(CANARY), "{found:?}");
        (found, mock.seen())
    })
}

/// An environment without commands, but for what the variables say.
fn surroundings(variables: &[(&str, &str)], web: Web) -> Surroundings {
    let text = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    let all = [("PATH", "/nowhere")].iter().chain(variables);
    Surroundings::new(all.map(text).collect::<BTreeMap<_, _>>(), web)
}

/// Held while a command is written or begun: a process that is just being made would still hold the
/// new command's file open for writing, and the command would be "busy".
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server that knows nothing.
fn nothing(_: &Seen) -> (u16, String) {
    (404, String::new())
}

/// What was wrong at the place.
fn why(missing: &Missing, place: &str) -> String {
    let step = missing.steps.iter().find(|step| step.place == place);
    step.unwrap_or_else(|| panic!("'{place}' was not looked at: {missing:#}")).why.clone()
}

fn bearer(text: &str) -> Credential {
    Credential::Bearer(Secret::new(text))
}

fn keys(id: &str, token: Option<&str>) -> Credential {
    Credential::Aws(AwsKeys {
        access_key_id: id.into(),
        secret_access_key: Secret::new(format!("{CANARY}-secret")),
        session_token: token.map(Secret::new),
    })
}

/// That what was found lasts `secs`, but for what the test itself has taken.
fn assert_lasts(found: &Found, secs: u64) {
    let lasts = found.lasts.expect("it expires");
    let bounds = Duration::from_secs(secs.saturating_sub(30))..=Duration::from_secs(secs);
    assert!(bounds.contains(&lasts), "{lasts:?}");
}

/// Seconds since the Unix epoch, so many from now.
fn unix_in(secs: u64) -> u64 {
    secs + std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_string()
}

/// A command of that name, which does what the script says with the shell's own words.
#[cfg(unix)]
fn script(folder: &Path, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let _alone = alone();
    let path = write(folder, name, &format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn the_first_variable_that_is_set_wins_and_blanks_do_not_count() {
    let login = || Login::usual(provider("anthropic"), None);
    let both = [("ANTHROPIC_API_KEY", " key-canary4f1c\n"), ("ANTHROPIC_AUTH_TOKEN", "token")];
    let (found, _) = find(login(), &both, nothing);
    assert_eq!(
        found,
        Ok(Found::lasting(Credential::Key(Secret::new("key-canary4f1c")), "ANTHROPIC_API_KEY"))
    );
    let (found, _) =
        find(login(), &[("ANTHROPIC_API_KEY", "  "), ("ANTHROPIC_AUTH_TOKEN", "token")], nothing);
    assert_eq!(found, Ok(Found::lasting(bearer("token"), "ANTHROPIC_AUTH_TOKEN")));
    let (found, seen) = find(login(), &[("OPENAI_API_KEY", "key-canary4f1c")], nothing);
    assert_eq!(
        found.unwrap_err().to_string(),
        "no credential found (ANTHROPIC_API_KEY: not set; ANTHROPIC_AUTH_TOKEN: not set): \
         set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN"
    );
    assert_eq!(seen.len(), 0);
}

#[test]
fn a_key_env_is_the_only_place_where_one_is_named() {
    for one in [provider("azure"), provider("bedrock"), provider("self_hosted"), provider("vertex")] {
        let login = Login::usual(one, Some("MY_KEY"));
        let (found, seen) = find(login.clone(), &[], nothing);
        assert_eq!(
            format!("{:#}", found.unwrap_err()),
            "no credential found\n  MY_KEY: not set\n  set MY_KEY"
        );
        assert_eq!(seen.len(), 0);
        let found = find(login, &[("MY_KEY", "k")], nothing).0.unwrap().credential;
        let is_bearer = one.name() == "bedrock";
        assert_eq!(found, if is_bearer { bearer("k") } else { Credential::Key(Secret::new("k")) });
    }
}

#[test]
fn a_self_hosted_endpoint_asks_for_nothing() {
    let (found, _) = find(Login::usual(provider("self_hosted"), None), &[], nothing);
    assert_eq!(found, Ok(Found::lasting(Credential::None, "none is needed")));
}

#[test]
fn the_environment_alone_is_read_without_a_look_elsewhere() {
    let web = || Web::only(Roots::default(), Vec::new());
    let login = Login::usual(provider("bedrock"), None);
    let set = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "canary4f1c-secret")];
    let held = |set: &[(&str, &str)]| {
        let found = login.in_environment(&surroundings(set, web()));
        found.into_iter().map(|found| found.credential).collect::<Vec<_>>()
    };
    assert_eq!(held(&set), [keys("AKID", None)]);
    assert_eq!(held(&set[..1]), []);
    let token = ("AWS_BEARER_TOKEN_BEDROCK", "t");
    assert_eq!(held(&[token, set[0], set[1]]), [bearer("t"), keys("AKID", None)]);
}

#[test]
fn what_does_not_fit_into_a_header_is_said_here_and_not_at_each_request() {
    for value in ["canary4f1c\nx-other: 1", "canary4f1c-\u{2013}", "canary4f1c\u{7f}"] {
        let missing = find(Login::usual(provider("openai"), None), &[("OPENAI_API_KEY", value)], nothing).0;
        let missing = missing.unwrap_err();
        assert_eq!(why(&missing, "OPENAI_API_KEY"), "what it holds does not fit into a header");
        assert_eq!(missing.remedy, "correct OPENAI_API_KEY");
    }
}

#[test]
fn surroundings_never_show_what_the_variables_hold() {
    let surroundings = surroundings(&[("SOME_KEY", CANARY)], Web::new(Roots::default(), Proxies::default()));
    assert!(!format!("{surroundings:?}").contains(CANARY));
}

#[cfg(not(feature = "cloud-auth"))]
#[test]
fn a_build_without_login_chains_says_so() {
    let off = [("HOME", "/nowhere")];
    let missing = find(Login::usual(provider("bedrock"), None), &off, nothing).0.unwrap_err();
    let said = "roles and SSO are not in this build of Tollgate (feature cloud-auth)";
    assert_eq!(why(&missing, "AWS roles"), said);
    let missing = find(Login::usual(provider("vertex"), None), &off, nothing).0.unwrap_err();
    let said = "not in this build of Tollgate (feature cloud-auth)";
    assert_eq!(why(&missing, "Google metadata server"), said);
}
