//! Imported prices: what real rows of other projects' lists become, held to Python's arithmetic.

use std::path::Path;
use std::process::Command;

use jiff::civil::{Date, date};
use tollgate::catalogue::files::File;
use tollgate::catalogue::import::{Format, Imported, Settings, import, report::Report, write};
use tollgate::catalogue::{Catalogue, Offer, UnitOffer};
use tollgate::price::{Price, Rate};
use tollgate::wire::{Tier, Usage};

const LITELLM: &str = include_str!("../data/prices/litellm.json");
const GENAI_PRICES: &str = include_str!("../data/prices/genai_prices.json");

fn read(text: &str, providers: &[&str]) -> (Vec<Offer>, Report) {
    let Imported { offers, report, .. } = read_all(text, providers);
    (offers, report)
}

fn read_all(text: &str, providers: &[&str]) -> Imported {
    let format = Format::sniff(text).expect("it is one of the two");
    let providers = providers.iter().map(|name| name.to_string()).collect();
    let settings = Settings { format, providers, source: format.name().into(), dated: date(2026, 11, 21) };
    import(text, &settings).expect("it is read")
}

fn held<'a>(offers: &'a [Offer], name: &str, tier: Tier, day: Date) -> Option<&'a Price> {
    let is_it = |offer: &&Offer| {
        format!("{} {} {}", offer.provider, offer.model, offer.scope) == name
            && offer.tier == tier
            && offer.holds(day)
    };
    let found: Vec<&Offer> = offers.iter().filter(is_it).collect();
    assert!(found.len() < 2, "{name} has one price a day");
    found.first().map(|offer| &offer.price)
}

/// `input cache_read cache_write cache_write_long output`, and the same above each threshold.
fn shown(price: Option<&Price>) -> String {
    let row = |rates: [Option<Rate>; 5]| {
        rates.map(|rate| rate.map_or("–".into(), |rate| rate.to_string())).join(" ")
    };
    let Some(price) = price else { return "no row".into() };
    let mut text =
        row([price.input, price.cache_read, price.cache_write, price.cache_write_long, price.output]);
    for long in &price.long_context {
        let rates = [long.input, long.cache_read, long.cache_write, long.cache_write_long, long.output];
        text += &format!(" >{} {}", long.above, row(rates));
    }
    text
}

const TODAY: Date = date(2026, 11, 21);

#[test]
fn real_rows_of_litellm_say_what_its_keys_say() {
    use Tier::{Batch, Fast, Flex, Priority, Standard, Ultrafast};
    let (offers, _) = read(LITELLM, &[]);
    for (name, tier, expected) in [
        ("openai gpt-6-sol global", Standard, "2.00 0.20 2.50 5.00 10.00 >272000 4.00 0.40 5.00 10.00 15.00"),
        ("openai gpt-6-sol global", Flex, "1.00 0.10 1.25 2.50 5.00 >272000 2.00 0.20 2.50 5.00 7.50"),
        ("openai gpt-6-sol eu", Priority, "4.40 0.44 5.50 11.00 22.00 >272000 8.80 0.88 11.00 22.00 33.00"),
        (
            "openai gpt-6-astra us",
            Ultrafast,
            "66.00 6.60 82.50 165.00 330.00 >272000 132.00 13.20 165.00 330.00 495.00",
        ),
        ("openai text-embedding-3-large global", Standard, "0.13 – – – 0.00"),
        ("azure gpt-6-sol us", Standard, "2.20 0.22 2.75 – 11.00 >272000 4.40 0.44 5.50 – 16.50"),
        ("azure gpt-5.1 us-gov", Standard, "1.71875 0.171875 – – 13.75"),
        ("foundry claude-opus-5-5 global", Fast, "8.00 0.40 10.00 16.00 40.00"),
        ("anthropic claude-opus-5-5 global", Fast, "8.00 0.40 10.00 16.00 40.00"),
        ("anthropic claude-opus-5-5 us", Fast, "8.80 0.44 11.00 17.60 44.00"),
        ("anthropic claude-opus-5-5 us", Batch, "2.20 0.11 2.75 – 11.00"),
        (
            "bedrock anthropic.claude-haiku-5-5 us",
            Standard,
            "0.11 0.011 0.1375 0.22 0.55 >100000 0.55 0.055 0.6875 1.10 2.75",
        ),
        ("bedrock anthropic.claude-opus-5-5 us-gov", Standard, "4.80 0.24 6.00 9.60 24.00"),
        ("bedrock amazon.nova-pro-v1:0 us-gov-east-1", Standard, "0.96 0.24 – – 3.84"),
        ("vertex claude-opus-5-5 regional", Standard, "4.40 0.22 5.50 8.80 22.00"),
        (
            "xai grok-4.20-multi-agent-beta-0309 global",
            Standard,
            "1.25 0.20 – – 2.50 >199999 2.50 0.40 – – 5.00",
        ),
        (
            "dashscope qwen3-coder-plus global",
            Standard,
            "1.00 0.10 – – 5.00 >32000 1.80 0.18 – – 9.00 >128000 3.00 0.30 – – 15.00 >256000 6.00 0.60 – – 60.00",
        ),
        // A tier of LiteLLM's that we have not, and prices that cannot be kept.
        ("sail moonshotai/Kimi-K3 global", Batch, "no row"),
        ("morph morph-dsv4flash global", Standard, "no row"),
        ("novita moonshotai/kimi-k2.5 global", Standard, "no row"),
    ] {
        assert_eq!(shown(held(&offers, name, tier, TODAY)), expected, "{name} {tier:?}");
    }
    let reasoning =
        held(&offers, "dashscope qwen-plus-latest global", Standard, TODAY).expect("it has a row");
    assert_eq!(reasoning.long_context[0].reasoning, Some("12".parse().expect("it is a rate")));
}

