//! The load generator and the mock beside oha, wrk and a bare hyper server, on one core each, in one run.
//!
//! `benches/load/run` builds all of it and starts this. The server is on the first core, the client on the second.
//! Contenders take turns, and a table has the medians of the rounds: a machine's speed changes from minute to minute, the
//! ratios within a round do not.

mod bare;
mod child;
mod open;
mod table;
mod unpaced;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["bare", addr] => return bare::serve(addr),
        ["bare-write", addr] => return bare::write(addr),
        ["bare-read", addr, secs] => return bare::read(addr, secs.parse().expect("seconds")),
        _ => {}
    }
    let suites: [(&str, fn()); 6] = [
        ("streams", unpaced::streams),
        ("short", unpaced::short),
        ("mock", unpaced::mock),
        ("open", open::rates),
        ("crowd", open::crowd),
        ("long", open::long),
    ];
    if let Some(unknown) = args.iter().find(|arg| suites.iter().all(|(name, _)| name != *arg)) {
        let names = suites.map(|(name, _)| name).join(", ");
        eprintln!("there is no suite '{unknown}'; there are: {names}");
        return ExitCode::from(2);
    }
    for (name, suite) in suites {
        if args.is_empty() || args.contains(&name) {
            suite();
        }
    }
    ExitCode::SUCCESS
}
