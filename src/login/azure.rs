//! Microsoft Entra tokens: a service principal, a workload's identity, the host's, or the Azure CLI's login.

use std::ops::ControlFlow::Break;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use serde::Deserialize;
use serde_json::Value;

use super::surroundings::Surroundings;
use super::web::{form, refusal};
use super::{Attempt, Found, Search, unset, until_unix};
use crate::http::web::Patience;

/// Looks for a token of `scope`, such as `https://ai.azure.com/.default`.
///
/// The order is that of `DefaultAzureCredential`, but for the metadata server, which comes last:
/// where there is none, finding that out takes longest.
pub(super) async fn find(surroundings: &Surroundings, scope: &str, search: &mut Search) -> Option<Found> {
    for place in
        [Place::ClientSecret, Place::WorkloadIdentity, Place::AppService, Place::Cli, Place::ManagedIdentity]
    {
        let attempt = place.look(surroundings, scope).await;
        if let Break(end) = search.take(place.name(), attempt) {
            return end;
        }
    }
    None
}

#[derive(Clone, Copy)]
enum Place {
    AppService,
    Cli,
    ClientSecret,
    ManagedIdentity,
    WorkloadIdentity,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::AppService => "App Service managed identity",
            Place::Cli => "Azure CLI",
            Place::ClientSecret => "Entra client secret",
            Place::ManagedIdentity => "Azure managed identity",
            Place::WorkloadIdentity => "Entra workload identity",
        }
    }

    async fn look(self, surroundings: &Surroundings, scope: &str) -> Attempt {
        match self {
            Place::AppService => app_service(surroundings, scope).await,
            Place::Cli => cli(surroundings, scope).await,
            Place::ClientSecret => client_secret(surroundings, scope).await,
            Place::ManagedIdentity => managed_identity(surroundings, scope).await.or_absent(),
            Place::WorkloadIdentity => workload_identity(surroundings, scope).await,
        }
    }
}

async fn client_secret(surroundings: &Surroundings, scope: &str) -> Attempt {
    const NAMES: [&str; 3] = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"];
    let [Some(tenant), Some(client), Some(secret)] = NAMES.map(|name| surroundings.variable(name)) else {
        return Attempt::Absent(unset(surroundings, &NAMES).unwrap_or_default());
    };
    let fields = [
        ("client_id", client),
        ("client_secret", secret),
        ("grant_type", "client_credentials"),
        ("scope", scope),
    ];
    entra(surroundings, tenant, &fields, format!("Entra client secret of {client}")).await
}

async fn workload_identity(surroundings: &Surroundings, scope: &str) -> Attempt {
    const NAMES: [&str; 3] = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"];
    let [Some(tenant), Some(client), Some(file)] = NAMES.map(|name| surroundings.variable(name)) else {
        return Attempt::Absent(unset(surroundings, &NAMES).unwrap_or_default());
    };
    let assertion = match surroundings.file(Path::new(file)) {
        Ok(assertion) => assertion,
        Err(why) => return Attempt::Failed(format!("AZURE_FEDERATED_TOKEN_FILE: {why}")),
    };
    let fields = [
        ("client_assertion", assertion.trim()),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_id", client),
        ("grant_type", "client_credentials"),
        ("scope", scope),
    ];
    entra(surroundings, tenant, &fields, format!("Entra workload identity of {client}")).await
}

/// Asks the tenant's token endpoint.
async fn entra(
    surroundings: &Surroundings,
    tenant: &str,
    fields: &[(&str, &str)],
    source: String,
) -> Attempt {
    let host = surroundings.variable("AZURE_AUTHORITY_HOST").unwrap_or("https://login.microsoftonline.com");
    let host = if host.contains("://") { host.to_string() } else { format!("https://{host}") };
    if host.starts_with("http://") {
        return Attempt::Failed("AZURE_AUTHORITY_HOST must begin with https://".into());
    }
    let url = format!("{}/{tenant}/oauth2/v2.0/token", host.trim_end_matches('/'));
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(form(fields)));
    ask(surroundings, request, Patience::USUAL, source).await
}