#[test]
fn real_rows_of_genai_prices_hold_from_their_days_on() {
    use Tier::{Batch, Fast, Priority, Standard};
    let (offers, report) = read(GENAI_PRICES, &[]);
    for (name, tier, day, expected) in [
        ("gemini gemini-4-argon global", Standard, date(2026, 11, 30), "2.00 0.10 – – 10.00"),
        ("gemini gemini-4-argon global", Standard, date(2026, 12, 1), "4.00 0.20 – – 20.00"),
        ("gemini gemini-3.8-flash global", Batch, date(2026, 12, 31), "0.375 0.0375 – – 1.875"),
        ("gemini gemini-3.8-flash global", Batch, date(2027, 1, 1), "0.75 0.075 – – 3.75"),
        (
            "openai gpt-5.6-sol global",
            Standard,
            date(2026, 8, 20),
            "5.00 0.50 6.25 – 30.00 >272000 10.00 1.00 12.50 – 45.00",
        ),
        (
            "openai gpt-5.6-sol global",
            Standard,
            date(2026, 8, 21),
            "4.00 0.40 5.00 – 20.00 >272000 8.00 0.80 10.00 – 30.00",
        ),
        // Looked up on 2026-10-12: it goes with what the standard tier cost since 2026-08-21, and not with more before.
        ("openai gpt-5.6-sol global", Priority, date(2026, 8, 20), "no row"),
        ("openai gpt-4.1 global", Priority, date(2025, 1, 1), "3.50 0.875 – – 14.00"),
        ("openai gpt-4.1 global", Fast, TODAY, "3.50 0.875 – – 14.00"),
        // A variant replaces what it names; the rest stays.
        ("openai gpt-4.1 global", Batch, TODAY, "1.00 0.50 – – 4.00"),
        (
            "bedrock anthropic.claude-haiku-5-5 global",
            Standard,
            TODAY,
            "0.10 0.01 0.125 0.20 0.50 >100000 0.50 0.05 0.625 1.00 2.50",
        ),
        (
            "huggingface_together meta-llama/Llama-3.3-70B-Instruct global",
            Standard,
            date(2026, 10, 18),
            "0.88 – – – 0.88",
        ),
        (
            "huggingface_together meta-llama/Llama-3.3-70B-Instruct global",
            Standard,
            date(2026, 10, 19),
            "no row",
        ),
        ("deepseek deepseek-chat global", Standard, TODAY, "no row"),
    ] {
        assert_eq!(shown(held(&offers, name, tier, day)), expected, "{name} {tier:?} on {day}");
    }
    assert!(
        report.notes.iter().any(|note| note.about == "openai/gpt-4.1 batch"),
        "the day is told that was dropped"
    );
}

