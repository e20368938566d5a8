//! Random scenarios for the tests of the invariants.

use proptest::prelude::*;
use tollgate::scenario::Scenario;

/// A small scenario of any shape the format allows: loads, limits, policies and faults in any mixture.
pub fn scenarios() -> impl Strategy<Value = Scenario> {
    let endpoints = prop::collection::vec((endpoint(), any::<bool>()), 1..4);
    let text = (load(), classes(), endpoints, any::<bool>(), policy(), any::<u32>());
    text.prop_map(|(load, classes, endpoints, spills, (policy, hedge), seed)| {
        // A hedge needs a second endpoint to go to.
        let hedge = if endpoints.len() > 1 { hedge } else { "" };
        let has_other = endpoints.len() > 1;
        let is_shared = endpoints.iter().any(|(_, is_sharing)| *is_sharing);
        let pool = if is_shared { POOL } else { "" };
        let endpoints: String = (0..)
            .zip(endpoints)
            .map(|(index, (endpoint, is_sharing)): (usize, _)| {
                let pools = if is_sharing { "pools = [\"shared\"]\n" } else { "" };
                let spillover = if spills && has_other && index == 0 { "spillover = \"e1\"\n" } else { "" };
                format!("[[endpoints]]\nname = \"e{index}\"\n{pools}{spillover}{endpoint}")
            })
            .collect();
        // Where every class has arrivals of its own, there are no others.
        let load = if classes.matches("arrivals").count() < classes.matches("[[").count() {
            load
        } else {
            "".into()
        };
        // A closed loop cannot be mirrored.
        let is_closed = load.contains("closed") || classes.contains("closed");
        let policy = if is_closed { policy.replace("mirror", "priority") } else { policy };
        let text =
            format!("seed = {seed}\nwarmup = \"1s\"\n{policy}{hedge}\n{load}\n{classes}\n{endpoints}{pool}");
        let path = std::path::Path::new("random.toml");
        Scenario::parse(&text, path).unwrap_or_else(|error| panic!("{error}\n{text}"))
    })
}

const POOL: &str = "[[pools]]\nname = \"shared\"\nlimits = [{ kind = \"requests\", per_minute = 900, burst = 20 }, \
                    { kind = \"tokens\", per_minute = 900_000, settled = { output = 5 } }]\n";

fn load() -> impl Strategy<Value = String> {
    arrivals().prop_map(|kind| format!("[arrivals]\n{kind}\n"))
}

fn arrivals() -> impl Strategy<Value = String> {
    prop_oneof![
        (1u32..40).prop_map(|rate| format!("kind = \"constant\"\nrate = {rate}")),
        (1u32..40).prop_map(|rate| format!("kind = \"poisson\"\nrate = {rate}")),
        (1u32..40, 1u32..40).prop_map(|(rate, cv)| format!("kind = \"gamma\"\nrate = {rate}\ncv = 0.{cv}")),
        (0u32..20, 1u32..60)
            .prop_map(|(a, b)| format!("kind = \"ramp\"\nfrom = {a}\nto = {b}\nover = \"5s\"")),
        (1u32..30, 0u32..2000)
            .prop_map(|(n, think)| format!("kind = \"closed\"\nusers = {n}\nthink = \"{think}ms\"")),
    ]
}

fn classes() -> impl Strategy<Value = String> {
    let class =
        (1u32..3000, 0u32..200, 0u32..50, prop::option::of(1u32..150), any::<bool>(), 1u32..30, 1u32..8);
    let class = class.prop_map(|(input, output, reasoning, max, stream, timeout, stall)| {
        let max = max.map_or(String::new(), |max| format!("max_tokens = {max}\n"));
        format!(
            "input = {{ kind = \"uniform\", min = 1, max = {input} }}\n\
             output = {{ kind = \"uniform\", min = 0, max = {output} }}\n\
             reasoning = {{ kind = \"fixed\", tokens = {reasoning} }}\n{max}stream = {stream}\n\
             timeout = \"{timeout}s\"\nstall_timeout = \"{}ms\"\n",
            (timeout * 1000).min(stall * 500)
        )
    });
    let own = prop::option::of(arrivals());
    let own = own.prop_map(|own| own.map_or(String::new(), |own| format!("[classes.arrivals]\n{own}\n")));
    prop::collection::vec((class, own), 1..3).prop_map(|classes| {
        let named = (0..)
            .zip(classes)
            .map(|(n, (class, own)): (u32, _)| format!("[[classes]]\nname = \"c{n}\"\n{class}{own}"));
        named.collect()
    })
}

