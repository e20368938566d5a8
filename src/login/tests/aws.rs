//! The places of the AWS chain.

use super::*;

fn login() -> Login {
    Login { variables: Vec::new(), chain: Some(Chain::Aws) }
}

/// Keys as the ECS agent and the instance's metadata give them.
fn lent(id: &str) -> (u16, String) {
    let at = rfc3339_in(3600);
    let body = format!(
        r#"{{"Code": "Success", "AccessKeyId": "{id}", "SecretAccessKey": "canary4f1c-secret",
            "Token": "canary4f1c-session", "Expiration": "{at}"}}"#
    );
    (200, body)
}

/// Keys as the security token service gives them.
fn sts(action: &str, id: &str) -> (u16, String) {
    let at = rfc3339_in(3600);
    let body = format!(
        "<{action}Response><{action}Result><Credentials><AccessKeyId>{id}</AccessKeyId>\
         <SecretAccessKey>canary4f1c-secret</SecretAccessKey><SessionToken>canary4f1c-session</SessionToken>\
         <Expiration>{at}</Expiration></Credentials></{action}Result></{action}Response>"
    );
    (200, body)
}

/// A time so many seconds from now, as AWS writes it.
fn rfc3339_in(secs: u64) -> String {
    jiff::Timestamp::from_second(unix_in(secs) as i64).unwrap().to_string()
}

/// A home with an `.aws` folder in it.
fn home(config: &str, credentials: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), ".aws/config", config);
    write(folder.path(), ".aws/credentials", credentials);
    let path = folder.path().to_str().unwrap().to_string();
    (folder, path)
}

#[test]
fn keys_of_the_environment_come_first_and_half_of_them_is_a_mistake() {
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "canary4f1c-secret"),
        ("AWS_SESSION_TOKEN", "canary4f1c-session"),
        ("AWS_PROFILE", "unknown"),
    ];
    let (found, seen) = find(login(), &variables, nothing);
    assert_eq!(found, Ok(Found::lasting(keys("AKID", Some("canary4f1c-session")), "AWS_ACCESS_KEY_ID")));
    let (missing, _) = find(login(), &variables[..1], nothing);
    assert_eq!(why(&missing.unwrap_err(), "AWS environment"), "AWS_SECRET_ACCESS_KEY not set");
    assert_eq!(seen.len(), 0);
}

#[test]
fn a_profile_s_keys_are_read_from_either_file() {
    let (_folder, home) = home(
        "[default]\nregion = eu-west-1\n[profile \"dev\"] # ours\naws_access_key_id = FROM_CONFIG\n\
         aws_secret_access_key=canary4f1c-secret\ns3 =\n  aws_access_key_id = nested\n",
        "; a comment\n[default]\naws_access_key_id = AKID # mine\naws_secret_access_key = canary4f1c-secret\n\
         [both]\naws_access_key_id = BOTH\naws_secret_access_key = canary4f1c-secret\n",
    );
    for (profile, id) in [("default", "AKID"), ("dev", "FROM_CONFIG"), ("both", "BOTH")] {
        let (found, _) = find(login(), &[("HOME", &home), ("AWS_PROFILE", profile)], nothing);
        let source = format!("AWS profile '{profile}' (keys)");
        assert_eq!(found, Ok(Found::lasting(keys(id, None), source)));
    }
    let (missing, seen) = find(login(), &[("HOME", &home), ("AWS_PROFILE", "prod")], nothing);
    let said = "no profile 'prod' in the config and credentials files";
    assert_eq!(why(&missing.unwrap_err(), "AWS profile 'prod'"), said);
    assert_eq!(seen.len(), 0, "a profile that is named is meant");
}

