//! Google's application default credentials: a credential file, or the machine's service account.

use std::ops::ControlFlow::Break;
use std::path::PathBuf;

use super::surroundings::Surroundings;
use super::{Attempt, Found, Search};

/// Looks for a token in the order of google-auth's `default()`.
pub(super) async fn find(surroundings: &Surroundings, search: &mut Search) -> Option<Found> {
    for place in [Place::Given, Place::WellKnown, Place::Machine] {
        if let Break(end) = search.take(place.name(), place.look(surroundings).await) {
            return end;
        }
    }
    None
}

#[derive(Clone, Copy)]
enum Place {
    /// The file that GOOGLE_APPLICATION_CREDENTIALS names.
    Given,
    /// The metadata server.
    Machine,
    /// The file that `gcloud auth application-default login` writes.
    WellKnown,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::Given => "GOOGLE_APPLICATION_CREDENTIALS",
            Place::Machine => "Google metadata server",
            Place::WellKnown => "gcloud application default login",
        }
    }

    async fn look(self, surroundings: &Surroundings) -> Attempt {
        match self {
            Place::Given => {
                let Some(path) = surroundings.variable("GOOGLE_APPLICATION_CREDENTIALS") else {
                    return Attempt::Absent("not set".into());
                };
                match surroundings.file(&PathBuf::from(path)) {
                    Ok(text) => token::of_file(surroundings, text).await,
                    Err(why) => Attempt::Failed(why),
                }
            }
            Place::Machine if surroundings.is_on("NO_GCE_CHECK") => {
                Attempt::Absent("turned off by NO_GCE_CHECK".into())
            }
            Place::Machine => token::of_machine(surroundings).await.or_absent(),
            Place::WellKnown => {
                let Some(path) = well_known(surroundings) else {
                    return Attempt::Absent("there is no home directory".into());
                };
                match surroundings.file(&path) {
                    Ok(text) => token::of_file(surroundings, text).await,
                    Err(why) => Attempt::Absent(why),
                }
            }
        }
    }
}

fn well_known(surroundings: &Surroundings) -> Option<PathBuf> {
    let folder = match surroundings.variable("CLOUDSDK_CONFIG") {
        Some(folder) => PathBuf::from(folder),
        None if cfg!(windows) => PathBuf::from(surroundings.variable("APPDATA")?).join("gcloud"),
        None => surroundings.home()?.join(".config/gcloud"),
    };
    Some(folder.join("application_default_credentials.json"))
}

#[cfg(feature = "cloud-auth")]
mod token {
    use reqsign_core::ProvideCredential;
    use reqsign_google::{
        Credential, ServiceAccountTokenCredentialProvider, StaticCredentialProvider,
        VmMetadataCredentialProvider,
    };
    use serde_json::Value;

    use super::{Attempt, Found, Surroundings};
    use crate::http::web::Patience;
    use crate::login::bridge::{Bridge, Cause, Trouble, lasts};

    /// Exchanges what a credential file says for a token.
    pub async fn of_file(surroundings: &Surroundings, text: String) -> Attempt {
        let Ok(file) = serde_json::from_str::<Value>(&text) else {
            return Attempt::Failed("its file is not JSON".into());
        };
        let kind = file["type"].as_str().unwrap_or_default().replace('_', " ");
        let bridge = Bridge::new(surroundings, Patience::USUAL);
        let provider = StaticCredentialProvider::new(text).with_scope(SCOPE);
        match kind.as_str() {
            "service account" => {
                let email = file["client_email"].as_str().unwrap_or_default();
                let provider =
                    ServiceAccountTokenCredentialProvider::from_provider(provider).with_scope(SCOPE);
                ask(&bridge, &provider, format!("Google ADC: service account {email}")).await
            }
            "authorized user" | "external account" | "impersonated service account" => {
                ask(&bridge, &provider, format!("Google ADC: {kind}")).await
            }
            _ => Attempt::Failed(
                "its file is neither a service account, an authorized user, an external account \
                 nor an impersonated service account"
                    .into(),
            ),
        }
    }

    pub async fn of_machine(surroundings: &Surroundings) -> Attempt {
        let bridge = Bridge::new(surroundings, Patience::SHORT);
        let provider = VmMetadataCredentialProvider::new().with_scope(SCOPE);
        ask(&bridge, &provider, "Google metadata server".into()).await
    }

    async fn ask<P: ProvideCredential<Credential = Credential>>(
        bridge: &Bridge,
        provider: &P,
        source: String,
    ) -> Attempt {
        match bridge.ask(provider).await {
            Ok(Credential { token: Some(token), .. }) => {
                Attempt::Found(Found::token(&token.access_token, source, lasts(token.expires_at)))
            }
            Ok(_) => Attempt::Failed("it gave no token".into()),
            // The refresh token is revoked or too old.
            Err(Trouble { cause: Cause::Answer(400 | 401), why }) if source.ends_with("authorized user") => {
                Attempt::LoggedOut { why, remedy: "run `gcloud auth application-default login`".into() }
            }
            Err(Trouble { why, .. }) => Attempt::Failed(why),
        }
    }

    const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
}

/// Without reqsign there are API keys only.
#[cfg(not(feature = "cloud-auth"))]
mod token {
    use super::{Attempt, Surroundings};

    const ABSENT: &str = "not in this build of Tollgate (feature cloud-auth)";

    pub async fn of_file(_: &Surroundings, _: String) -> Attempt {
        Attempt::Failed(ABSENT.into())
    }

    pub async fn of_machine(_: &Surroundings) -> Attempt {
        Attempt::Absent(ABSENT.into())
    }
}