fn endpoint() -> impl Strategy<Value = String> {
    let limit = prop_oneof![
        (10u32..3000).prop_map(|n| format!("{{ kind = \"requests\", per_minute = {n} }}")),
        (1000u32..900_000).prop_map(|n| format!("{{ kind = \"tokens\", per_minute = {n}, burst = {} }}", n / 10 + 1)),
        (1u32..20, 0u32..5).prop_map(|(n, q)| format!("{{ kind = \"concurrency\", max = {n}, queue_max = {q} }}")),
        (1u32..8, 1u32..4).prop_map(|(from, len)| format!(
            "{{ kind = \"outage\", windows = [{{ from = \"{from}s\", for = \"{len}s\" }}], break_streams = true }}"
        )),
    ];
    let latency = prop_oneof![
        (1u32..900, 0u32..40).prop_map(|(t, g)| format!("{{ kind = \"fixed\", ttft = \"{t}ms\", itl = \"{g}ms\" }}")),
        (1u32..900, 0u32..40)
            .prop_map(|(t, g)| format!("{{ kind = \"lognormal\", ttft_median = \"{t}ms\", ttft_sigma = 0.8, itl = \"{g}ms\" }}")),
        (1u32..8, 0u32..9, 1u32..30, 1u32..3, 3000u32..9000, any::<bool>()).prop_map(|(b, q, g, n, kv, alone)| format!(
            "{{ kind = \"continuous_batching\", instances = {n}, batch_max = {b}, queue_max = {q}, itl = \"{g}ms\", \
             itl_per_sequence = \"2ms\", per_1k_kv = \"1ms\", per_1k_input = \"50ms\", kv_tokens = {kv}, step_tokens = 512, \
             prefill = \"{}\" }}", if alone { "alone" } else { "chunked" }
        )),
    ];
    (prop::collection::vec(limit, 0..3), latency).prop_map(|(limits, latency)| {
        format!(
            "provider = \"azure\"\nmodel = \"m\"\nlimits = [{}]\nlatency = {latency}\n\
             price = {{ input = \"2\", output = \"8\", per_hour = \"3\" }}\n",
            limits.join(", ")
        )
    })
}

fn policy() -> impl Strategy<Value = (String, &'static str)> {
    let router = prop::sample::select(tollgate::client::routers::AnyRouter::KINDS);
    let kind = prop::sample::select(tollgate::client::retry::AnyRetry::KINDS);
    let retry = (1u32..7, 1u32..900, kind);
    (router, retry, any::<bool>(), 0u32..4).prop_map(|(router, (attempts, base, kind), hedges, failures)| {
        let retry = match kind {
            "exponential" => format!(
                "{{ kind = \"exponential\", attempts_max = {attempts}, base = \"{base}ms\", cap = \"2s\" }}"
            ),
            "none" => "\"none\"".into(),
            sdk => format!("{{ kind = \"{sdk}\", attempts_max = {attempts} }}"),
        };
        let hedge = if hedges { "hedge = { after = \"100ms\", share_max = \"50%\" }\n" } else { "" };
        let policy = format!(
            "duration = \"8s\"\nrouter = \"{router}\"\nretry = {retry}\n\
             cooling = {{ failures = {failures}, rest = \"1s\", on_retry_after = true }}\n"
        );
        (policy, hedge)
    })
}
