//! Credentials of a scenario's endpoints: found before anything is sent, or said to be missing.

use tollgate::credential::Credential;
use tollgate::error::{Error, Result};
use tollgate::http::proxy::Proxies;
use tollgate::http::runtime;
use tollgate::http::tls::Roots;
use tollgate::login::Login;
use tollgate::login::keyring::Keyring;
use tollgate::login::missing::Missing;
use tollgate::login::surroundings::Surroundings;
use tollgate::scenario::{EndpointSpec, Scenario};
use tollgate::time::Instant;

/// Where a credential was found, or why there is none.
type Found = std::result::Result<String, Missing>;

/// The credentials of all endpoints, and where each was found or why it was not.
pub fn find(scenario: &Scenario, roots: Roots, proxies: Proxies) -> Result<(Keyring, Vec<Found>)> {
    let surroundings = Surroundings::of_this_process(roots, proxies);
    let keyring = Keyring::new(scenario.endpoints.iter().map(login), &surroundings);
    let runtime = runtime().map_err(|cause| Error::failed(format!("could not log in: {cause}")))?;
    let found = runtime.block_on(keyring.find(Instant::START));
    runtime.shutdown_background();
    Ok((keyring, found))
}

/// The credentials of all endpoints, or an error that says what is missing.
pub fn keyring(scenario: &Scenario, roots: Roots, proxies: Proxies) -> Result<Keyring> {
    let (keyring, found) = find(scenario, roots, proxies)?;
    let missing = scenario.endpoints.iter().zip(&found).filter_map(|(spec, found)| {
        let missing = found.as_ref().err()?;
        Some(format!("endpoint '{}': {missing:#}", spec.name))
    });
    let missing: Vec<_> = missing.collect();
    match missing.is_empty() {
        true => Ok(keyring),
        false => Err(Error::failed(missing.join("\n"))),
    }
}

/// What callers of the mock's endpoint must show one of: what its own client would, from the environment.
pub fn expected(spec: &EndpointSpec, surroundings: &Surroundings) -> Result<Vec<Credential>> {
    let login = Login::usual(spec.provider, spec.key_env.as_deref());
    if login == Login::default() {
        return Ok(Vec::new());
    }
    let found = login.in_environment(surroundings).into_iter().map(|found| found.credential);
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        let names: Vec<_> = login.variables.iter().map(|variable| variable.name.as_str()).collect();
        return Err(Error::usage(format!(
            "--check-keys: endpoint '{}' has no key to check against; set {}{}",
            spec.name,
            names.join(" or "),
            if spec.provider.name() == "bedrock" {
                ", or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            } else {
                ""
            }
        )));
    }
    Ok(found)
}

/// Where an endpoint's credential is looked for. On this machine nobody is shown a key that was not named.
fn login(spec: &EndpointSpec) -> Login {
    let is_wanted = spec.key_env.is_some() || spec.login.unwrap_or(spec.is_remote());
    match is_wanted && !spec.is_mock() {
        true => Login::usual(spec.provider, spec.key_env.as_deref()),
        false => Login::default(),
    }
}