async fn app_service(surroundings: &Surroundings, scope: &str) -> Attempt {
    const NAMES: [&str; 2] = ["IDENTITY_ENDPOINT", "IDENTITY_HEADER"];
    let [Some(endpoint), Some(secret)] = NAMES.map(|name| surroundings.variable(name)) else {
        return Attempt::Absent(unset(surroundings, &NAMES).unwrap_or_default());
    };
    let url = format!("{endpoint}?{}", identity_query(surroundings, "2019-08-01", scope));
    let request = Request::get(url).header("x-identity-header", secret).body(Bytes::new());
    ask(surroundings, request, Patience::USUAL, "App Service managed identity".into()).await
}

async fn managed_identity(surroundings: &Surroundings, scope: &str) -> Attempt {
    let host = surroundings.variable("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or("http://169.254.169.254");
    let query = identity_query(surroundings, "2018-02-01", scope);
    let url = format!("{}/metadata/identity/oauth2/token?{query}", host.trim_end_matches('/'));
    let request = Request::get(url).header("metadata", "true").body(Bytes::new());
    ask(surroundings, request, Patience::SHORT, "Azure managed identity".into()).await
}

/// What both managed identities are asked; AZURE_CLIENT_ID chooses one that a user has assigned.
fn identity_query(surroundings: &Surroundings, version: &str, scope: &str) -> String {
    let resource = scope.trim_end_matches("/.default");
    let client = surroundings.variable("AZURE_CLIENT_ID").map(|client| ("client_id", client));
    let fields: Vec<_> =
        [("api-version", version), ("resource", resource)].into_iter().chain(client).collect();
    form(&fields)
}

/// Sends a token request that was built from what the environment says.
async fn ask(
    surroundings: &Surroundings,
    request: http::Result<Request<Bytes>>,
    patience: Patience,
    source: String,
) -> Attempt {
    let Ok(request) = request else {
        return Attempt::Failed("its variables do not make a URL".into());
    };
    let host = request.uri().authority().map_or("", |authority| authority.as_str()).to_string();
    let answer = match surroundings.web.send(request, patience).await {
        Ok(answer) => answer,
        Err(why) => return Attempt::Failed(why),
    };
    if !answer.status().is_success() {
        return Attempt::Failed(refusal(&host, &answer));
    }
    match serde_json::from_slice::<TokenAnswer>(answer.body()) {
        Ok(token) => Attempt::Found(Found::token(&token.access_token, source, token.lasts())),
        Err(_) => Attempt::Failed(format!("{host} answered without a token")),
    }
}

async fn cli(surroundings: &Surroundings, scope: &str) -> Attempt {
    let program = if cfg!(windows) { "az.cmd" } else { "az" };
    let args = ["account", "get-access-token", "--output", "json", "--scope", scope];
    let output = match surroundings.run(program, &args).await {
        Ok(output) => output,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return Attempt::Absent("`az` is not on the PATH".into());
        }
        Err(cause) => return Attempt::Absent(format!("`az` could not be run: {cause}")),
    };
    if !output.status.success() {
        return Attempt::Absent("`az account get-access-token` failed: not logged in?".into());
    }
    match serde_json::from_slice::<CliAnswer>(&output.stdout) {
        Ok(token) => {
            let lasts = token.expires_on.map_or(CLI_TOKEN_LASTS, until_unix);
            Attempt::Found(Found::token(&token.access_token, "Azure CLI", Some(lasts)))
        }
        Err(_) => Attempt::Absent("`az account get-access-token` printed no token".into()),
    }
}

/// Of a token endpoint; the managed identities write numbers as strings, and App Service only says when.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    expires_on: Value,
}

impl TokenAnswer {
    fn lasts(&self) -> Option<Duration> {
        let whole = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        whole(&self.expires_in).map(Duration::from_secs).or_else(|| whole(&self.expires_on).map(until_unix))
    }
}

#[derive(Deserialize)]
struct CliAnswer {
    #[serde(rename = "accessToken")]
    access_token: String,
    /// Seconds since the Unix epoch; versions before 2.54 only tell the local time.
    expires_on: Option<u64>,
}

/// The CLI gives tokens that last at least so long.
const CLI_TOKEN_LASTS: Duration = Duration::from_secs(300);
