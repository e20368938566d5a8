//! Money is exact, in any order.

use tollgate::price::{Money, Price};
use tollgate::wire::Usage;

use super::file::oracle;

#[test]
fn cost_identity() {
    let Some(oracle) = oracle("cost_identity") else { return };
    let [n, uncached, cached, out] = ["n", "uncached", "cached", "out"].map(|key| oracle.param(key) as u32);
    let [input, cache_read, output] = ["price_in", "price_cached", "price_out"]
        .map(|key| Some(oracle.param(key).to_string().parse().unwrap()));
    let price = Price { input, cache_read, output, ..Price::default() };
    let usage = Usage { input: uncached, cache_read: cached, output: out, ..Usage::default() };
    let each = price.cost(&usage).unwrap();
    assert_eq!(each, oracle.expected_text("per_request_usd").parse().unwrap());
    let total: Money = (0..n).map(|_| each).sum();
    assert_eq!(total, oracle.expected_text("total_usd").parse().unwrap());
    assert_eq!(total.picos(), oracle.expected("total_nano_usd") as i128 * 1000);
    // By token class first, and in another order of requests: the same to the pico-dollar.
    let classes = [
        Usage { input: uncached, ..Usage::default() },
        Usage { cache_read: cached, ..Usage::default() },
        Usage { output: out, ..Usage::default() },
    ];
    let by_class = classes.map(|part| (0..n).map(|_| price.cost(&part).unwrap()).sum::<Money>());
    assert_eq!(by_class.into_iter().sum::<Money>(), total);
}

#[test]
fn tiered_whole_request() {
    let Some(oracle) = oracle("tiered_whole_request") else { return };
    let [low, high] = ["low", "high"].map(|key| oracle.params(key));
    let above = oracle.param("threshold");
    let text = format!(
        "input = \"{}\"\noutput = \"{}\"\nlong_context = [{{ above = {above}, input = \"{}\", output = \"{}\" }}]",
        low[0], low[1], high[0], high[1]
    );
    let price: Price = toml::from_str(&text).unwrap();
    for (input, key) in
        [(250_000, "in_250k_out_1k"), (200_000, "in_200000_out_1k"), (200_001, "in_200001_out_1k")]
    {
        let usage = Usage { input, output: 1000, ..Usage::default() };
        let cost = price.cost(&usage).unwrap();
        assert_eq!(cost, oracle.expected_text(key).parse().unwrap(), "{key}");
        assert_ne!(cost, oracle.expected_text("WRONG_marginal_250k").parse().unwrap());
    }
    assert_eq!(oracle.keys().len(), 4);
}
