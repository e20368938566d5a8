//! What a planner works out, and what a simulation of the plan says.

use super::{
    AT_ONCE, Case, MILLI_TOKENS, ONE_TOKEN, class, endpoint, fixed, isolated, places, poisson, prompted,
    scene,
};
use crate::analytic::breakeven;
use crate::analytic::erlang::Traffic;
use crate::analytic::newsvendor::Newsvendor;
use crate::analytic::normal;
use crate::catalogue::Catalogue;
use crate::catalogue::capacity::Demand;
use crate::price::Rate;
use crate::selftest::oracle::{Bound, Check, Figure, Oracle};
use crate::wire::Usage;

pub(super) fn all() -> Vec<Oracle> {
    let mut all = vec![ptu_sizes(), breakeven()];
    let demand = Newsvendor { mean: 100.0, deviation: 30.0, committed: 0.6, metered: 1.0 };
    let best = libm::round(demand.best()) as u32;
    all.extend([best - 16, best, 100, best + 16].map(|units| newsvendor(&demand, units)));
    let traffic = Traffic { per_sec: 20.0, service_secs: 2.0 };
    let count = traffic.places_for_wait(0.5, 0.01).expect("some number of places suffices");
    all.extend([count, count - 1].map(|count| waits(traffic, count)));
    all
}

/// Microsoft's examples, at 960 requests a minute in place of 1,000: the units that the catalogue works out never refuse the steady load, and of as many as fall
/// short by one the long run refuses what is beyond them.
fn ptu_sizes() -> Oracle {
    let presets = &Catalogue::embedded().presets;
    let row = presets.capacity_row("ptu", "gpt-5.2").expect("the catalogue has the unit");
    let per_unit = row.throughput.as_ref().map_or(0, |throughput| throughput.per_minute().get());
    let examples =
        [("data-zone", 200u32, 0u32, 20u32), ("half cached", 100, 100, 20), ("regional", 100, 0, 50)];
    let (mut cases, mut found) = (Vec::new(), Vec::new());
    for (name, input, cache_read, output) in examples {
        let usage = Usage { input, cache_read, output, ..Usage::default() };
        let size = row.size(&Demand::of(1_000, &usage), "data-zone").expect("the example has a size");
        let enough = libm::ceil(size.exact) as u64;
        for (what, units) in [("enough", enough), ("one less", enough - 1)] {
            let name = format!("{}-{}", name.replace(' ', "-"), what.replace(' ', "-"));
            // What a cache serves counts nothing, so the prompt is what is left.
            cases.push(Case {
                name: name.clone(),
                input: fixed(input),
                requests: format!(
                    "arrivals = {{ kind = \"constant\", rate = 16 }}\noutput = {}",
                    fixed(output)
                ),
                limits: format!(
                    "{{ kind = \"tokens\", per_minute = {}, burst = {per_unit}, room = \"below\", \
                     offered = {{ max_tokens = 0 }}, settled = {{ cache_read = 0, output = 8 }} }}",
                    units * per_unit * 960 / 1000
                ),
            });
            let refused = (1.0 - units as f64 / size.exact).max(0.0);
            let bound = if refused > 0.0 { Bound::Near(0.02) } else { Bound::Exact };
            let what = format!("refused of {name}, {units} PTU");
            found.push((Check::new(what, refused, bound), Figure::endpoint(&name, "throttled_share")));
        }
    }
    Oracle::of_figures(
        "ptu_sizing_ms_examples",
        scene(8_000, 1_000, &isolated(&cases, AT_ONCE)),
        [1, 1],
        found,
    )
}