#[cfg(unix)]
#[test]
fn a_profile_s_command_prints_keys() {
    let folder = tempfile::tempdir().unwrap();
    let at = rfc3339_in(900);
    let text = format!(
        "[ \"$1:$2\" = 'two words:x' ] || {{ echo canary4f1c >&2; exit 3; }}\n\
         echo '{{\"Version\": 1, \"AccessKeyId\": \"AKID\", \"SecretAccessKey\": \"canary4f1c-secret\", \
         \"SessionToken\": \"canary4f1c-session\", \"Expiration\": \"{at}\"}}'"
    );
    let command = script(folder.path(), "lend keys", &text);
    let config = format!("[default]\ncredential_process = '{command}' \"two words\" x\n");
    let (_folder, path) = home(&config, "");
    let found = find(login(), &[("HOME", &path)], nothing).0.unwrap();
    assert_eq!(found.source, "AWS profile 'default' (credential_process)");
    assert_eq!(found.credential, keys("AKID", Some("canary4f1c-session")));
    assert_lasts(&found, 900);
    let (_folder, path) = home(&config.replace("two words", "canary4f1c"), "");
    let missing = find(login(), &[("HOME", &path)], nothing).0.unwrap_err();
    assert_eq!(why(&missing, "AWS profile 'default'"), "its credential_process failed (exit status: 3)");
}

const NO_CLI: &str = "`aws` is not on the PATH";

const LOGIN_AGAIN: &str =
    "run `aws sso login --profile dev`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

const SSO: &str = "[profile dev]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Tester\n\
     [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n\
     [profile old]\nsso_account_id = 111122223333\nsso_role_name = Tester\nsso_region = eu-west-1\n\
     sso_start_url = https://corp.awsapps.com/start\n";

/// Where `aws sso login` leaves its token: the SHA-1 of `corp`, and of the start URL.
const SSO_CACHED: [(&str, &str); 2] = [
    ("dev", ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json"),
    ("old", ".aws/sso/cache/a51746d4aa793ae07b25e90c3a5db96fc7832bd7.json"),
];

#[test]
fn an_sso_login_is_exchanged_for_the_role_s_keys() {
    for (profile, cached) in SSO_CACHED {
        let (folder, home) = home(SSO, "");
        let at = rfc3339_in(600);
        write(folder.path(), cached, &format!(r#"{{"accessToken": "canary4f1c-sso", "expiresAt": "{at}"}}"#));
        let answer = |_: &Seen| {
            let at = unix_in(3600) * 1000;
            let body = format!(
                r#"{{"roleCredentials": {{"accessKeyId": "ASIA", "secretAccessKey": "canary4f1c-secret",
                    "sessionToken": "canary4f1c-session", "expiration": {at}}}}}"#
            );
            (200, body)
        };
        let (found, seen) = find(login(), &[("HOME", &home), ("AWS_PROFILE", profile)], answer);
        let found = found.unwrap();
        assert_eq!(found.source, format!("AWS profile '{profile}' (SSO)"));
        assert_eq!(found.credential, keys("ASIA", Some("canary4f1c-session")));
        assert_lasts(&found, 3600);
        assert_eq!(seen[0].header("x-amz-sso_bearer_token"), "canary4f1c-sso");
        assert_eq!(
            seen[0].line(),
            "GET portal.sso.eu-west-1.amazonaws.com/federation/credentials\
             ?role_name=Tester&account_id=111122223333"
        );
    }
}

