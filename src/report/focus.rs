//! `focus.csv`: the bill in the FinOps Open Cost and Usage Specification, version 1.2.
//!
//! Usage is one row for an hour, endpoint, class, tier and token class; its cost is billed and effective at once.
//! Capacity bought for longer than an hour is a commitment discount: each hour has a purchase (billed, not effective)
//! and the usage that it pays for (effective, not billed), split into what was used and what was not. So the billed
//! costs of all rows add up to the effective ones, and both to `cost_total`. Each cost is the product of its unit price
//! and quantity to the last digit; the unit price of capacity is that of one unit for the charge period.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;

use super::csv;
use super::decimal::Decimal;
use crate::bill::{Bill, ChargeKind, Item, Row};
use crate::error::Result;
use crate::number::PPM;
use crate::price::{Money, Term};
use crate::wire::{EndpointId, Tier};

/// The file of the export.
pub const FILE: &str = "focus.csv";

/// Whose bill it is.
pub struct Account {
    pub name: String,
    /// The day in UTC whose first hour is the run's.
    pub day: Date,
    /// What is behind each endpoint, in the bill's order.
    pub resources: Vec<Resource>,
}

/// What an endpoint is.
pub struct Resource {
    pub provider: String,
    pub model: String,
    pub region: Option<String>,
}

/// The measured part of a bill in which everything has a price.
pub fn write(bill: &Bill, account: &Account) -> Result<Vec<u8>> {
    let mut served = served(bill);
    let header = COLUMNS.iter().map(|(name, _)| (*name).to_string()).collect();
    let mut lines = vec![header];
    for row in bill.rows.iter().filter(|row| row.is_measured) {
        let context = Context { bill, account, row };
        let charges = match row.kind {
            ChargeKind::Included | ChargeKind::Unknown => Vec::new(),
            ChargeKind::Shortfall => vec![adjustment(row)],
            ChargeKind::Reserved if is_committed(row) => committed(row, &mut served),
            ChargeKind::Egress | ChargeKind::Metered | ChargeKind::Reserved => vec![usage(row)],
        };
        for charge in charges {
            lines.push(COLUMNS.iter().map(|(_, cell)| cell(&context, &charge)).collect());
        }
    }
    csv::write(&lines)
}

/// What a row of a bill says of a charge.
struct Context<'a> {
    bill: &'a Bill,
    account: &'a Account,
    row: &'a Row,
}

/// What is different between the rows made of one.
#[derive(Clone, Copy, Debug)]
struct Charge {
    category: &'static str,
    frequency: &'static str,
    pricing: &'static str,
    status: &'static str,
    /// In pricing units.
    quantity: Decimal,
    /// For one pricing unit.
    list: Decimal,
    contracted: Decimal,
    billed: Decimal,
    effective: Decimal,
    consumed: Option<u64>,
}

fn usage(row: &Row) -> Charge {
    let (quantity, scale) = match row.item {
        Item::Bytes => (row.quantity, 9),
        Item::Tokens(_) => (row.quantity, 6),
        Item::Capacity | Item::Link | Item::Volume => (row.quantity, 0),
    };
    let quantity = Decimal::new(i128::from(quantity), scale);
    let unit = |price: Money| Decimal::new(price.picos(), 12 - scale);
    let cost = quantity.times(unit(row.contracted));
    Charge {
        category: "Usage",
        frequency: "Usage-Based",
        pricing: "Standard",
        status: "",
        quantity,
        list: unit(row.list),
        contracted: unit(row.contracted),
        billed: cost,
        effective: cost,
        consumed: Some(row.quantity),
    }
}

/// What was promised and not spent: neither usage nor a purchase.
fn adjustment(row: &Row) -> Charge {
    Charge { category: "Adjustment", frequency: "One-Time", pricing: "", consumed: None, ..usage(row) }
}

