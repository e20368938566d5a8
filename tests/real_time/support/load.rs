//! A small run against one endpoint, and what became of each of its requests.

use std::path::Path;
use std::time::Duration;

use tollgate::http::client::Transport;
use tollgate::login::keyring::Keyring;
use tollgate::machines;
use tollgate::outcome::Outcome;
use tollgate::run::{Input, Interrupts, Ran, run};
use tollgate::scenario::Scenario;
use tollgate::simulate::Flow;

use super::attempt::remote;

/// What is under way after an interrupt may go on for so long.
pub const GRACE: Duration = Duration::from_millis(400);

/// Runs a load of five requests in a tenth of a second.
pub fn load(url: &str, class: &str, transport: Transport, interrupts: Interrupts) -> (Ran, Vec<Outcome>) {
    let text = format!(
        "duration = \"100ms\"\n[arrivals]\nkind = \"constant\"\nrate = 50\n\
         [[classes]]\nname = \"c\"\ninput = {{ kind = \"fixed\", tokens = 20 }}\n\
         output = {{ kind = \"fixed\", tokens = 5 }}\n{class}\n\
         [[endpoints]]\nname = \"e\"\nprovider = \"openai\"\nmodel = \"m\"\nurl = \"{url}\"\n\
         price = {{ input = \"1\", output = \"1\" }}\n"
    );
    let scenario = Scenario::parse(&text, Path::new("faults.toml")).unwrap_or_else(|error| panic!("{error}"));
    let input =
        Input { remotes: vec![remote(url)], keyring: Keyring::open(1), transport, grace: GRACE, interrupts };
    let mut outcomes = Vec::new();
    let record = |outcome: &Outcome| {
        outcomes.push(outcome.clone());
        Flow::Continue
    };
    let ran = run(input, machines::dispatcher(&scenario), record, |_| {}).unwrap();
    (ran, outcomes)
}