#[test]
fn an_sso_login_that_is_over_says_how_to_log_in_again() {
    let (folder, home) = home(SSO, "");
    let variables = [("HOME", home.as_str()), ("AWS_PROFILE", "dev")];
    let missing = find(login(), &variables, nothing).0.unwrap_err();
    assert_eq!(missing.remedy, LOGIN_AGAIN);
    let never = format!("nobody has logged in by SSO: there is no {home}/{}; {NO_CLI}", SSO_CACHED[0].1);
    assert_eq!(why(&missing, "AWS profile 'dev'"), never);
    let token = r#"{"accessToken": "canary4f1c-sso", "expiresAt": "2020-01-01T00:00:00Z"}"#;
    write(folder.path(), SSO_CACHED[0].1, token);
    let missing = find(login(), &variables, nothing).0.unwrap_err();
    assert_eq!(why(&missing, "AWS profile 'dev'"), format!("its SSO login has expired; {NO_CLI}"));
    assert_eq!(missing.remedy, LOGIN_AGAIN);
    write(folder.path(), SSO_CACHED[0].1, &token.replace("2020", "2999"));
    let refuse = |_: &Seen| (401, r#"{"__type": "UnauthorizedException", "message": "canary4f1c"}"#.into());
    let missing = find(login(), &variables, refuse).0.unwrap_err();
    let answered = "portal.sso.eu-west-1.amazonaws.com answered 401 UnauthorizedException";
    let said = format!("its SSO login is over: {answered}; {NO_CLI}");
    assert_eq!(why(&missing, "AWS profile 'dev'"), said);
    let refuse = |_: &Seen| (403, r#"{"__type": "ForbiddenException"}"#.into());
    let missing = find(login(), &variables, refuse).0.unwrap_err();
    let remedy = "correct AWS profile 'dev', or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    assert_eq!(missing.remedy, remedy, "a login does not help");
}

#[cfg(unix)]
#[test]
fn the_aws_cli_renews_a_login_that_is_over() {
    let config = format!("{SSO}[profile new]\nlogin_session = arn:aws:iam::111122223333:user/me\n");
    let (folder, home) = home(&config, "");
    let path = folder.path().to_str().unwrap();
    let at = rfc3339_in(3600);
    let text = format!(
        "case \"$*\" in 'configure export-credentials --format process --profile '*) ;; *) exit 2 ;; esac\n\
         echo '{{\"Version\": 1, \"AccessKeyId\": \"AKID\", \"SecretAccessKey\": \"canary4f1c-secret\", \
         \"SessionToken\": \"canary4f1c-session\", \"Expiration\": \"{at}\"}}'"
    );
    for profile in ["dev", "new"] {
        script(folder.path(), "aws", &text);
        let variables = [("HOME", home.as_str()), ("AWS_PROFILE", profile), ("PATH", path)];
        let found = find(login(), &variables, nothing).0.unwrap();
        assert_eq!(found.source, format!("AWS profile '{profile}' (AWS CLI)"));
        assert_eq!(found.credential, keys("AKID", Some("canary4f1c-session")));
        assert_lasts(&found, 3600);
        script(folder.path(), "aws", "echo canary4f1c >&2; exit 255");
        let missing = find(login(), &variables, nothing).0.unwrap_err();
        let said = why(&missing, &format!("AWS profile '{profile}'"));
        assert!(said.ends_with("; `aws` failed (exit status: 255)"), "{said}");
    }
}

#[test]
fn a_profile_s_role_is_taken_on_by_another_profile_s_keys() {
    let (_folder, path) = home(
        "[profile ops]\nrole_arn = arn:aws:iam::111122223333:role/ops\nsource_profile = base\n\
         external_id = x-1\nregion = eu-west-1\n[profile a]\nrole_arn = arn:aws:iam::111122223333:role/a\n\
         source_profile = b\n[profile b]\nrole_arn = arn:aws:iam::111122223333:role/b\nsource_profile = a\n\
         [profile mfa]\nrole_arn = arn:aws:iam::111122223333:role/m\nmfa_serial = arn:x\nsource_profile = base\n",
        "[base]\naws_access_key_id = AKID\naws_secret_access_key = canary4f1c-secret\n",
    );
    let (found, seen) = find(login(), &[("HOME", &path), ("AWS_PROFILE", "ops")], |_| {
        sts("AssumeRole", "ASIAEXAMPLEOFAROLE")
    });
    let found = found.unwrap();
    assert_eq!(found.source, "AWS profile 'ops' (role)");
    assert_eq!(found.credential, keys("ASIAEXAMPLEOFAROLE", Some("canary4f1c-session")));
    assert_lasts(&found, 3600);
    assert_eq!(seen[0].host, "sts.eu-west-1.amazonaws.com");
    assert!(seen[0].header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=AKID/"));
    let asked = format!("{}{}", seen[0].target, seen[0].body);
    assert!(asked.contains("RoleSessionName=tollgate") && asked.contains("ExternalId=x-1"), "{asked}");
    for (profile, said) in [
        ("a", "its source_profiles run in a circle"),
        ("mfa", "its role asks for an MFA code; use an SSO login or session keys"),
    ] {
        let (missing, seen) = find(login(), &[("HOME", &path), ("AWS_PROFILE", profile)], nothing);
        assert_eq!(why(&missing.unwrap_err(), &format!("AWS profile '{profile}'")), said);
        assert_eq!(seen.len(), 0);
    }
}

#[test]
fn a_web_identity_is_exchanged_where_the_region_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "token", "canary4f1c.jwt\n");
    let variables = [
        ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/pod"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &file),
        ("AWS_REGION", "eu-west-1"),
    ];
    let (found, seen) = find(login(), &variables, |_| sts("AssumeRoleWithWebIdentity", "ASIA"));
    let found = found.unwrap();
    assert_eq!(found.source, "AWS web identity (arn:aws:iam::111122223333:role/pod)");
    assert_eq!(found.credential, keys("ASIA", Some("canary4f1c-session")));
    assert_lasts(&found, 3600);
    assert_eq!(seen[0].line(), "POST sts.eu-west-1.amazonaws.com/");
    assert!(seen[0].body.contains("WebIdentityToken=canary4f1c.jwt&"), "{}", seen[0].body);
    let (found, seen) = find(login(), &variables[..2], |_| sts("AssumeRoleWithWebIdentity", "ASIA"));
    assert!(found.is_ok());
    assert_eq!(seen[0].host, "sts.amazonaws.com");
    let refuse = |_: &Seen| {
        let body = "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>canary4f1c</Message></Error></ErrorResponse>";
        (400, body.to_string())
    };
    let missing = find(login(), &variables, refuse).0.unwrap_err();
    let said = "sts.eu-west-1.amazonaws.com answered 400 InvalidIdentityToken";
    assert_eq!(why(&missing, "AWS web identity"), said);
}

#[test]
fn a_container_s_role_is_asked_of_its_agent() {
    let relative = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/7")];
    let (found, seen) = find(login(), &relative, |_| lent("ASIA"));
    let found = found.unwrap();
    assert_eq!(found.source, "AWS container role");
    assert_eq!(found.credential, keys("ASIA", Some("canary4f1c-session")));
    assert_lasts(&found, 3600);
    assert_eq!(seen[0].line(), "GET 169.254.170.2/v2/credentials/7");
    let full = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://app-service.internal/creds"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary4f1c-agent"),
    ];
    let (found, seen) = find(login(), &full, |_| lent("ASIA"));
    assert!(found.is_ok());
    assert_eq!(seen[0].header("authorization"), "canary4f1c-agent");
    let (missing, seen) = find(login(), &relative, |_| (403, "canary4f1c".into()));
    assert_eq!(why(&missing.unwrap_err(), "AWS container role"), "169.254.170.2 answered 403");
    assert_eq!(seen.len(), 1, "the machine's own role is not what was meant");
}