/// A purchase, and what it pays for.
fn committed(row: &Row, served: &mut BTreeMap<(u64, EndpointId), Served>) -> Vec<Charge> {
    let place = row.endpoint.map(|endpoint| (row.hour, endpoint));
    let tokens = place.and_then(|place| served.get_mut(&place)).map(|served| served.take(row.quantity));
    // Where it is not known how much was used, an hour that served anything was.
    let used = row.used_ppm.unwrap_or(if tokens.is_some() { PPM } else { 0 });
    let whole = usage(row);
    let purchase = Charge {
        category: "Purchase",
        frequency: "Recurring",
        effective: Decimal::ZERO,
        consumed: None,
        ..whole
    };
    let part = |status, ppm: u32, consumed| {
        let quantity = whole.quantity.times(Decimal::new(i128::from(ppm), 6));
        let effective = quantity.times(whole.contracted);
        let pricing = "Committed";
        let covered =
            Charge { pricing, status, quantity, billed: Decimal::ZERO, effective, consumed, ..whole };
        (ppm > 0).then_some(covered)
    };
    let parts = [part("Used", used, Some(tokens.unwrap_or(0))), part("Unused", PPM - used, None)];
    std::iter::once(purchase).chain(parts.into_iter().flatten()).collect()
}

/// Tokens that capacity served in an hour at an endpoint, and the units that were bought ahead for it.
#[derive(Default)]
struct Served {
    tokens: u64,
    units: u64,
    /// Units, and tokens, of the rows that were written.
    done: (u64, u64),
}

impl Served {
    /// The tokens of the next row of so many units: each row has its part, and all together the whole.
    fn take(&mut self, units: u64) -> u64 {
        let (before, given) = self.done;
        let upto = u128::from(self.tokens) * u128::from(before + units) / u128::from(self.units.max(1));
        let upto = u64::try_from(upto).unwrap_or(self.tokens);
        self.done = (before + units, upto);
        upto - given
    }
}

fn served(bill: &Bill) -> BTreeMap<(u64, EndpointId), Served> {
    let mut served: BTreeMap<_, Served> = BTreeMap::new();
    for row in bill.rows.iter().filter(|row| row.is_measured && row.kind == ChargeKind::Included) {
        let endpoint = row.endpoint.expect("tokens are served by an endpoint");
        served.entry((row.hour, endpoint)).or_default().tokens += row.quantity;
    }
    for row in bill.rows.iter().filter(|row| is_committed(row)) {
        let place = row.endpoint.and_then(|endpoint| served.get_mut(&(row.hour, endpoint)));
        place.into_iter().for_each(|served| served.units += row.quantity);
    }
    served
}

/// Whether it is capacity that was bought for longer than an hour.
fn is_committed(row: &Row) -> bool {
    row.kind == ChargeKind::Reserved && row.term.is_some_and(|term| term != Term::Hour)
}

