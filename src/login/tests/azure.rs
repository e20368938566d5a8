//! The places of the Entra chain.

use super::*;

const SCOPE: &str = "https://cognitiveservices.azure.com/.default";

const PRINCIPAL: [(&str, &str); 3] = [
    ("AZURE_TENANT_ID", "tenant"),
    ("AZURE_CLIENT_ID", "client"),
    ("AZURE_CLIENT_SECRET", "canary4f1c/+secret"),
];

fn login() -> Login {
    Login { variables: Vec::new(), chain: Some(Chain::Azure { scope: SCOPE }) }
}

fn token(_: &Seen) -> (u16, String) {
    (200, r#"{"access_token": "canary4f1c-token", "expires_in": 3599, "token_type": "Bearer"}"#.into())
}

#[test]
fn a_client_secret_is_exchanged_at_the_tenant() {
    let (found, seen) = find(login(), &PRINCIPAL, token);
    let found = found.unwrap();
    assert_eq!(found.credential, bearer("canary4f1c-token"));
    assert_eq!(found.source, "Entra client secret of client");
    assert_lasts(&found, 3599);
    assert_eq!(seen[0].line(), "POST login.microsoftonline.com/tenant/oauth2/v2.0/token");
    assert_eq!(seen[0].header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(
        seen[0].body,
        "client_id=client&client_secret=canary4f1c%2F%2Bsecret&grant_type=client%5Fcredentials\
         &scope=https%3A%2F%2Fcognitiveservices%2Eazure%2Ecom%2F%2Edefault"
    );
}

#[test]
fn a_refused_client_secret_ends_the_search_with_the_service_s_own_code() {
    let refuse = |_: &Seen| {
        let body = r#"{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid secret canary4f1c."}"#;
        (401, body.to_string())
    };
    let (found, seen) = find(login(), &PRINCIPAL, refuse);
    let missing = found.unwrap_err();
    let said = "login.microsoftonline.com answered 401 invalid_client AADSTS7000215";
    assert_eq!(why(&missing, "Entra client secret"), said);
    assert_eq!((missing.steps.len(), seen.len()), (1, 1));
    // A body that is no error of theirs is not shown.
    let (found, _) = find(login(), &PRINCIPAL, |_| (500, "<h1>canary4f1c</h1>".into()));
    assert_eq!(why(&found.unwrap_err(), "Entra client secret"), "login.microsoftonline.com answered 500");
    let (found, _) = find(login(), &PRINCIPAL, |_| (200, r#"{"token": "canary4f1c"}"#.into()));
    let said = "login.microsoftonline.com answered without a token";
    assert_eq!(why(&found.unwrap_err(), "Entra client secret"), said);
}

#[test]
fn another_cloud_s_authority_is_asked_and_only_by_tls() {
    let government =
        [&PRINCIPAL[..], &[("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/")]].concat();
    let (found, seen) = find(login(), &government, token);
    assert!(found.is_ok());
    assert_eq!(seen[0].line(), "POST login.microsoftonline.us/tenant/oauth2/v2.0/token");
    let plain = [&PRINCIPAL[..], &[("AZURE_AUTHORITY_HOST", "http://login.microsoftonline.us")]].concat();
    let (found, seen) = find(login(), &plain, token);
    assert_eq!(
        why(&found.unwrap_err(), "Entra client secret"),
        "AZURE_AUTHORITY_HOST must begin with https://"
    );
    assert_eq!(seen.len(), 0);
}

#[test]
fn a_workload_s_token_is_exchanged() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "token", "canary4f1c.jwt\n");
    let variables = [PRINCIPAL[0], PRINCIPAL[1], ("AZURE_FEDERATED_TOKEN_FILE", &file)];
    let (found, seen) = find(login(), &variables, token);
    assert_eq!(found.unwrap().source, "Entra workload identity of client");
    assert!(seen[0].body.starts_with(
        "client_assertion=canary4f1c%2Ejwt&client_assertion_type=\
         urn%3Aietf%3Aparams%3Aoauth%3Aclient%2Dassertion%2Dtype%3Ajwt%2Dbearer&client_id=client&"
    ));
    let absent = format!("{file}-absent");
    let variables = [PRINCIPAL[0], PRINCIPAL[1], ("AZURE_FEDERATED_TOKEN_FILE", &absent)];
    let said = format!("AZURE_FEDERATED_TOKEN_FILE: there is no {absent}");
    assert_eq!(why(&find(login(), &variables, token).0.unwrap_err(), "Entra workload identity"), said);
}

#[test]
fn app_service_says_when_its_token_expires() {
    let variables = [
        ("IDENTITY_ENDPOINT", "http://app-service.internal/msi/token"),
        ("IDENTITY_HEADER", "canary4f1c-header"),
    ];
    let answer = |_: &Seen| {
        let at = unix_in(7200);
        (200, format!(r#"{{"access_token": "canary4f1c-token", "expires_on": "{at}", "resource": "r"}}"#))
    };
    let (found, seen) = find(login(), &variables, answer);
    let found = found.unwrap();
    assert_eq!(found.source, "App Service managed identity");
    assert_lasts(&found, 7200);
    assert_eq!(seen[0].header("x-identity-header"), "canary4f1c-header");
    assert_eq!(
        seen[0].line(),
        "GET app-service.internal/msi/token?api-version=2019%2D08%2D01\
         &resource=https%3A%2F%2Fcognitiveservices%2Eazure%2Ecom"
    );
}

#[test]
fn the_machine_s_identity_is_asked_last() {
    let answer = |_: &Seen| {
        let body = r#"{"access_token": "canary4f1c-token", "expires_in": "86399", "expires_on": "1"}"#;
        (200, body.to_string())
    };
    let (found, seen) = find(login(), &[("AZURE_CLIENT_ID", "chosen")], answer);
    let found = found.unwrap();
    assert_eq!(
        (found.source.as_str(), &found.credential),
        ("Azure managed identity", &bearer("canary4f1c-token"))
    );
    assert_lasts(&found, 86399);
    assert_eq!(seen[0].header("metadata"), "true");
    assert_eq!(
        seen[0].line(),
        "GET 169.254.169.254/metadata/identity/oauth2/token?api-version=2018%2D02%2D01\
         &resource=https%3A%2F%2Fcognitiveservices%2Eazure%2Ecom&client_id=chosen"
    );
}

#[test]
fn without_any_login_every_place_is_named_in_order() {
    let refuse = |_: &Seen| (400, r#"{"error": "invalid_request"}"#.to_string());
    let (found, _) = find(Login::usual(provider("azure"), None), &[("AZURE_TENANT_ID", "t")], refuse);
    assert_eq!(
        format!("{:#}", found.unwrap_err()),
        "no credential found\
         \n  AZURE_OPENAI_AD_TOKEN: not set\
         \n  AZURE_OPENAI_API_KEY: not set\
         \n  Entra client secret: AZURE_CLIENT_ID and AZURE_CLIENT_SECRET not set\
         \n  Entra workload identity: AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE not set\
         \n  App Service managed identity: IDENTITY_ENDPOINT and IDENTITY_HEADER not set\
         \n  Azure CLI: `az` is not on the PATH\
         \n  Azure managed identity: 169.254.169.254 answered 400 invalid_request\
         \n  set AZURE_OPENAI_AD_TOKEN or AZURE_OPENAI_API_KEY, or run `az login`"
    );
}

#[cfg(unix)]
#[test]
fn the_azure_cli_is_asked_for_the_scope() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let at = unix_in(4000);
    let expected = format!("account get-access-token --output json --scope {SCOPE}");
    let text = format!(
        "[ \"$*\" = '{expected}' ] || exit 2\n\
         echo '{{\"accessToken\": \"canary4f1c-cli\", \"expires_on\": {at}, \"expiresOn\": \"local\"}}'"
    );
    script(folder.path(), "az", &text);
    let (found, seen) = find(login(), &[("PATH", path)], nothing);
    let found = found.unwrap();
    assert_eq!((found.source.as_str(), &found.credential), ("Azure CLI", &bearer("canary4f1c-cli")));
    assert_lasts(&found, 4000);
    assert_eq!(seen.len(), 0);
    script(folder.path(), "az", "echo '{\"accessToken\": \"canary4f1c-cli\"}'");
    assert_lasts(&find(login(), &[("PATH", path)], nothing).0.unwrap(), 300);
    script(folder.path(), "az", "echo 'canary4f1c: run az login' >&2; exit 1");
    let missing = find(login(), &[("PATH", path)], nothing).0.unwrap_err();
    assert_eq!(why(&missing, "Azure CLI"), "`az account get-access-token` failed: not logged in?");
    assert_eq!(why(&missing, "Azure managed identity"), "169.254.169.254 answered 404");
}