#[test]
fn everything_in_a_list_is_a_row_or_accounted_for() {
    let (offers, report) = read(LITELLM, &[]);
    assert_eq!((report.entries, report.offers), (39, offers.len()));
    let whys = |about: &str| -> Vec<&str> {
        let found = report.skipped.iter().filter(|remark| remark.about.starts_with(about));
        found.map(|remark| remark.why.as_str()).collect()
    };
    assert_eq!(whys("sail/moonshotai/Kimi-K3"), ["'balanced' is none of our tiers"]);
    assert_eq!(
        whys("novita/moonshotai/kimi-k2.5"),
        ["cache_read has a price finer than a pico-dollar for a token"]
    );
    assert_eq!(whys("azure_ai/gpt-5.5"), ["another name for the same stands, with another price"]);
    assert_eq!(whys("fallback_generalizations"), ["it names no provider"]);
    let why = |key: &str| report.keys.get(key).map(|met| (met.why, met.count));
    assert_eq!((why("cost_per_second"), why("input_cost_per_second")), (None, None));
    assert_eq!(why("input_cost_per_audio_token"), Some(("not token prices of text", 1)));
    assert!(why("off_peak_pricing").is_some_and(|(why, _)| why.starts_with("prices by time of day")));
    assert_eq!(why("input_cost_per_token"), None);
    let (of_azure, report) = read(LITELLM, &["azure"]);
    assert!(
        of_azure.iter().all(|offer| offer.provider == "azure") && report.entries == 9,
        "{}",
        report.entries
    );
}

