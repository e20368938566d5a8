//! What is asked of units, and the newsvendor's bracket of what to buy for it, against the published oracles.

use super::*;

fn dollars(text: &str) -> Money {
    text.parse().expect("an amount")
}

fn offer(min: u32, increment: u32, tiers: &[(Term, &str, u32)]) -> Offer {
    let tier =
        |(term, price, max): &(Term, &str, u32)| Tier { term: *term, price: dollars(price), max: *max };
    Offer {
        endpoint: "bought".into(),
        unit: "ptu".into(),
        min,
        increment,
        max: 300,
        throughput: Throughput {
            tokens_per_minute: 1000,
            output_weight: Weight::ONE,
            cache_read_weight: Weight::NONE,
            cache_write_weight: Weight::ONE,
            cache_write_long_weight: Weight::ONE,
        },
        tiers: tiers.iter().map(tier).collect(),
    }
}

/// `count` minutes at the middles of as many equal shares of the normal law, of which a unit is worth a dollar an hour.
fn normal_demand(count: usize) -> Demand {
    let at = |nth: usize| {
        let z = normal::quantile((nth as f64 + 0.5) / count as f64).expect("a share within");
        NORMAL.mean + NORMAL.deviation * z
    };
    let units: Vec<f64> = (0..count).map(at).collect();
    let metered: Vec<f64> = units.iter().map(|units| units / 60.0).collect();
    Demand { metered: metered.clone(), options: vec![Asked { units, metered }] }
}

/// The oracle `newsvendor_normal`: 10,000 middles leave the quantile within half a share, 0.004, and means within 0.01 %.
#[test]
fn the_bracket_is_the_newsvendors_on_normal_demand() {
    let demand = normal_demand(10_000);
    let hourly = offer(15, 5, &[(Term::Hour, "0.6", 300)]);
    let bracket = Bracket::of(&hourly, &demand.options[0]).expect("something is asked");
    assert!((bracket.units - NORMAL.best()).abs() < 0.01, "{bracket:?}");
    assert!((bracket.fractile - 0.4).abs() < 1e-9 && (bracket.breakeven - 0.6).abs() < 1e-9);
    assert_eq!([bracket.low, bracket.high].map(|index| hourly.size(index)), [90, 95]);
    for (index, units) in (0..hourly.sizes()).map(|index| (index, hourly.size(index))) {
        let cost = cost_per_month(std::slice::from_ref(&hourly), &demand, &[index]) / HOURS_PER_MONTH;
        let truth = NORMAL.cost(f64::from(units));
        assert!((cost / truth - 1.0).abs() < 1e-4, "{units} units: {cost}, and not {truth}");
    }
}

/// The oracle `newsvendor_lattice`: increments of 5 and of 50.
#[test]
fn the_best_size_on_sale_is_a_neighbour_of_the_best() {
    let demand = normal_demand(10_000);
    for (min, increment) in [(15, 5), (50, 50)] {
        let offers = [offer(min, increment, &[(Term::Hour, "0.6", 300)])];
        let cost = |index: &usize| cost_per_month(&offers, &demand, &[*index]);
        let best =
            (0..offers[0].sizes()).min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("there are sizes");
        assert_eq!(offers[0].size(best), NORMAL.best_of(min, increment));
        let bracket = Bracket::of(&offers[0], &demand.options[0]).expect("something is asked");
        assert!([bracket.low, bracket.high].contains(&best), "{bracket:?}");
    }
}

