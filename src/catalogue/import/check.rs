//! Prices that are likely mistakes of the list they come from.

use std::collections::BTreeMap;

use super::report::Remark;
use super::title;
use crate::catalogue::lookup::{GOVERNMENT, REGIONAL};
use crate::catalogue::row::Offer;
use crate::price::Rate;
use crate::wire::Tier;

/// What is worth a look in these offers.
pub fn warnings(offers: &[Offer]) -> Vec<Remark> {
    let mut siblings: BTreeMap<(&str, &str), Vec<&Offer>> = BTreeMap::new();
    for offer in offers {
        siblings.entry((&offer.provider, &offer.model)).or_default().push(offer);
    }
    let mut found = Vec::new();
    for offer in offers {
        let of_model = &siblings[&(offer.provider.as_str(), offer.model.as_str())];
        if let Some((cached, input)) =
            offer.price.cache_read.zip(offer.price.input).filter(|(cached, input)| cached > input)
        {
            let about = format!("{}: {cached} over {input}", title(offer));
            found.push(Remark::new("reading from the cache costs more than input", about));
        }
        if is_free(offer) {
            found.push(Remark::new("every price is 0: free, or not known", title(offer)));
        }
        let standard = of_model.iter().find(|other| {
            other.tier == Tier::Standard && other.scope == offer.scope && is_at_once(other, offer)
        });
        if let Some(standard) = standard.filter(|_| offer.tier != Tier::Standard) {
            tier(offer, standard, &mut found);
        }
        government(offer, of_model, &mut found);
        region(offer, of_model, &mut found);
    }
    found
}

/// A tier against the standard one.
fn tier(offer: &Offer, standard: &Offer, found: &mut Vec<Remark>) {
    if !standard.price.long_context.is_empty() && offer.price.long_context.is_empty() {
        let why = "the standard tier costs more for long prompts, this tier does not";
        found.push(Remark::new(why, title(offer)));
    }
    let pairs = [(offer.price.input, standard.price.input), (offer.price.output, standard.price.output)];
    let is_half = |(batch, standard): (Option<Rate>, Option<Rate>)| {
        batch.zip(standard).is_none_or(|(batch, standard)| batch.times(2) == standard.times(1))
    };
    if offer.tier == Tier::Batch && !pairs.into_iter().all(is_half) {
        found.push(Remark::new(
            "batch is not half of standard",
            format!("{}: {}", title(offer), both(offer, standard)),
        ));
    }
}

/// Government clouds cost no less than the cheapest commercial scope.
fn government(offer: &Offer, of_model: &[&Offer], found: &mut Vec<Remark>) {
    if !offer.scope.starts_with(GOVERNMENT) {
        return;
    }
    let commercial = of_model.iter().filter(|other| {
        !other.scope.starts_with(GOVERNMENT) && other.tier == offer.tier && is_at_once(other, offer)
    });
    let Some(cheapest) =
        commercial.filter(|other| other.price.input.is_some()).min_by_key(|other| other.price.input)
    else {
        return;
    };
    if offer.price.input.is_some_and(|input| Some(input) < cheapest.price.input) {
        let about = format!("{}: {}", title(offer), both(offer, cheapest));
        found.push(Remark::new("the government's cloud costs less than the commercial one", about));
    }
}

/// A region by itself costs no less than a group of regions that it may be in.
fn region(offer: &Offer, of_model: &[&Offer], found: &mut Vec<Remark>) {
    let dearer = of_model.iter().find(|other| {
        let is_group =
            !["global", REGIONAL].contains(&other.scope.as_str()) && !other.scope.starts_with(GOVERNMENT);
        is_group
            && other.tier == offer.tier
            && is_at_once(other, offer)
            && other.price.input > offer.price.input
    });
    if let Some(dearer) = dearer.filter(|_| offer.scope == REGIONAL && offer.price.input.is_some()) {
        let about = format!("{}: {}", title(offer), both(offer, dearer));
        found.push(Remark::new(
            "a region costs less than a group of regions: the price may be the global one",
            about,
        ));
    }
}

/// `1.00/4.00 beside 2.00/8.00`
fn both(one: &Offer, other: &Offer) -> String {
    let shown = |rate: Option<Rate>| rate.map_or("–".into(), |rate| rate.to_string());
    let pair = |offer: &Offer| format!("{}/{}", shown(offer.price.input), shown(offer.price.output));
    format!("{} beside {}", pair(one), pair(other))
}

/// Whether there is a day on which both hold.
fn is_at_once(a: &Offer, b: &Offer) -> bool {
    let ends_before = |a: &Offer, b: &Offer| a.until.zip(b.from).is_some_and(|(until, from)| until <= from);
    !ends_before(a, b) && !ends_before(b, a)
}

fn is_free(offer: &Offer) -> bool {
    let price = &offer.price;
    let rates = [
        price.input,
        price.cache_read,
        price.cache_write,
        price.cache_write_long,
        price.output,
        price.reasoning,
    ];
    rates.into_iter().flatten().all(|rate| rate == Rate::default()) && price.long_context.is_empty()
}
