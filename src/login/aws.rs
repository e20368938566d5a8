//! AWS keys: the environment's, the profile's, a web identity's, the container's or the machine's role.

#[cfg(feature = "cloud-auth")]
mod roles;

use std::ops::ControlFlow::Break;
use std::time::Duration;

use serde::Deserialize;

use super::profile::{Profile, ProfileFiles, words};
use super::surroundings::Surroundings;
use super::{Attempt, Found, Search, unset};
use crate::credential::{AwsKeys, Credential, Secret};

/// Looks for keys in the order of AWS's own SDKs.
pub(super) async fn find(surroundings: &Surroundings, search: &mut Search) -> Option<Found> {
    if let Break(end) = search.take("AWS environment", environment(surroundings)) {
        return end;
    }
    let files = ProfileFiles::read(surroundings);
    let chosen =
        ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"].into_iter().find_map(|name| surroundings.variable(name));
    let name = chosen.unwrap_or("default");
    let attempt = match files.profile(name) {
        Ok(profile) => of_profile(surroundings, &files, &profile, 0).await,
        // Who names a profile means it.
        Err(why) if chosen.is_some() => Attempt::Failed(why),
        Err(why) => Attempt::Absent(why),
    };
    if let Break(end) = search.take(&format!("AWS profile '{name}'"), attempt) {
        return end;
    }
    roles::find(surroundings, search).await
}

/// The keys that stand in the environment itself.
pub(super) fn environment(surroundings: &Surroundings) -> Attempt {
    const NAMES: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    match NAMES.map(|name| surroundings.variable(name)) {
        [Some(id), Some(secret)] => {
            let token = surroundings.variable("AWS_SESSION_TOKEN");
            Attempt::Found(found(id, secret, token, "AWS_ACCESS_KEY_ID", None))
        }
        [None, None] => Attempt::Absent(unset(surroundings, &NAMES).unwrap_or_default()),
        [..] => Attempt::Failed(unset(surroundings, &NAMES).unwrap_or_default()),
    }
}

fn found(
    id: &str,
    secret: &str,
    token: Option<&str>,
    source: impl Into<String>,
    lasts: Option<Duration>,
) -> Found {
    let keys = AwsKeys {
        access_key_id: id.to_string(),
        secret_access_key: Secret::new(secret),
        session_token: token.map(Secret::new),
    };
    Found { credential: Credential::Aws(keys), source: source.into(), lasts }
}

/// The keys of a profile that is reached by way of `depth` others.
async fn of_profile(
    surroundings: &Surroundings,
    files: &ProfileFiles,
    profile: &Profile,
    depth: usize,
) -> Attempt {
    let name = &profile.name;
    if let Some(arn) = profile.get("role_arn") {
        return Box::pin(roles::of_profile(surroundings, files, profile, arn, depth)).await;
    }
    if let Some(account) = profile.get("sso_account_id") {
        return match roles::sso(surroundings, files, profile, account).await {
            Attempt::LoggedOut { why, remedy } => by_cli(surroundings, name, why, remedy).await,
            attempt => attempt,
        };
    }
    if let Some(found) = plain_keys(profile) {
        return Attempt::Found(found);
    }
    if let Some(command) = profile.get("credential_process") {
        let source = format!("AWS profile '{name}' (credential_process)");
        let printed = process(surroundings, &words(command), source).await;
        return printed.unwrap_or_else(|why| Attempt::Failed(format!("its credential_process {why}")));
    }
    if profile.get("login_session").is_some() {
        let why = "only the AWS CLI has its login".to_string();
        return by_cli(surroundings, name, why, format!("run `aws login --profile {name}`")).await;
    }
    Attempt::Absent("it has no keys, no login, no credential_process and no role".into())
}

/// Has the AWS CLI make keys of a profile, after we could not: it renews logins, and knows more of them.
async fn by_cli(surroundings: &Surroundings, name: &str, why: String, remedy: String) -> Attempt {
    let command = ["aws", "configure", "export-credentials", "--format", "process", "--profile", name];
    let source = format!("AWS profile '{name}' (AWS CLI)");
    match process(surroundings, &command.map(str::to_string), source).await {
        Ok(attempt) => attempt,
        Err(of_cli) => Attempt::LoggedOut { why: format!("{why}; `aws` {of_cli}"), remedy },
    }
}

/// The keys that stand in the profile itself.
fn plain_keys(profile: &Profile) -> Option<Found> {
    let (id, secret) = (profile.get("aws_access_key_id")?, profile.get("aws_secret_access_key")?);
    let source = format!("AWS profile '{}' (keys)", profile.name);
    Some(found(id, secret, profile.get("aws_session_token"), source, None))
}

/// Runs a command that prints keys. What it prints is a secret, and its complaints may be.
async fn process(surroundings: &Surroundings, command: &[String], source: String) -> Result<Attempt, String> {
    let (program, args) = command.split_first().ok_or("is empty")?;
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = surroundings.run(program, &args).await.map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => "is not on the PATH".to_string(),
        _ => format!("could not be run: {cause}"),
    })?;
    if !output.status.success() {
        return Err(format!("failed ({})", output.status));
    }
    let printed = serde_json::from_slice::<Printed>(&output.stdout);
    let printed = printed.map_err(|_| "printed no keys in the agreed form")?;
    let lasts = match printed.expiration.as_deref().map(str::parse::<jiff::Timestamp>) {
        None => None,
        Some(Ok(at)) => Some(super::until_unix(u64::try_from(at.as_second()).unwrap_or(0))),
        Some(Err(_)) => return Err("printed an Expiration that is no time".into()),
    };
    let token = printed.session_token.as_deref();
    Ok(Attempt::Found(found(&printed.access_key_id, &printed.secret_access_key, token, source, lasts)))
}

/// What a credential process prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

/// Without reqsign there are keys of the environment, of profiles and of commands.
#[cfg(not(feature = "cloud-auth"))]
mod roles {
    use super::{Attempt, Found, Profile, ProfileFiles, Search, Surroundings};

    const ABSENT: &str = "roles and SSO are not in this build of Tollgate (feature cloud-auth)";

    pub async fn find(_: &Surroundings, search: &mut Search) -> Option<Found> {
        search.note("AWS roles", ABSENT);
        None
    }

    pub async fn of_profile(_: &Surroundings, _: &ProfileFiles, _: &Profile, _: &str, _: usize) -> Attempt {
        Attempt::Failed(ABSENT.into())
    }

    pub async fn sso(_: &Surroundings, _: &ProfileFiles, profile: &Profile, _: &str) -> Attempt {
        let remedy = format!("run `aws sso login --profile {}`", profile.name);
        Attempt::LoggedOut { why: ABSENT.into(), remedy }
    }
}