/// Two terms at c₁ < c₂: the first up to its end K or its own Q*₁, the second from there to its Q*₂.
///
/// ```text
/// Q = Q*₁ where Q*₁ < K · K where Q*₂ ≤ K ≤ Q*₁ · Q*₂ where K < Q*₂
/// ```
#[test]
fn the_base_is_bought_by_the_year_and_the_rest_by_the_month() {
    let demand = normal_demand(10_000);
    let at = |price: f64| Newsvendor { committed: price, ..NORMAL }.best();
    let (first, second) = (at(0.5), at(0.6));
    for (end, units) in [(300, first), (95, 95.0), (80, second)] {
        let tiers = [(Term::Year, "4380", end), (Term::Month, "438", 300)];
        let two = offer(1, 1, &tiers);
        let bracket = Bracket::of(&two, &demand.options[0]).expect("something is asked");
        assert!((bracket.units - units).abs() < 0.01, "{end}: {bracket:?}");
        let cost = |index: &usize| cost_per_month(std::slice::from_ref(&two), &demand, &[*index]);
        let best = (0..two.sizes()).min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("there are sizes");
        assert!([bracket.low, bracket.high].contains(&best), "{end}: {best} is not of {bracket:?}");
        let parts: Vec<u32> = two.split(two.size(best)).iter().map(|(_, part)| *part).collect();
        assert_eq!(parts[0], end.min(two.size(best)));
        assert_eq!(parts.iter().sum::<u32>(), two.size(best));
    }
}

/// The oracle `ptu_breakeven_utilization`: $0.35625 of use a full hour, a year at $221 a month for 730 hours.
#[test]
fn a_term_breaks_even_where_its_hour_costs_what_a_full_unit_serves() {
    let asked = Asked { units: vec![40.0; 90], metered: vec![40.0 * 0.35625 / 60.0; 90] };
    for (term, price, truth) in [
        (Term::Hour, "1", 2.807017544),
        (Term::Month, "260", 0.9997596732),
        (Term::Year, "2652", 0.8497957222),
    ] {
        let bracket = Bracket::of(&offer(15, 5, &[(term, price, 300)]), &asked).expect("something is asked");
        assert!((bracket.breakeven / truth - 1.0).abs() < 1e-9, "{term:?}: {bracket:?}");
        let bought = if truth > 1.0 { 0.0 } else { 40.0 };
        assert_eq!(bracket.units, bought, "{term:?}");
    }
}

/// The oracle `ptu_sizing_ms_examples`: a thousand requests a minute of gpt-5.2, in a data zone and in one region. Units that cost next to
/// nothing are bought for all of them, rounded up to what is sold.
#[test]
fn demand_by_the_catalogue_is_sized_as_the_vendor_sizes_it() {
    for (input, output, scope, raw, units) in
        [(200, 20, "data-zone", 105.8823529412, 110), (100, 50, "regional", 147.0588235294, 150)]
    {
        let text = format!(
            r#"
            date = "2026-11-23"
            duration = "3m"
            arrivals = {{ kind = "constant", rate = {rate} }}
            [[classes]]
            name = "chat"
            input = {{ kind = "fixed", tokens = {input} }}
            output = {{ kind = "fixed", tokens = {output} }}
            [[endpoints]]
            name = "bought"
            provider = "azure"
            model = "gpt-5.2"
            price = {{ input = "1.75", output = "14" }}
            capacity = {{ unit = "ptu", units = 100, scope = "{scope}" }}
            latency = {{ kind = "fixed", ttft = "10ms" }}
            [[endpoints]]
            name = "by-use"
            provider = "azure"
            model = "gpt-5.2"
            price = {{ input = "1.75", output = "14" }}
            latency = {{ kind = "fixed", ttft = "10ms" }}
            [[plan.options]]
            endpoint = "bought"
            units_max = 300
            terms = [{{ term = "hour", price = "0.001" }}]
            "#,
            rate = 1000.0 / 60.0
        );
        let case = Case::new(&text);
        let draft = Draft::open(&case.path, None).unwrap();
        let make = |changes: &[Change]| draft.scenario(changes);
        let question = Question::new(&make).unwrap();
        let nothing = question.scenario(&Purchase { route: 0, sizes: vec![0] }.into(), 0).unwrap();
        let demand = Demand::observe(&question.written, &nothing, &question.offers).unwrap();
        let asked = &demand.options[0];
        // A constant gap leaves a minute one request more or less.
        assert!(asked.units.iter().all(|units| (units / raw - 1.0).abs() < 0.0011), "{:?}", asked.units);
        assert!((asked.units[1] / raw - 1.0).abs() < 1e-9, "{:?}", asked.units);
        let bracket = Bracket::of(&question.offers[0], asked).unwrap();
        assert_eq!(question.offers[0].size(bracket.high), units, "{bracket:?}");
    }
}
