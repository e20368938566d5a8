//! What it costs to depend on no provider for more than a share: the premium, and what an outage costs without and with it.

use super::demand::Demand;
use super::newsvendor::Bracket;
use super::play::{Candidate, Plays, Purchase, Question, mean};
use super::race::{self, Rules};
use crate::error::Result;
use crate::statistics::interval::{Confidence, Interval};

/// The cheapest under the cap, held against the cheapest of all.
#[derive(Clone, Debug)]
pub struct Independent {
    /// None where nothing on offer keeps below the cap.
    pub purchase: Option<Purchase>,
    /// How much dearer it is a month: what concentration saves.
    pub premium: Option<Interval>,
    /// Of the cheapest of all, then of the one under the cap.
    pub outages: Vec<Loss>,
}

/// What outages of the provider with the largest share cost.
#[derive(Clone, Debug)]
pub struct Loss {
    pub provider: String,
    /// Requests that an outage keeps from being answered in time.
    pub requests: f64,
    /// Dollars a month, at the stated worth and frequency.
    pub per_month: f64,
}

/// Prices independence, where the plan asks for it.
pub fn price(
    question: &Question,
    plays: &mut Plays,
    demand: &Demand,
    brackets: &[Option<Bracket>],
    rules: Rules,
    best: &Purchase,
) -> Result<Option<Independent>> {
    let Some(independence) = &question.plan.independence else { return Ok(None) };
    let share_max = Some(independence.share_max.get());
    let finish = super::cheapest(plays, question, demand, brackets, Rules { share_max, ..rules })?;
    let purchase = finish.best.and_then(|candidate| candidate.purchase);
    let own = Candidate::from(best.clone());
    let premium = match &purchase {
        Some(purchase) => {
            let other = Candidate::from(purchase.clone());
            let both = plays.of(&own).len().max(plays.of(&other).len()) as u32;
            plays.play(&[own.clone(), other.clone()], both)?;
            race::difference(plays.of(&own), plays.of(&other), Confidence::P95)
        }
        None => None,
    };
    let mut outages = Vec::new();
    for purchase in std::iter::once(best).chain(&purchase) {
        outages.extend(loss(question, plays, purchase, rules.least.min(rules.most))?);
    }
    Ok(Some(Independent { purchase, premium, outages }))
}

/// What is lost with a purchase, by plays with and without the outage that share their chance.
fn loss(
    question: &Question,
    plays: &mut Plays,
    purchase: &Purchase,
    replications: u32,
) -> Result<Option<Loss>> {
    let Some(outage) = question.outage() else { return Ok(None) };
    let spared = Candidate::from(purchase.clone());
    plays.play(std::slice::from_ref(&spared), replications)?;
    let Some((provider, _)) = plays.of(&spared).first().and_then(|play| play.shares.first().cloned()) else {
        return Ok(None);
    };
    let struck = Candidate { outage: Some(provider.clone()), ..spared.clone() };
    plays.play(std::slice::from_ref(&struck), replications)?;
    let both = plays.of(&spared).len().min(plays.of(&struck).len());
    if both == 0 {
        return Ok(None);
    }
    let good = |candidate: &Candidate| mean(&plays.of(candidate)[..both], |play| play.good);
    let requests = good(&spared) - good(&struck);
    let per_month = requests * outage.value_per_good_request.as_dollars_f64() * outage.per_year.get() / 12.0;
    Ok(Some(Loss { provider, requests, per_month }))
}