/// A unit used in full, at the price of use: a month of it costs what the closed form says, and so the break-even is where
/// the price of the unit is to that.
fn breakeven() -> Oracle {
    let (per_minute, hours) = (4_750u64, 730u32);
    let price: Rate = "1.25".parse().expect("a rate");
    let month = breakeven::value_of_full_hour(per_minute, price).scaled(i128::from(hours), 1);
    let unit = "260".parse().expect("an amount");
    let full_hour = breakeven::value_of_full_hour(per_minute, price);
    let share = breakeven::utilisation(unit, hours, full_hour).expect("a full hour is worth something");
    // 4,750 tokens a minute are 38,000 each eight minutes; an eighth of a thousandth comes out in binary.
    let requests = format!(
        "arrivals = {{ kind = \"steps\", gaps = \"constant\", steps = [{{ rate = {:?}, for = \"800h\" }}] }}\n{ONE_TOKEN}",
        1.0 / 480.0
    );
    let used = endpoint("used", AT_ONCE)
        .replace("price = { input = \"1\", output = \"1\" }", "price = { input = \"1.25\", output = \"0\" }");
    let text = scene(hours * 3600, 0, &(prompted("c", 38_000, &requests) + &used));
    let found = vec![
        (
            Check::new("a full month by use, $", month.as_dollars_f64(), Bound::Exact),
            Figure::total("cost_total"),
        ),
        (
            Check::new("break-even of a month's unit", share, Bound::Near(1e-9)),
            Figure::total("cost_total").inverse(260.0),
        ),
    ];
    Oracle::of_figures("ptu_breakeven_utilization", text, [1, 1], found)
}

/// Minutes whose demands are the law's own quantiles, so that nothing is left to chance: what a minute costs when `units`
/// requests of it are committed to and the rest is paid by use.
fn newsvendor(demand: &Newsvendor, units: u32) -> Oracle {
    let minutes = 400;
    let steps = (0..minutes).map(|minute| {
        let share = (f64::from(minute) + 0.5) / f64::from(minutes);
        let z = normal::quantile(share).expect("it is within 0 and 1");
        format!("{{ rate = {:?}, for = \"1m\" }}", (demand.mean + demand.deviation * z).max(0.0) / 60.0)
    });
    let served = |name: &str, price: String, rest: &str| {
        endpoint(name, &format!("{AT_ONCE}\n{rest}"))
            .replace("price = { input = \"1\", output = \"1\" }", &price)
    };
    let per_hour = demand.committed * f64::from(units) * 60.0;
    let text = format!(
        "duration = \"{minutes}m\"\narrivals = {{ kind = \"steps\", gaps = \"constant\", steps = [{}] }}\n\
         router = \"priority\"\nretry = {{ kind = \"exponential\", attempts_max = 2 }}\n{}{}{}",
        steps.collect::<Vec<_>>().join(", "),
        class("c", ONE_TOKEN),
        served(
            "committed",
            format!("price = {{ per_hour = \"{per_hour:.6}\" }}"),
            &format!("limits = [{{ kind = \"requests\", per_minute = {units}, window = \"minute\" }}]")
        ),
        served(
            "metered",
            format!("price = {{ input = \"{:.0}\", output = \"0\" }}", demand.metered * 1e6),
            ""
        ),
    );
    let check = Check::new(
        format!("a minute's cost with {units}, $"),
        demand.cost(f64::from(units)),
        Bound::Near(0.002),
    );
    let found = vec![(check, Figure::total("cost_total").times(1.0 / f64::from(minutes)))];
    Oracle::of_figures("newsvendor_normal", text, [1, 1], found)
}

/// The fewest places at which at most one in a hundred waits longer than half a second, and one place less.
fn waits(traffic: Traffic, count: u32) -> Oracle {
    let requests = "output = { kind = \"exponential\", mean = 2000 }\nslo = { ttft = \"501ms\" }";
    let rest = class("c", requests) + &endpoint("e", &format!("{MILLI_TOKENS}\n{}", places(count)));
    let text = scene(10_100, 100, &(poisson(traffic.per_sec) + "\n" + &rest));
    let check = Check::new(
        format!("P(wait > 0.5 s) at {count}"),
        traffic.wait_share(count, 0.5),
        Bound::Relative { short: 0.28, full: 0.05 },
    );
    let found = vec![(check, Figure::total("good_share").rest())];
    Oracle::of_figures("erlang_c_sizing", text, [16, 240], found)
}
