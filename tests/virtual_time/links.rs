//! The ways to the endpoints: which link is taken, how long it takes, and what it costs, once and to the last digit.

use std::path::Path;
use std::time::Duration;

use tollgate::bill::{Bill, ChargeKind};
use tollgate::collectors::Collectors;
use tollgate::machines;
use tollgate::price::Money;
use tollgate::scenario::Scenario;
use tollgate::section::{ScopeKind, Section, Value};
use tollgate::simulate::{Flow, simulate};

/// A request a second for two hours, of a thousand prompt tokens and a hundred of the answer, a dollar a million.
fn scenario(head: &str, endpoints: &[&str]) -> Scenario {
    scenario_with("round_robin", head, endpoints)
}

fn scenario_with(router: &str, head: &str, endpoints: &[&str]) -> Scenario {
    let endpoint = |(nth, more): (usize, &&str)| {
        format!(
            "[[endpoints]]\nname = \"e{nth}\"\n{more}\nlatency = {{ kind = \"fixed\", ttft = \"400ms\", itl = \"1ms\" }}\n\
             price = {{ input = \"1\", output = \"1\" }}\n"
        )
    };
    let endpoints: String = endpoints.iter().enumerate().map(endpoint).collect();
    let text = format!(
        "duration = \"2h\"\nrouter = \"{router}\"\n{head}\n[arrivals]\nkind = \"constant\"\nrate = 1\n\
         [[classes]]\nname = \"c\"\nmax_tokens = 100\ninput = {{ kind = \"fixed\", tokens = 1000 }}\n\
         output = {{ kind = \"fixed\", tokens = 100 }}\n{endpoints}"
    );
    Scenario::parse(&text, Path::new("links.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn play(scenario: &Scenario) -> (Bill, Section) {
    let mut collectors = Collectors::new(&machines::setup(scenario, true));
    let played = simulate(scenario, |outcome| {
        collectors.collect(outcome);
        Flow::Continue
    });
    let until = played.unwrap_or_else(|error| panic!("{error}")).stopped;
    let sections = collectors.finish(until);
    let cost = sections.into_iter().find(|section| section.name == "cost").expect("there is a cost section");
    (collectors.cost.bill(until), cost)
}

fn figure(cost: &Section, endpoint: &str, name: &str) -> String {
    let kind = if endpoint.is_empty() { ScopeKind::Total } else { ScopeKind::Endpoint };
    match &cost.figure(kind, endpoint, name).unwrap_or_else(|| panic!("there is no {name}")).value {
        Value::Money(money) => money.to_string(),
        other => panic!("{name} is {other:?}"),
    }
}

const AZURE: &str = "provider = \"azure\"\nmodel = \"m\"";
const OPENAI: &str = "provider = \"openai\"\nmodel = \"m\"";

#[test]
fn the_link_that_says_most_is_taken() {
    let link = |name: &str, ends: &str, round_trip: &str| {
        format!("[[links]]\nname = \"{name}\"\n{ends}\nround_trip = \"{round_trip}\"\nper_gb = \"0.01\"\n")
    };
    let links = [
        link("cloud", "to = \"azure\"", "20ms"),
        link("region", "to = \"azure/westeurope\"", "10ms"),
        link("both", "from = \"aws/eu-central-1\"\nto = \"azure/westeurope\"", "9ms"),
        link("elsewhere", "from = \"aws/us-east-1\"\nto = \"azure/westeurope\"", "90ms"),
        link("named", "", "3ms"),
    ];
    let head = format!("application = {{ cloud = \"aws\", region = \"eu-central-1\" }}\n{}", links.concat());
    let bedrock = |region: &str| format!("provider = \"bedrock\"\nmodel = \"m\"\nregion = \"{region}\"");
    let vertex = "provider = \"vertex\"\nmodel = \"m\"\nregion = \"global\"";
    let rows = [
        (AZURE.to_string(), "cloud", Some(20)),
        (format!("{AZURE}\nplace = \"azure/westeurope\""), "both", Some(9)),
        (format!("{AZURE}\nscope = \"westeurope\""), "both", Some(9)),
        (format!("{AZURE}\nscope = \"eu\""), "cloud", Some(20)),
        (format!("{AZURE}\nlink = \"named\""), "named", Some(3)),
        (format!("{AZURE}\nround_trip = \"7ms\""), "cloud", Some(7)),
        // The catalogue: the same region, another one, the internet, and a place that nobody told.
        (bedrock("eu-central-1"), "same_region", Some(1)),
        (bedrock("us-east-1"), "same_cloud", None),
        (vertex.to_string(), "internet", None),
        (OPENAI.to_string(), "internet", None),
        ("provider = \"self_hosted\"\nmodel = \"m\"".to_string(), "", None),
    ];
    let endpoints: Vec<&str> = rows.iter().map(|(endpoint, ..)| endpoint.as_str()).collect();
    let scenario = scenario(&head, &endpoints);
    for (spec, (text, link, millis)) in scenario.endpoints.iter().zip(&rows) {
        let way = scenario.way(spec);
        assert_eq!(way.link.as_deref().unwrap_or_default(), *link, "{text}");
        assert_eq!(way.round_trip, millis.map(Duration::from_millis), "{text}");
    }
    let unused: Vec<&str> = scenario.unused_links().map(|link| link.name.as_str()).collect();
    assert_eq!(unused, ["region", "elsewhere"]);
    assert!(scenario.warnings().iter().any(|warning| warning.starts_with("link 'elsewhere': ")));
}

/// What leaves a cloud is billed by it: prompts by the application's, answers by the endpoint's. The figures are the
/// catalogue's, which are not verified.
#[test]
fn each_end_of_the_internet_bills_what_leaves_it() {
    let scenario = scenario("application = { cloud = \"gcp\" }", &[AZURE, OPENAI]);
    let (_, cost) = play(&scenario);
    // 3,600 requests each: 18 MB of prompts at $0.12 a GB, and 73.8 MB of answers at $0.087 or nothing.
    assert_eq!(figure(&cost, "e0", "cost_egress"), "0.0085806");
    assert_eq!(figure(&cost, "e1", "cost_egress"), "0.00216");
    assert_eq!(figure(&cost, "", "cost_egress"), "0.0107406");
}

#[test]
fn a_private_link_costs_its_bytes_and_its_hours_once() {
    let link = "[[links]]\nname = \"interconnect\"\nto = \"azure\"\nround_trip = \"12ms\"\nper_gb = \"0.02\"\n\
                per_gb_back = \"0.025\"\nper_hour = \"1.500000000001\"\nbytes_per_output_token = 200\n";
    let (bill, cost) = play(&scenario(link, &[AZURE, AZURE]));
    // 18 MB and 72 MB for either endpoint, and three dollars for two hours, of which the first takes what is over.
    assert_eq!(figure(&cost, "e0", "cost_egress"), "0.00216");
    assert_eq!(figure(&cost, "e0", "cost_reserved"), "1.500000000002");
    assert_eq!(figure(&cost, "e1", "cost_reserved"), "1.50");
    assert_eq!(figure(&cost, "", "cost_reserved"), "3.000000000002");
    // 7,200 requests of 1,100 tokens at a dollar a million.
    assert_eq!(figure(&cost, "", "cost_metered"), "7.92");
    assert_eq!(figure(&cost, "", "cost_total"), "10.924320000002");
    let of_link = bill.rows.iter().filter(|row| row.is_of_link());
    assert!(of_link.clone().all(|row| row.commitment == "interconnect"));
    assert_eq!(of_link.map(|row| row.cost()).sum::<Money>().to_string(), "3.004320000002");
    let estimate = tollgate::estimate::estimate(&scenario(link, &[AZURE, AZURE])).unwrap();
    assert_eq!(estimate.total.expected.to_string(), "7.92432");
    assert_eq!(estimate.total.capacity.to_string(), "3.000000000002");
}

#[test]
fn a_link_without_endpoints_costs_nothing() {
    let link =
        "[[links]]\nname = \"idle\"\nto = \"aws\"\nround_trip = \"1ms\"\nper_gb = \"1\"\nper_hour = \"9\"\n";
    let (_, cost) = play(&scenario(link, &[AZURE]));
    assert_eq!(figure(&cost, "", "cost_total"), "7.92");
}

#[test]
fn what_is_passed_on_goes_the_way_to_the_endpoint_that_was_asked() {
    let link = "[[links]]\nname = \"near\"\nround_trip = \"1ms\"\nper_gb = \"1\"\n\
                [[links]]\nname = \"far\"\nround_trip = \"99ms\"\nper_gb = \"7\"\n";
    let limits = "limits = [{ kind = \"requests\", per_minute = 1 }]";
    let asked = format!("{AZURE}\nlink = \"near\"\nspillover = \"e1\"\n{limits}");
    let scenario = scenario_with("priority", link, &[&asked, &format!("{AZURE}\nlink = \"far\"")]);
    let (bill, cost) = play(&scenario);
    assert!(bill.rows.iter().any(|row| row.is_spilled && row.kind == ChargeKind::Metered));
    // 36 MB of prompts, all of them to the first.
    assert_eq!(figure(&cost, "e0", "cost_egress"), "0.036");
    assert_eq!(figure(&cost, "e1", "cost_egress"), "0.00");
}

#[test]
fn what_a_link_bills_counts_to_no_promised_volume() {
    let head = "commitments = [{ kind = \"minimum\", spend = \"7.92\", term = \"hour\" }]\n\
                [[links]]\nname = \"fibre\"\nto = \"azure\"\nround_trip = \"0ms\"\nper_gb = \"1\"\nper_hour = \"100\"\n";
    let (_, cost) = play(&scenario(head, &[AZURE]));
    assert_eq!(figure(&cost, "", "cost_shortfall"), "7.92");
}

#[test]
fn an_egress_commitment_goes_before_what_the_catalogue_estimates() {
    let head = "application = { cloud = \"gcp\" }\n\
                commitments = [{ kind = \"egress\", per_gb = \"0.05\", bytes_per_output_token = 5 }]";
    let (_, cost) = play(&scenario(head, &[AZURE]));
    // 3.6 MB of answers.
    assert_eq!(figure(&cost, "", "cost_egress"), "0.00018");
}