#[test]
fn the_machine_s_role_is_asked_with_a_session_token() {
    let answer = |seen: &Seen| match seen.target.as_str() {
        "/latest/api/token" => (200, "canary4f1c-imds".into()),
        "/latest/meta-data/iam/security-credentials/" => (200, "tester".into()),
        "/latest/meta-data/iam/security-credentials/tester" => lent("ASIA"),
        _ => (404, String::new()),
    };
    let (found, seen) = find(login(), &[], answer);
    let found = found.unwrap();
    assert_eq!(found.source, "EC2 instance role");
    assert_eq!(found.credential, keys("ASIA", Some("canary4f1c-session")));
    assert_lasts(&found, 3600);
    assert_eq!(seen[0].line(), "PUT 169.254.169.254/latest/api/token");
    assert_eq!(seen[2].header("x-aws-ec2-metadata-token"), "canary4f1c-imds");
}

#[test]
fn without_any_login_every_place_is_named_and_the_metadata_server_is_left_alone_where_told_so() {
    let off = [("HOME", "/nowhere"), ("AWS_EC2_METADATA_DISABLED", "true")];
    let (missing, seen) = find(Login::usual(provider("bedrock"), None), &off, nothing);
    assert_eq!(
        format!("{:#}", missing.unwrap_err()),
        "no credential found\
         \n  AWS_BEARER_TOKEN_BEDROCK: not set\
         \n  AWS environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY not set\
         \n  AWS profile 'default': no profile 'default': there is no /nowhere/.aws/config, \
         there is no /nowhere/.aws/credentials\
         \n  AWS web identity: AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE not set\
         \n  AWS container role: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and \
         AWS_CONTAINER_CREDENTIALS_FULL_URI not set\
         \n  EC2 instance role: turned off by AWS_EC2_METADATA_DISABLED\
         \n  set AWS_BEARER_TOKEN_BEDROCK, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
         or run `aws configure sso`"
    );
    assert_eq!(seen.len(), 0);
    let (missing, seen) = find(login(), &[], nothing);
    assert_eq!(why(&missing.unwrap_err(), "EC2 instance role"), "169.254.169.254 answered 404");
    assert_eq!(seen.len(), 1);
}
