//! `tollgate mock`: the server half behind HTTP, for anybody's client.

use std::fs::File;
use std::io::BufWriter;
use std::net::SocketAddr;
use std::path::PathBuf;

use tollgate::error::{Error, ExitCode, Result};
use tollgate::http::clock::Clock;
use tollgate::http::interrupt::Interrupt;
use tollgate::http::pacer::Pacing;
use tollgate::http::proxy::Proxies;
use tollgate::http::tls::Identity;
use tollgate::http::tls::Roots;
use tollgate::login::surroundings::Surroundings;
use tollgate::mock::{Mock, Writes};
use tollgate::scenario::{EndpointSpec, Scenario};

use super::{login, output};

/// Serve a scenario's endpoints over HTTP, for any client to try
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tollgate mock scenarios/first-light.toml --listen 127.0.0.1:8080")]
pub struct Args {
    /// The scenario file
    scenario: PathBuf,
    /// A folder of prices that go before the built-in ones, instead of the scenario's
    #[arg(long, value_name = "DIR")]
    catalogue: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR", value_parser = output::address)]
    listen: SocketAddr,
    /// Listen on an address that others can reach
    #[arg(long)]
    expose: bool,
    /// Root of all chance, instead of the scenario's
    #[arg(long)]
    seed: Option<u32>,
    /// Let in only who shows the key that this environment holds for the endpoint; verify AWS signatures
    #[arg(long)]
    check_keys: bool,
    /// Never sleep: the truest answers, for a whole core
    #[arg(long)]
    awake: bool,
    /// Write each event of a stream by itself, even where several are due at once
    #[arg(long)]
    single_writes: bool,
    /// Write each call as a row of this new CSV file, with whether it was admitted
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Serve TLS with this certificate, its chain after it, in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    if !args.listen.ip().is_loopback() && !args.expose {
        return Err(Error::usage(format!(
            "{} can be reached from other machines; add --expose to mean it, or listen on 127.0.0.1",
            args.listen
        )));
    }
    let mut scenario = Scenario::load_with(&args.scenario, args.catalogue.as_deref())?;
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    tollgate::http::raise_descriptor_limit();
    let surroundings =
        args.check_keys.then(|| Surroundings::of_this_process(Roots::System, Proxies::default()));
    let identity = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(Identity::read(certificate, key)?),
        _ => None,
    };
    let expected =
        |spec: &EndpointSpec| surroundings.as_ref().map(|held| login::expected(spec, held)).transpose();
    let mock = Mock::new(&scenario, |_| true, expected)?;
    let clock = Clock::starting_in(std::time::Duration::ZERO);
    let failed = |cause: std::io::Error| {
        Error::failed(format!("could not listen on {}: {cause}; give --listen another address", args.listen))
    };
    let mut bound = mock.bind(args.listen, clock).map_err(failed)?;
    if let Some(identity) = identity {
        bound = bound.secured(identity);
    }
    if args.awake {
        bound = bound.paced(Pacing::Awake);
    }
    if args.single_writes {
        bound = bound.writing(Writes::Single);
    }
    if let Some(path) = &args.log {
        let file = File::create_new(path).map_err(|cause| Error::file("create", path, cause))?;
        bound = bound.logged(Box::new(BufWriter::new(file)));
    }
    let width = output::width(scenario.endpoints.iter().map(|spec| spec.name.as_str()));
    for (spec, url) in scenario.endpoints.iter().zip(bound.urls()) {
        output::say(&format!("{:<width$} {url}{}\n", spec.name, spec.provider.get().base()))?;
    }
    if let [spec] = &scenario.endpoints[..] {
        let base = spec.provider.get().base();
        output::say(&format!("{:<width$} {}{base}\n", "", bound.url()))?;
    }
    output::say("ready; Ctrl-C stops it\n")?;
    let lateness = bound.serve(async {
        match Interrupt::listen() {
            Ok(mut interrupt) => interrupt.next().await,
            // Without signals there is nothing to wait for, and it serves until it is killed.
            Err(_) => std::future::pending().await,
        }
    });
    let lateness = lateness.map_err(|cause| Error::failed(format!("the mock broke off: {cause}")))?;
    output::say(&format!("\n{}\n", lateness.describe()))?;
    Ok(ExitCode::Fine)
}
