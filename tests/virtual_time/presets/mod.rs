//! The catalogue's quotas and capacities: each is sound, and stands for its limits in a scenario.

mod server;
mod vendors;

use std::num::NonZeroU32;
use std::path::Path;

use server::{Server, capacity, job, presets, secs};
use tollgate::catalogue::capacity::Capacity;
use tollgate::catalogue::quota::QuotaSpec;
use tollgate::scenario::Scenario;
use tollgate::server::limits::AnyLimit;

#[test]
fn every_quota_of_ours_stands_for_limits_once_its_figures_are_known() {
    let presets = presets();
    for row in &presets.quotas {
        assert!(row.source.len() > 5 && row.dated.year() >= 2025, "{row:?}");
        for name in row.names() {
            let bare: QuotaSpec = toml::from_str(&format!("preset = \"{name}\"")).unwrap();
            if row.rates != Default::default() {
                assert!(!presets.quota(&bare).unwrap_or_else(|unfit| panic!("{name}: {unfit:?}")).is_empty());
                continue;
            }
            // What the error tells to write is a quota.
            let help = presets.quota(&bare).unwrap_err().help;
            let example = &help[help.find("quota = ").unwrap()..];
            let mut table: toml::Table = example.parse().unwrap();
            let spec: QuotaSpec = table.remove("quota").unwrap().try_into().unwrap();
            assert!(!presets.quota(&spec).unwrap_or_else(|unfit| panic!("{name}: {unfit:?}")).is_empty());
        }
    }
    assert!(presets.quotas.len() >= 35, "{} quotas", presets.quotas.len());
}

#[test]
fn every_capacity_of_ours_is_bought_at_its_minimum_and_not_below() {
    let presets = presets();
    for row in &presets.capacities {
        assert!(row.source.len() > 5 && row.dated.year() >= 2025, "{row:?}");
        for (scope, min) in &row.minimum {
            let buy = |units: u32| {
                let model = row.models[0].clone();
                let bought = Capacity {
                    units: NonZeroU32::new(units).unwrap(),
                    scope: scope.clone(),
                    ..capacity(&format!(
                        "unit = \"{}\"\nunits = 1\nmodel = \"{model}\"\ntokens_per_minute = 60",
                        row.unit
                    ))
                };
                presets.capacity(&bought, "deployment")
            };
            assert!(!buy(*min).unwrap().is_empty(), "{row:?}");
            assert!(!buy(min + row.increment[scope]).unwrap().is_empty(), "{row:?}");
            if *min > 1 {
                assert!(buy(min - 1).unwrap_err().help.contains(&format!("units = {min}")));
            }
            if row.increment[scope] > 1 {
                let help = buy(min + 1).unwrap_err().help;
                assert!(
                    help.contains(&format!("units = {min}, or units = {}", min + row.increment[scope])),
                    "{help}"
                );
            }
        }
    }
    assert!(presets.capacities.len() >= 29, "{} capacities", presets.capacities.len());
}

#[test]
fn a_vendor_s_lowering_holds_for_its_time() {
    let spec: QuotaSpec = toml::from_str(
        "preset = \"azure/tier-1/gpt-5\"\nlowered = [{ from = \"60s\", for = \"60s\", to = 0.5 }]",
    )
    .unwrap();
    let mut server = Server::new(presets().quota(&spec).unwrap(), "0s");
    let fits = [0.0, 60.0, 120.0].map(|at| server.fits(secs(at), job(100_000, 0, 1)));
    assert_eq!(fits, [10, 5, 10]);
}

#[test]
fn the_row_that_says_most_of_a_model_s_name_is_meant() {
    let presets = presets();
    let itpm = |name: &str| presets.quota_row(name).unwrap().rates.itpm.unwrap().get();
    assert_eq!(itpm("anthropic/start/claude-opus-4-8"), 2_000_000);
    assert_eq!(itpm("anthropic/start/claude-fable-5-1"), 500_000);
    assert_eq!(itpm("foundry/payg/claude-opus-4-8"), 40_000);
    assert_eq!(itpm("foundry/payg/claude-opus-4-6"), 80_000);
    assert_eq!(itpm("foundry/enterprise/claude-fable-5-1/data-zone"), 4_000_000);
    let tpm = |name: &str| presets.quota_row(name).unwrap().rates.tpm.unwrap().get();
    assert_eq!(
        (tpm("azure/tier-1/gpt-6-sol"), tpm("azure/tier-1/gpt-6-sol/data-zone")),
        (1_000_000, 333_000)
    );
}

