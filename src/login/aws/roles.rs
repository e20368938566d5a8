//! Keys that AWS lends for a while: to a role, an SSO login, a container, a machine.

use std::ops::ControlFlow::Break;
use std::path::PathBuf;

use reqsign_aws_v4::{
    AssumeRoleCredentialProvider, AssumeRoleWithWebIdentityCredentialProvider, Credential,
    ECSCredentialProvider, IMDSv2CredentialProvider, RequestSigner, SSOCredentialProvider,
    StaticCredentialProvider,
};
use reqsign_core::{ProvideCredential, Signer};

use super::{Attempt, Found, Profile, ProfileFiles, Search, Surroundings, unset};
use crate::credential::{AwsKeys, Credential as Shown};
use crate::http::web::Patience;
use crate::login::bridge::{Bridge, Cause, Trouble, lasts};

/// The places after the profile.
pub(super) async fn find(surroundings: &Surroundings, search: &mut Search) -> Option<Found> {
    for place in [Place::WebIdentity, Place::Container, Place::Machine] {
        if let Break(end) = search.take(place.name(), place.look(surroundings).await) {
            return end;
        }
    }
    None
}

/// Takes on the profile's role; roles may be taken on by way of each other.
pub(super) async fn of_profile(
    surroundings: &Surroundings,
    files: &ProfileFiles,
    profile: &Profile,
    arn: &str,
    depth: usize,
) -> Attempt {
    let text = |name: &str| profile.get(name).map(str::to_string);
    let role = Role {
        arn: arn.to_string(),
        external_id: text("external_id"),
        session_name: text("role_session_name"),
        region: text("region"),
    };
    let name = &profile.name;
    if profile.get("mfa_serial").is_some() {
        return Attempt::Failed("its role asks for an MFA code; use an SSO login or session keys".into());
    }
    if let Some(file) = profile.get("web_identity_token_file") {
        let source = format!("AWS profile '{name}' (web identity)");
        return web_identity(surroundings, &role, file, source).await;
    }
    let by = match (profile.get("source_profile"), profile.get("credential_source")) {
        (Some(source), _) => source_profile(surroundings, files, profile, source, depth).await,
        (None, Some("Environment")) => super::environment(surroundings),
        (None, Some("EcsContainer")) => Place::Container.look(surroundings).await,
        (None, Some("Ec2InstanceMetadata")) => Place::Machine.look(surroundings).await,
        (None, Some(_)) => Attempt::Failed("its credential_source is none that AWS knows".into()),
        (None, None) => {
            Attempt::Failed("its role_arn has neither source_profile nor credential_source".into())
        }
    };
    match by {
        Attempt::Absent(why) => Attempt::Failed(format!("who takes on its role: {why}")),
        Attempt::Found(Found { credential: Shown::Aws(keys), .. }) => {
            take_on(surroundings, &role, &keys, format!("AWS profile '{name}' (role)")).await
        }
        other => other,
    }
}

/// The keys of the profile that takes on a role; it may be the same one.
async fn source_profile(
    surroundings: &Surroundings,
    files: &ProfileFiles,
    profile: &Profile,
    source: &str,
    depth: usize,
) -> Attempt {
    if source == profile.name {
        let own = super::plain_keys(profile).map(Attempt::Found);
        return own.unwrap_or_else(|| Attempt::Failed("its source_profile is itself, without keys".into()));
    }
    if depth == ROLE_DEPTH_MAX {
        return Attempt::Failed("its source_profiles run in a circle".into());
    }
    match files.profile(source) {
        Ok(profile) => super::of_profile(surroundings, files, &profile, depth + 1).await,
        Err(why) => Attempt::Failed(format!("its source_profile: {why}")),
    }
}

async fn take_on(surroundings: &Surroundings, role: &Role, keys: &AwsKeys, source: String) -> Attempt {
    let bridge = Bridge::new(surroundings, Patience::USUAL);
    let mut by = StaticCredentialProvider::new(&keys.access_key_id, keys.secret_access_key.expose());
    if let Some(token) = &keys.session_token {
        by = by.with_session_token(token.expose());
    }
    let region = role.region(surroundings);
    let signer = RequestSigner::new("sts", region.as_deref().unwrap_or("us-east-1"));
    let signer = Signer::new(bridge.context.clone(), by, signer);
    let mut taking = AssumeRoleCredentialProvider::new(role.arn.clone(), signer)
        .with_role_session_name(role.session_name());
    if let Some(id) = &role.external_id {
        taking = taking.with_external_id(id.clone());
    }
    if let Some(region) = region {
        taking = taking.with_region(region).with_regional_sts_endpoint();
    }
    ask(&bridge, &taking, source).await
}