/// A column: its name, and what is in it; nothing stands for null.
type Column = (&'static str, fn(&Context, &Charge) -> String);

const COLUMNS: &[Column] = &[
    ("BilledCost", |_, charge| charge.billed.to_string()),
    ("BillingAccountId", |of, _| of.account.name.clone()),
    ("BillingAccountName", |of, _| of.account.name.clone()),
    ("BillingAccountType", |_, _| "Scenario".into()),
    ("BillingCurrency", |_, _| "USD".into()),
    ("BillingPeriodEnd", |of, _| {
        let month = of.month();
        midnight(month.checked_add(1.month()).unwrap_or(month))
    }),
    ("BillingPeriodStart", |of, _| midnight(of.month())),
    ("ChargeCategory", |_, charge| charge.category.into()),
    ("ChargeClass", |_, _| String::new()),
    ("ChargeDescription", |of, charge| of.description(charge)),
    ("ChargeFrequency", |_, charge| charge.frequency.into()),
    ("ChargePeriodEnd", |of, _| of.hour(of.row.hour + 1)),
    ("ChargePeriodStart", |of, _| of.hour(of.row.hour)),
    ("CommitmentDiscountCategory", |of, _| of.committed("Usage".into())),
    ("CommitmentDiscountId", |of, _| of.committed(of.commitment_id())),
    ("CommitmentDiscountName", |of, _| of.committed(of.row.commitment.clone())),
    ("CommitmentDiscountQuantity", |of, charge| of.committed(charge.quantity.to_string())),
    ("CommitmentDiscountStatus", |_, charge| charge.status.into()),
    ("CommitmentDiscountType", |of, _| of.committed(of.row.term.map_or("", Term::name).into())),
    ("CommitmentDiscountUnit", |of, _| of.committed(of.unit())),
    ("ConsumedQuantity", |_, charge| charge.consumed.map_or(String::new(), |count| count.to_string())),
    ("ConsumedUnit", |of, charge| charge.consumed.map_or(String::new(), |_| of.consumed_unit().into())),
    ("ContractedCost", |_, charge| charge.quantity.times(charge.contracted).to_string()),
    ("ContractedUnitPrice", |_, charge| charge.contracted.to_string()),
    ("EffectiveCost", |_, charge| charge.effective.to_string()),
    ("InvoiceIssuerName", |of, _| of.provider().into()),
    ("ListCost", |_, charge| charge.quantity.times(charge.list).to_string()),
    ("ListUnitPrice", |_, charge| charge.list.to_string()),
    ("PricingCategory", |_, charge| charge.pricing.into()),
    ("PricingQuantity", |_, charge| charge.quantity.to_string()),
    ("PricingUnit", |of, _| of.unit()),
    ("ProviderName", |of, _| of.provider().into()),
    ("PublisherName", |of, _| of.provider().into()),
    ("RegionId", |of, _| of.region()),
    ("RegionName", |of, _| of.region()),
    ("ResourceId", |of, charge| match charge.consumed {
        None => of.commitment_id(),
        Some(_) => of.endpoint().into(),
    }),
    ("ResourceName", |of, charge| match charge.consumed {
        None => of.row.commitment.clone(),
        Some(_) => of.endpoint().into(),
    }),
    ("ResourceType", |_, charge| if charge.consumed.is_none() { "Commitment" } else { "Endpoint" }.into()),
    ("ServiceCategory", |of, _| match of.row.item {
        Item::Bytes | Item::Link => "Networking".into(),
        _ => "AI and Machine Learning".into(),
    }),
    ("ServiceName", |of, _| of.model().into()),
    ("ServiceSubcategory", |of, _| match of.row.item {
        Item::Bytes | Item::Link => "Other (Networking)".into(),
        _ => "Generative AI".into(),
    }),
    ("SkuId", |of, charge| of.sku(charge)),
    ("SkuMeter", |of, charge| if of.sku(charge).is_empty() { String::new() } else { of.meter().into() }),
    ("SkuPriceId", |of, charge| match of.sku(charge) {
        sku if sku.is_empty() => sku,
        // Prompts and answers may have different prices.
        sku if of.row.is_of_link() => [sku, charge.list.to_string()].join("/"),
        sku => {
            let parts = [sku.as_str(), of.variant(), &of.region(), &of.list_price()];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
        }
    }),
    ("x_RequestClass", |of, _| {
        of.row.class.map_or(String::new(), |class| of.bill.classes[usize::from(class.0)].clone())
    }),
    ("x_ServiceTier", |of, _| of.row.tier.map_or("", Tier::name).into()),
    ("x_Waste", |of, _| of.row.waste.map_or("", |waste| waste.name()).into()),
];

impl Context<'_> {
    /// What is behind the endpoint, where that is who bills.
    fn resource(&self) -> Option<&Resource> {
        if self.row.is_of_link() {
            return None;
        }
        self.account.resources.get(usize::from(self.row.endpoint?.0))
    }

    fn endpoint(&self) -> &str {
        self.row.endpoint.map_or("", |endpoint| &self.bill.endpoints[usize::from(endpoint.0)])
    }

    /// Who is paid; who bills a link or a promise is not known by name.
    fn provider(&self) -> &str {
        self.resource().map_or(&self.row.commitment, |resource| &resource.provider)
    }

    fn model(&self) -> &str {
        self.resource().map_or(&self.row.commitment, |resource| &resource.model)
    }

    fn region(&self) -> String {
        self.resource().and_then(|resource| resource.region.clone()).unwrap_or_default()
    }

    fn commitment_id(&self) -> String {
        format!("{}/{}", self.account.name, self.row.commitment)
    }

    /// `text`, where the charge is of a commitment discount.
    fn committed(&self, text: String) -> String {
        if is_committed(self.row) { text } else { String::new() }
    }

    /// The unit that is priced.
    fn unit(&self) -> String {
        match self.row.item {
            Item::Bytes => "GB".into(),
            Item::Tokens(_) => "1000000 Tokens".into(),
            Item::Capacity | Item::Link => self.row.unit.to_uppercase(),
            Item::Volume => "USD".into(),
        }
    }

    fn consumed_unit(&self) -> &str {
        match (self.row.item, self.row.term) {
            (Item::Bytes, _) => "B",
            (Item::Capacity, Some(Term::Hour)) | (Item::Link, _) => &self.row.unit,
            _ => "Tokens",
        }
    }

    fn meter(&self) -> &str {
        match self.row.item {
            Item::Bytes => "egress",
            Item::Capacity | Item::Link | Item::Volume => &self.row.unit,
            Item::Tokens(class) => class.name(),
        }
    }

    /// What makes one price of an SKU different from another.
    fn variant(&self) -> &str {
        match (self.row.tier, self.row.term) {
            (Some(tier), _) => tier.name(),
            (None, Some(term)) => term.name(),
            (None, None) => "",
        }
    }

    /// Of tokens, whose price is another one for long prompts and from another day on, in dollars a million.
    fn list_price(&self) -> String {
        match self.row.item {
            Item::Tokens(_) => (self.row.list * 1_000_000).to_string(),
            _ => String::new(),
        }
    }

    fn sku(&self, charge: &Charge) -> String {
        match charge.category {
            "Adjustment" => String::new(),
            _ => [self.provider(), self.model(), self.meter()].join("/"),
        }
    }

    fn description(&self, charge: &Charge) -> String {
        let (meter, model, endpoint) = (self.meter(), self.model(), self.endpoint());
        match (charge.category, charge.status, self.row.item) {
            ("Adjustment", ..) => format!("What was promised by {} and not spent", self.row.commitment),
            ("Purchase", ..) => format!("{} {meter} of {}", self.row.quantity, self.row.commitment),
            (_, "", Item::Tokens(_)) => {
                format!("{meter} tokens of {model} at {endpoint}, {}", self.variant())
            }
            (_, "", _) if self.row.is_of_link() => {
                format!("{meter} to {endpoint} by {}", self.row.commitment)
            }
            (_, "", _) => format!("{meter} of {endpoint}"),
            (_, status, _) => format!("{status} part of {}", self.row.commitment),
        }
    }

    /// The start of an hour of the run.
    fn hour(&self, hour: u64) -> String {
        let hours = i64::try_from(hour).unwrap_or(i64::MAX);
        let day = self.account.day.at(0, 0, 0, 0);
        let at = jiff::Span::new().try_hours(hours).ok().and_then(|span| day.checked_add(span).ok());
        at.unwrap_or(jiff::civil::DateTime::MAX).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// The first day of the month that the charge is in.
    fn month(&self) -> Date {
        let days = i64::try_from(self.row.hour / 24).unwrap_or(i64::MAX);
        let day =
            jiff::Span::new().try_days(days).ok().and_then(|span| self.account.day.checked_add(span).ok());
        day.unwrap_or(Date::MAX).first_of_month()
    }
}

fn midnight(day: Date) -> String {
    day.strftime("%Y-%m-%dT00:00:00Z").to_string()
}
