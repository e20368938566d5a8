//! The places of Google's application default credentials.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use tokio_rustls::rustls::crypto::aws_lc_rs;

use super::*;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

fn login() -> Login {
    Login { variables: Vec::new(), chain: Some(Chain::Google) }
}

fn token(_: &Seen) -> (u16, String) {
    (200, json!({"access_token": "canary4f1c-token", "expires_in": 3599, "token_type": "Bearer"}).to_string())
}

/// A key made for this run of the tests.
fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap())
}

fn authorized_user() -> String {
    let user = json!({
        "type": "authorized_user", "client_id": "client", "client_secret": "canary4f1c-secret",
        "refresh_token": "canary4f1c-refresh"
    });
    user.to_string()
}

/// Whether the signature is that of our key over the first two parts, as RS256 wants it.
fn is_signed(jwt: &str) -> bool {
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
    let public = key().public_key_raw();
    algorithms
        .iter()
        .any(|algorithm| algorithm.verify_signature(public, signed.as_bytes(), &signature).is_ok())
}

#[test]
fn a_service_account_signs_for_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let account = json!({
        "type": "service_account", "client_email": "load@project.iam.gserviceaccount.com",
        "private_key": key().serialize_pem(), "token_uri": "https://oauth2.googleapis.com/token"
    });
    let file = write(folder.path(), "account.json", &account.to_string());
    let (found, seen) = find(login(), &[("GOOGLE_APPLICATION_CREDENTIALS", &file)], token);
    let found = found.unwrap();
    assert_eq!(found.source, "Google ADC: service account load@project.iam.gserviceaccount.com");
    assert_eq!(found.credential, bearer("canary4f1c-token"));
    assert_lasts(&found, 3599);
    assert_eq!(seen[0].line(), "POST oauth2.googleapis.com/token");
    let start = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    let jwt = seen[0].body.strip_prefix(start).unwrap();
    assert!(is_signed(jwt));
    let part = |n: usize| {
        let bytes = URL_SAFE_NO_PAD.decode(jwt.split('.').nth(n).unwrap()).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    assert_eq!(part(0)["alg"], "RS256");
    let claims = part(1);
    assert_eq!(claims["iss"], "load@project.iam.gserviceaccount.com");
    assert_eq!(claims["aud"], "https://oauth2.googleapis.com/token");
    assert_eq!(claims["scope"], SCOPE);
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3600);
}

#[test]
fn gcloud_s_login_is_refreshed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let name = "application_default_credentials.json";
    write(folder.path(), &format!(".config/gcloud/{name}"), &authorized_user());
    write(folder.path(), &format!("elsewhere/{name}"), &authorized_user());
    let elsewhere = format!("{path}/elsewhere");
    for variables in [("HOME", path), ("CLOUDSDK_CONFIG", &elsewhere)] {
        let (found, seen) = find(login(), &[variables], token);
        let found = found.unwrap();
        assert_eq!(found.source, "Google ADC: authorized user");
        assert_eq!(found.credential, bearer("canary4f1c-token"));
        assert_lasts(&found, 3599);
        let asked: Value = serde_json::from_str(&seen[0].body).unwrap();
        let expected = json!({
            "grant_type": "refresh_token", "refresh_token": "canary4f1c-refresh", "client_id": "client",
            "client_secret": "canary4f1c-secret"
        });
        assert_eq!(asked, expected);
    }
}

#[test]
fn a_revoked_login_says_how_to_log_in_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "user.json", &authorized_user());
    let refuse = |_: &Seen| {
        (400, json!({"error": "invalid_grant", "error_description": "canary4f1c-refresh is bad"}).to_string())
    };
    let (missing, seen) = find(login(), &[("GOOGLE_APPLICATION_CREDENTIALS", &file)], refuse);
    let missing = missing.unwrap_err();
    assert_eq!(missing.remedy, "run `gcloud auth application-default login`");
    let said = "oauth2.googleapis.com answered 400 invalid_grant";
    assert_eq!(why(&missing, "GOOGLE_APPLICATION_CREDENTIALS"), said);
    assert_eq!(seen.len(), 1, "a file that is named is meant");
}