async fn web_identity(surroundings: &Surroundings, role: &Role, file: &str, source: String) -> Attempt {
    let bridge = Bridge::new(surroundings, Patience::USUAL);
    let mut taking =
        AssumeRoleWithWebIdentityCredentialProvider::with_config(role.arn.clone(), PathBuf::from(file))
            .with_role_session_name(role.session_name());
    if let Some(region) = role.region(surroundings) {
        taking = taking.with_region(region).with_regional_sts_endpoint();
    }
    ask(&bridge, &taking, source).await
}

/// A role to be taken on.
struct Role {
    arn: String,
    external_id: Option<String>,
    session_name: Option<String>,
    region: Option<String>,
}

impl Role {
    fn session_name(&self) -> String {
        self.session_name.clone().unwrap_or_else(|| "tollgate".into())
    }

    fn region(&self, surroundings: &Surroundings) -> Option<String> {
        let set =
            ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| surroundings.variable(name));
        set.map(str::to_string).or(self.region.clone())
    }
}

/// Exchanges the token that `aws sso login` has left.
pub(super) async fn sso(
    surroundings: &Surroundings,
    files: &ProfileFiles,
    profile: &Profile,
    account: &str,
) -> Attempt {
    let session = profile.get("sso_session");
    let shared = session.and_then(|name| files.sso_session(name));
    let region = shared.as_ref().and_then(|shared| shared.get("sso_region")).or(profile.get("sso_region"));
    // reqsign only wants the start URL to find the cached token's file; a session's is filed under its name.
    let filed_under = session.or(profile.get("sso_start_url"));
    let (Some(region), Some(role), Some(filed_under)) = (region, profile.get("sso_role_name"), filed_under)
    else {
        return Attempt::Failed("it lacks sso_region, sso_role_name or sso_session".into());
    };
    let provider = SSOCredentialProvider::new()
        .with_account_id(account)
        .with_region(region)
        .with_role_name(role)
        .with_start_url(filed_under);
    let name = &profile.name;
    let why = match Bridge::new(surroundings, Patience::USUAL).ask(&provider).await {
        Ok(credential) => return given(credential, format!("AWS profile '{name}' (SSO)")),
        Err(Trouble { cause: Cause::Answer(401), why }) => format!("its SSO login is over: {why}"),
        Err(Trouble { cause: Cause::Chain, .. }) => "its SSO login has expired".into(),
        Err(Trouble { cause: Cause::File, why }) => format!("nobody has logged in by SSO: {why}"),
        Err(Trouble { why, .. }) => return Attempt::Failed(why),
    };
    Attempt::LoggedOut { why, remedy: format!("run `aws sso login --profile {name}`") }
}

#[derive(Clone, Copy)]
enum Place {
    Container,
    Machine,
    WebIdentity,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::Container => "AWS container role",
            Place::Machine => "EC2 instance role",
            Place::WebIdentity => "AWS web identity",
        }
    }

    async fn look(self, surroundings: &Surroundings) -> Attempt {
        match self {
            Place::Container => {
                const NAMES: [&str; 2] =
                    ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
                if NAMES.iter().all(|name| surroundings.variable(name).is_none()) {
                    return Attempt::Absent(unset(surroundings, &NAMES).unwrap_or_default());
                }
                let bridge = Bridge::new(surroundings, Patience::USUAL);
                ask(&bridge, &ECSCredentialProvider::new(), self.name().into()).await
            }
            Place::Machine if surroundings.is_on("AWS_EC2_METADATA_DISABLED") => {
                Attempt::Absent("turned off by AWS_EC2_METADATA_DISABLED".into())
            }
            Place::Machine => {
                let bridge = Bridge::new(surroundings, Patience::SHORT);
                let asked = ask(&bridge, &IMDSv2CredentialProvider::new(), self.name().into()).await;
                asked.or_absent()
            }
            Place::WebIdentity => {
                const NAMES: [&str; 2] = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
                let [Some(arn), Some(file)] = NAMES.map(|name| surroundings.variable(name)) else {
                    return Attempt::Absent(unset(surroundings, &NAMES).unwrap_or_default());
                };
                let role = Role {
                    arn: arn.to_string(),
                    external_id: None,
                    session_name: surroundings.variable("AWS_ROLE_SESSION_NAME").map(str::to_string),
                    region: None,
                };
                web_identity(surroundings, &role, file, format!("AWS web identity ({arn})")).await
            }
        }
    }
}

async fn ask<P: ProvideCredential<Credential = Credential>>(
    bridge: &Bridge,
    provider: &P,
    source: String,
) -> Attempt {
    match bridge.ask(provider).await {
        Ok(credential) => given(credential, source),
        Err(trouble) => Attempt::Failed(trouble.why),
    }
}

fn given(credential: Credential, source: String) -> Attempt {
    let Credential { access_key_id, secret_access_key, session_token, expires_in } = credential;
    let token = session_token.as_deref();
    Attempt::Found(super::found(&access_key_id, &secret_access_key, token, source, lasts(expires_in)))
}

/// Roles taken on one after the other.
const ROLE_DEPTH_MAX: usize = 5;