#[test]
fn a_part_of_a_quota_and_figures_of_one_s_own_take_the_published_ones_places() {
    let spec: QuotaSpec =
        toml::from_str("preset = \"azure/tier-1/gpt-5\"\nscale = 0.06\nrates = { tpm = 5_000 }").unwrap();
    let mut server = Server::new(presets().quota(&spec).unwrap(), "0s");
    assert_eq!(server.fits(secs(0.0), job(1, 0, 1)), 10, "10,000 · 0.06 a minute");
    let mut server = Server::new(presets().quota(&spec).unwrap(), "0s");
    assert_eq!(server.fits(secs(0.0), job(1000, 0, 1)), 5);
}

const ENDPOINT: &str = "
duration = \"1m\"
arrivals = { kind = \"constant\", rate = 1 }
[[classes]]
name = \"c\"
input = { kind = \"fixed\", tokens = 100 }
output = { kind = \"fixed\", tokens = 10 }
[[endpoints]]
name = \"e\"
provider = \"azure\"
model = \"my-deployment\"
latency = { kind = \"fixed\", ttft = \"1s\" }
price = { per_hour = \"15\" }
limits = [{ kind = \"concurrency\", max = 9 }]
";

#[test]
fn a_scenario_is_written_back_with_every_limit_once_and_its_units_as_data() {
    let text = format!(
        "{ENDPOINT}quota = \"azure/tier-1/gpt-5\"\ncapacity = {{ unit = \"ptu\", units = 15, model = \"gpt-5\" }}"
    );
    let read =
        |text: &str| Scenario::parse(text, Path::new("x.toml")).unwrap_or_else(|error| panic!("{error}"));
    let scenario = read(&text);
    let kinds: Vec<&str> = scenario.endpoints[0].limits.iter().map(AnyLimit::kind).collect();
    assert_eq!(kinds, ["requests", "tokens", "tokens", "concurrency"]);
    assert_eq!(scenario.endpoints[0].capacity.as_ref().map(|capacity| capacity.units.get()), Some(15));
    let written = toml::to_string(&scenario).unwrap();
    assert_eq!(toml::to_string(&read(&written)).unwrap(), written);
    assert_eq!(written.matches("room = \"below\"").count(), 1, "{written}");
}

#[test]
fn units_that_nobody_pays_for_and_prompts_with_several_answers_are_warned_of() {
    let bought = "capacity = { unit = \"ptu\", units = 15, model = \"gpt-5\" }\nbody = { n = 3 }\n";
    let read =
        |text: &str| Scenario::parse(text, Path::new("x.toml")).unwrap_or_else(|error| panic!("{error}"));
    let endpoint = ENDPOINT.replace("[[endpoints]]", "max_tokens = 10\n[[endpoints]]");
    let by_token = endpoint.replace("{ per_hour = \"15\" }", "{ input = \"1\", output = \"1\" }") + bought;
    let [unpaid, several] = &read(&by_token).warnings()[..] else {
        panic!("{:?}", read(&by_token).warnings())
    };
    assert!(several.contains("asks for 3 answers"), "{several}");
    // What the warning tells to add is a commitment.
    let tell = &unpaid[unpaid.find("with ").expect("it says what to add") + 5..];
    let paid = by_token.clone()
        + "[[commitments]]\nprice = \"1\"\n"
        + &tell.replace("], ", "]\n").replace("\", ", "\"\n").replace("15, ", "15\n");
    assert_eq!(read(&paid).warnings().len(), 1, "{paid}");
    assert_eq!(read(&(endpoint + bought)).warnings().len(), 1, "by the hour");
}

/// Anthropic, rate limits, 2026: all Opus 4.x share one bucket.
#[test]
fn models_of_a_family_share_their_pool_s_quota() {
    let claude = ENDPOINT.replace("azure", "anthropic").replace("my-deployment", "claude-opus-4-7");
    let capped = claude.replace("[[endpoints]]", "max_tokens = 10\n[[endpoints]]");
    let text = capped.replace("limits = [", "pools = [\"family\"]\nlimits = [")
        + "[[pools]]\nname = \"family\"\nquota = \"anthropic/start/claude-opus-4-8\"\n";
    let scenario = Scenario::parse(&text, Path::new("x.toml")).unwrap_or_else(|error| panic!("{error}"));
    let kinds: Vec<&str> = scenario.pools[0].limits.iter().map(AnyLimit::kind).collect();
    assert_eq!(kinds, ["requests", "tokens", "tokens"]);
    let error = Scenario::parse(&text.replace("opus-4-8", "opus-4-8/mars"), Path::new("x.toml")).unwrap_err();
    let shown = error.show(false);
    assert!(shown.contains("no quota 'anthropic/start/claude-opus-4-8/mars'"), "{shown}");
    assert_eq!(shown.matches("error:").count(), 1, "{shown}");
}