#[test]
fn an_external_account_s_token_is_exchanged() {
    let folder = tempfile::tempdir().unwrap();
    let subject = write(folder.path(), "subject", "canary4f1c.jwt");
    let account = json!({
        "type": "external_account", "audience": "//iam.googleapis.com/pool", "token_url": "https://sts.googleapis.com/v1/token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "credential_source": {"file": subject, "format": {"type": "text"}}
    });
    let file = write(folder.path(), "external.json", &account.to_string());
    let (found, seen) = find(login(), &[("GOOGLE_APPLICATION_CREDENTIALS", &file)], token);
    assert_eq!(found.unwrap().source, "Google ADC: external account");
    assert_eq!(seen[0].line(), "POST sts.googleapis.com/v1/token");
    assert!(seen[0].body.contains("subject_token=canary4f1c.jwt"), "{}", seen[0].body);
}

#[test]
fn a_file_that_is_no_credential_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let account = json!({"type": "service_account", "client_email": "a@b", "private_key": "canary4f1c"});
    for (name, text, said) in [
        ("text", "canary4f1c".to_string(), "its file is not JSON"),
        ("kind", json!({"type": "canary4f1c"}).to_string(), "its file is neither a service account"),
        ("key", account.to_string(), "failed to parse PKCS#8 RSA private key PEM"),
        ("user", json!({"type": "authorized_user"}).to_string(), "failed to parse credential file"),
    ] {
        let file = write(path, name, &text);
        let (missing, seen) = find(login(), &[("GOOGLE_APPLICATION_CREDENTIALS", &file)], nothing);
        let why = why(&missing.unwrap_err(), "GOOGLE_APPLICATION_CREDENTIALS");
        assert!(why.starts_with(said), "{why}");
        assert_eq!(seen.len(), 0);
    }
}

#[test]
fn a_senseless_lifetime_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "user.json", &authorized_user());
    let absurd = |_: &Seen| (200, json!({"access_token": "canary4f1c", "expires_in": u64::MAX}).to_string());
    let (found, _) = find(login(), &[("GOOGLE_APPLICATION_CREDENTIALS", &file)], absurd);
    let said = "oauth2.googleapis.com answered with a senseless expires_in";
    assert_eq!(why(&found.unwrap_err(), "GOOGLE_APPLICATION_CREDENTIALS"), said);
}

#[test]
fn the_metadata_server_is_asked_last() {
    let (found, seen) = find(login(), &[("HOME", "/nowhere")], token);
    let found = found.unwrap();
    assert_eq!(
        (found.source.as_str(), &found.credential),
        ("Google metadata server", &bearer("canary4f1c-token"))
    );
    assert_lasts(&found, 3599);
    assert_eq!(seen[0].header("metadata-flavor"), "Google");
    assert_eq!(
        seen[0].line(),
        format!(
            "GET metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token?scopes={SCOPE}"
        )
    );
}

#[test]
fn without_any_login_every_place_is_named() {
    let off = [("HOME", "/nowhere"), ("NO_GCE_CHECK", "true")];
    let (missing, seen) = find(Login::usual(provider("vertex"), None), &off, nothing);
    assert_eq!(
        format!("{:#}", missing.unwrap_err()),
        "no credential found\
         \n  GOOGLE_API_KEY: not set\
         \n  GEMINI_API_KEY: not set\
         \n  GOOGLE_APPLICATION_CREDENTIALS: not set\
         \n  gcloud application default login: there is no \
         /nowhere/.config/gcloud/application_default_credentials.json\
         \n  Google metadata server: turned off by NO_GCE_CHECK\
         \n  set GOOGLE_API_KEY or GEMINI_API_KEY, or run `gcloud auth application-default login`"
    );
    assert_eq!(seen.len(), 0);
    let (missing, _) = find(login(), &[("HOME", "/nowhere")], nothing);
    let said = "metadata.google.internal answered 404";
    assert_eq!(why(&missing.unwrap_err(), "Google metadata server"), said);
}
