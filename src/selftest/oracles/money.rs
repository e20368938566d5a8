//! Exact money: bills to the last digit, whatever the order of the requests.

use super::{AT_ONCE, ONE_TOKEN, endpoint, fixed, prompted, scene};
use crate::selftest::oracle::{Bound, Check, Figure, Oracle};

pub(super) fn all() -> Vec<Oracle> {
    vec![identity(), tiers(), commitment()]
}

/// 1,234,567 requests of 600 tokens, 400 more from a cache and 200 answered, of which the first found the cache empty.
/// In billionths of a dollar a token costs 1,750, from the cache 175, answered 14,000.
fn identity() -> Oracle {
    let (requests, uncached, cached, answered) = (1_234_567u64, 600u64, 400u64, 200u64);
    let (input, cache_read, output) = (1_750u64, 175u64, 14_000u64);
    let billionths = requests * (uncached * input + cached * cache_read + answered * output)
        + cached * (input - cache_read);
    let rest = format!(
        "prefix = {{ tokens = {cached} }}\noutput = {}\narrivals = {{ kind = \"constant\", rate = 1000 }}",
        fixed(answered as u32)
    );
    let price = "price = { input = \"1.75\", cache_read = \"0.175\", output = \"14\" }";
    let cache = "cache = { ttl = \"1h\", min_tokens = 1, step = 1, sliding = true, counts_writes = false }";
    let served = endpoint("e", &format!("{AT_ONCE}\n{cache}"))
        .replace("price = { input = \"1\", output = \"1\" }", price);
    let text = scene(1, 0, &(prompted("c", (uncached + cached) as u32, &rest) + &served))
        .replace("duration = \"1s\"", "duration = \"1234.567s\"");
    let found = vec![
        (Check::new("requests", requests as f64, Bound::Exact), Figure::total("requests")),
        (Check::new("bill, $", billionths as f64 / 1e9, Bound::Exact), Figure::total("cost_total")),
    ];
    Oracle::of_figures("cost_identity", text, [1, 1], found)
}

/// A prompt above 200,000 tokens costs the other rates for all of it: in a billionth of a dollar a token 1,250 and
/// 10,000, or 2,500 and 15,000.
fn tiers() -> Oracle {
    let cases = [("of 250,000", 250_000u64), ("of 200,000", 200_000), ("of 200,001", 200_001)];
    let one = "arrivals = { kind = \"constant\", rate = 1 }\noutput = { kind = \"fixed\", tokens = 1000 }";
    let classes: String = cases.iter().map(|(name, tokens)| prompted(name, *tokens as u32, one)).collect();
    let price = "price = { input = \"1.25\", output = \"10\", \
                 long_context = [{ above = 200_000, input = \"2.5\", output = \"15\" }] }";
    let served = endpoint("e", AT_ONCE).replace("price = { input = \"1\", output = \"1\" }", price);
    let found = cases.iter().map(|(name, tokens)| {
        let (input, output) = if *tokens > 200_000 { (2_500, 15_000) } else { (1_250, 10_000) };
        let dollars = (tokens * input + 1_000 * output) as f64 / 1e9;
        (Check::new(format!("a prompt {name}, $"), dollars, Bound::Exact), Figure::class(name, "cost_total"))
    });
    Oracle::of_figures("tiered_whole_request", scene(1, 0, &(classes + &served)), [1, 1], found.collect())
}

/// Units at 60 cents an hour, of which four fifths are used: what was bought is what was used and what was not.
fn commitment() -> Oracle {
    let (units, hours) = (100, 730);
    // A unit serves 600 tokens a minute, so all of them 1,000 a second.
    let bought = format!(
        "[[commitments]]\nkind = \"units\"\nendpoints = [\"e\"]\nunit = \"unit\"\nunits = {units}\nterm = \"hour\"\n\
         price = \"0.6\"\nthroughput = {{ tokens_per_minute = 600, output_weight = 0 }}\n"
    );
    let rest = format!("arrivals = {{ kind = \"constant\", rate = 0.0625 }}\n{ONE_TOKEN}");
    let text = scene(hours * 3600, 0, &(prompted("c", 12_800, &rest) + &endpoint("e", AT_ONCE) + &bought));
    let purchase = 0.6 * f64::from(units * hours);
    let found = vec![
        (Check::new("bought, $", purchase, Bound::Exact), Figure::total("cost_reserved")),
        (Check::new("unused, $", purchase / 5.0, Bound::Exact), Figure::total("cost_commitment_unused")),
        (Check::new("beside it, $", 0.0, Bound::Exact), Figure::total("cost_metered")),
    ];
    Oracle::of_figures("focus_commitment_identity", text, [1, 1], found)
}