/// LiteLLM has Bedrock's model units by the second: 0.0175 dollars are 63.00 an hour, and 45,990 for 730 hours.
#[test]
fn capacity_bought_for_a_term_costs_its_seconds() {
    let units = read_all(LITELLM, &[]).units;
    let shown = |unit: &UnitOffer| {
        let UnitOffer { provider, unit, model, scope, term, price, .. } = unit;
        format!("{provider} {unit} {} {scope} {} {price}", model.as_deref().unwrap_or_default(), term.name())
    };
    let shown: Vec<String> = units.iter().map(shown).collect();
    assert_eq!(shown, ["bedrock model_unit anthropic.claude-v1 us-east-1 month 45990.00"]);
    let entry = |second: &str| {
        let name = "bedrock/*/6-month-commitment/cohere.command-text-v14";
        format!(r#"{{"{name}": {{"litellm_provider": "bedrock", {second}, "mode": "chat"}}}}"#)
    };
    let half = read_all(&entry(r#""cost_per_second": 0.00972"#), &[]);
    assert_eq!(shown_price(&half), ["regional half 153264.96"]);
    for (second, why) in [
        (r#""cost_per_second": 0.1, "input_cost_per_second": 0.2"#, "it has two prices for a second"),
        (r#""cost_per_second": -0.1"#, "its price for a second is negative, or more than a dollar"),
        (r#""cost_per_second": 1e-13"#, "it has a price finer than a pico-dollar for a second"),
        (r#""cost_per_second": "x""#, "'x' is not a decimal number of at most 18 digits below 10^12"),
        (r#""cost_per_hour": 1"#, "it has no price for a second"),
    ] {
        let Imported { units, report, .. } = read_all(&entry(second), &[]);
        assert!(units.is_empty());
        assert_eq!(report.skipped[0].why, why);
    }
}

fn shown_price(imported: &Imported) -> Vec<String> {
    let shown = |unit: &UnitOffer| format!("{} {} {}", unit.scope, unit.term.name(), unit.price);
    imported.units.iter().map(shown).collect()
}

#[test]
fn likely_mistakes_of_a_list_are_told() {
    let (_, report) = read(
        r#"{
        "azure/a": {"litellm_provider": "azure", "input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6,
            "input_cost_per_token_batches": 1e-6, "output_cost_per_token_batches": 5e-6, "deprecation_date": "2026-11-21",
            "cache_read_input_token_cost": 3e-6, "input_cost_per_token_above_200k_tokens": 4e-6},
        "azure/us-gov/a": {"litellm_provider": "azure", "input_cost_per_token": 1e-6, "output_cost_per_token": 8e-6},
        "x.b": {"litellm_provider": "bedrock", "input_cost_per_token": 2e-6},
        "us.x.b": {"litellm_provider": "bedrock", "input_cost_per_token": 3e-6},
        "x.c": {"litellm_provider": "bedrock", "input_cost_per_token": 2e-6},
        "bedrock_mantle/x.c": {"litellm_provider": "bedrock_mantle", "input_cost_per_token": 3e-6},
        "azure/free": {"litellm_provider": "azure", "input_cost_per_token": 0, "output_cost_per_token": 0.0},
        "azure_ai/a": {"litellm_provider": "azure_ai", "input_cost_per_token": 7e-6},
        "azure/global/a": {"litellm_provider": "azure", "input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6,
            "cache_read_input_token_cost": 3e-6, "input_cost_per_token_above_200k_tokens": 4e-6}
        }"#,
        &[],
    );
    let told: Vec<String> =
        report.warnings.iter().map(|remark| format!("{}: {}", remark.why, remark.about)).collect();
    assert_eq!(
        told,
        [
            "retired already: azure/a on 2026-11-21",
            "two names for the same with different prices, of which the first stands: azure/a and azure_ai/a \
             (azure a global standard)",
            "two names for the same with different prices, of which the first stands: bedrock_mantle/x.c and x.c \
             (bedrock x.c regional standard)",
            "the standard tier costs more for long prompts, this tier does not: azure a global batch",
            "batch is not half of standard: azure a global batch: 1.00/5.00 beside 2.00/8.00",
            "reading from the cache costs more than input: azure a global standard: 3.00 over 2.00",
            "the government's cloud costs less than the commercial one: azure a us-gov standard: 1.00/8.00 beside 2.00/8.00",
            "every price is 0: free, or not known: azure free global standard",
            "a region costs less than a group of regions: the price may be the global one: bedrock x.b regional standard: \
             2.00/– beside 3.00/–",
        ]
    );
    assert_eq!(report.merged.len(), 1, "{:?}", report.merged);
}

#[test]
fn a_price_that_is_absent_stays_unknown() {
    let (offers, _) = read(LITELLM, &[]);
    let price = held(&offers, "azure gpt-6-sol us", Tier::Standard, TODAY).expect("it has a row");
    let usage = Usage { input: 1_000, cache_write_long: 1, ..Usage::default() };
    assert!(price.cost(&usage).is_ok(), "a long write without a price of its own costs as a short one");
    let price =
        held(&offers, "bedrock amazon.nova-pro-v1:0 us-gov-east-1", Tier::Standard, TODAY).expect("a row");
    assert_eq!(price.cost(&usage), Err("cache_write_long"));
}

#[test]
fn what_is_no_price_list_is_refused_and_nothing_panics() {
    let settings = |format| Settings { format, providers: vec![], source: "x".into(), dated: TODAY };
    for text in ["", "{", "[", "{}]", "[1]", r#"[{"id": "a"}]"#, "\u{0}"] {
        for format in [Format::GenaiPrices, Format::Litellm] {
            assert!(import(text, &settings(format)).is_err(), "{text}");
        }
    }
    for text in [
        r#"{"a": 1, "b": [], "c": {"litellm_provider": 7}, "d": {"litellm_provider": "x", "input_cost_per_token": "one"}}"#,
        r#"{"a": {"litellm_provider": "x", "input_cost_per_token": 1e99, "tiered_pricing": 3}}"#,
        r#"{"a": {"litellm_provider": "x", "tiered_pricing": [{"range": [5, 9], "input_cost_per_token": 1}]}}"#,
        r#"{"a": {"litellm_provider": "x", "input_cost_per_token": -1, "regional_endpoint_uplift_multiplier": {}}}"#,
        r#"[{"id": "a", "models": [{}, {"id": "b", "prices": 3}, {"id": "c", "prices": [{"prices": {"input_mtok": "x"}}]}]}]"#,
        r#"[{"id": "a", "models": [{"id": "b", "prices": {"input_mtok": {"base": 1, "tiers": [{"start": -1, "price": 2}]}}}]}]"#,
        r#"[{"id": "a", "models": [{"id": "b", "prices": [], "price_variants": [{"when": {}, "prices": {"input_mtok": 1}}]}]}]"#,
        r#"[{"id": "a", "models": [{"id": "b", "prices": [{"constraint": {"start_date": "soon"}, "prices": {"input_mtok": 1}}]}]}]"#,
    ] {
        let (offers, report) = read(text, &[]);
        assert!(offers.is_empty() && !report.skipped.is_empty(), "{text}: {}", report.text());
    }
}

#[test]
fn a_written_catalogue_is_read_back_the_same() {
    for text in [LITELLM, GENAI_PRICES] {
        let Imported { offers, units, .. } = read_all(text, &[]);
        let file = write::toml("two\nlines", &offers, &units).expect("it is written");
        let read = Catalogue::of(vec![File { name: "imported.toml".into(), text: file.into() }]);
        let read = read.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((read.offers, read.units), (offers, units));
    }
}

#[test]
fn python_computes_the_same_amounts_from_the_original_text() {
    let version = Command::new("python3").args(["-c", "import tomllib"]).output();
    if !version.is_ok_and(|output| output.status.success()) {
        println!("skipped: there is no python3 of 3.11 or later");
        return;
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for (format, file) in [("litellm", "litellm.json"), ("genai-prices", "genai_prices.json")] {
        let output = Command::new("python3")
            .arg(tests.join("prices/check.py"))
            .args([env!("CARGO_BIN_EXE_tollgate"), format])
            .arg(tests.join("data/prices").join(file))
            .output()
            .expect("python3 runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("; 0 differ, 0 prices without a row"), "{text}");
    }
}
