//! What a person should know who relies on a scenario's figures, and what is no mistake of it.

use super::price::Sold;
use super::{EndpointSpec, Scenario};
use crate::catalogue::machine::MachineSpec;
use crate::catalogue::row::STALE_AFTER_DAYS;
use crate::client::routers::AnyRouter;
use crate::client::workload::Class;
use crate::commitments::AnyCommitment;
use crate::price::TokenClass;
use crate::server::latency::AnyLatency;
use crate::time::Instant;

impl Scenario {
    /// What a person should know who relies on the figures, and what is no mistake of the scenario.
    pub fn warnings(&self) -> Vec<String> {
        let warn = |spec: &EndpointSpec| {
            let about = |warning| format!("endpoint '{}': {warning}", spec.name);
            let machine = [spec.machine.as_ref().and_then(MachineSpec::doubt), overruled(spec)];
            let own = self.unpaid(spec).into_iter().chain(several_answers(spec)).chain(self.absence(spec));
            let doubts = self.doubts(spec).into_iter().chain(machine.into_iter().flatten());
            own.chain(doubts).chain(self.gaps(spec)).map(about).collect::<Vec<_>>()
        };
        let unused = self.unused_links().map(|link| {
            format!(
                "link '{}': no endpoint is reached by it, and it costs nothing; see its `to` and `from`",
                link.name
            )
        });
        let units = self.stale_units().into_iter().chain(self.idle_units());
        let rest = unused.chain(units).chain(self.cache_doubts()).chain(self.doubled_quotas());
        let rest = rest.chain(self.estimates()).chain(self.pictures()).chain(self.idle_priorities());
        let rest = rest.chain(self.barred_copies());
        let rest = rest.chain(self.streams().flat_map(|(_, arrivals)| arrivals.warnings()));
        self.endpoints.iter().flat_map(warn).chain(rest).collect()
    }

    /// Endpoints of one model and place that have the same quota of the vendor's each for itself.
    fn doubled_quotas(&self) -> Vec<String> {
        let row = |spec: &EndpointSpec| {
            let quota = spec.quota_expanded.as_ref().filter(|quota| quota.scale.is_none())?;
            self.prices.presets.quota_row(&quota.preset).ok()
        };
        let at = |spec: &EndpointSpec| {
            (spec.sold().model, spec.region.clone(), spec.project.clone(), spec.url.clone())
        };
        let with_rows = self.endpoints.iter().filter_map(|spec| Some((spec, row(spec)?)));
        let with_rows: Vec<_> = with_rows.collect();
        let doubled = with_rows.iter().enumerate().filter_map(|(nth, (spec, own))| {
            let mut earlier = with_rows[..nth].iter();
            let (first, _) = earlier.find(|(other, row)| std::ptr::eq(*row, *own) && at(other) == at(spec))?;
            Some(format!(
                "endpoint '{}': it and '{}' have the quota of {} for {} each for itself; in one account they share it: \
                 make it the `quota` of one of the [[pools]], or give each its part by `scale`",
                spec.name,
                first.name,
                own.provider,
                spec.sold().model
            ))
        });
        doubled.collect()
    }

    /// Copies of a mirrored plan that no endpoint takes: each is for one endpoint, which its class may not use.
    fn barred_copies(&self) -> impl Iterator<Item = String> {
        let is_mirrored = matches!(self.router, AnyRouter::Mirror(_));
        let pairs =
            self.classes.iter().flat_map(|class| self.endpoints.iter().map(move |spec| (class, spec)));
        pairs.filter(move |(class, spec)| is_mirrored && spec.bars(class)).map(|(class, spec)| {
            format!(
                "class '{}' may not use endpoint '{}', and the router mirrors each of its requests to it: those copies \
                 count as refused; take another router, or leave one of the two out",
                class.name, spec.name
            )
        })
    }

    /// Classes whose priority no endpoint of theirs looks at.
    fn idle_priorities(&self) -> impl Iterator<Item = String> {
        let is_seen = |class: &Class| {
            self.endpoints.iter().any(|spec| spec.schedules_by_priority() && !spec.bars(class))
        };
        let idle = self.classes.iter().filter(move |class| class.priority != 0 && !is_seen(class));
        idle.map(|class| {
            format!(
                "class '{}' has priority = {}, and no endpoint of its schedules by that; write scheduling = \"priority\" \
                 in a `concurrency` limit, a `continuous_batching` latency or a `machine`, or leave `priority` out",
                class.name, class.priority
            )
        })
    }

    /// Units that are paid for and include nothing, as the endpoints that they serve ask for another tier.
    fn idle_units(&self) -> impl Iterator<Item = String> {
        self.commitments.iter().filter_map(|commitment| {
            let AnyCommitment::Units(units) = commitment else { return None };
            let tier = units.tier?;
            let places = (0..).zip(&self.endpoints).filter(|(_, spec)| units.endpoints.contains(&spec.name));
            let is_asked = |(index, spec): (usize, &EndpointSpec)| {
                tier == self.terms(index).tier || spec.sold().tier == Some(tier)
            };
            let is_idle = !places.clone().any(is_asked);
            let name = tier.name();
            is_idle.then(|| {
                format!(
                    "commitment '{}' includes what is served in the tier {name}, and no endpoint of its asks for that; \
                     write service_tier = \"{name}\" there, or leave `tier` out",
                    units.name
                )
            })
        })
    }

    /// Bought capacity that no commitment pays for, or not all of it.
    fn unpaid(&self, spec: &EndpointSpec) -> Option<String> {
        let capacity = spec.capacity.as_ref()?;
        if spec.price.as_ref().is_some_and(|price| price.per_hour.is_some()) {
            return None;
        }
        let (unit, units) = (&capacity.unit, capacity.units.get());
        let paid = self.commitments.iter().map(|commitment| match commitment {
            AnyCommitment::Units(bought) if bought.unit == *unit && bought.endpoints.contains(&spec.name) => {
                u64::from(bought.units)
            }
            _ => 0,
        });
        match paid.sum::<u64>() {
            0 => Some(format!(
                "nothing pays for its {units} {unit}, so what they serve is charged by the token; add [[commitments]] \
                 with kind = \"units\", endpoints = [\"{}\"], unit = \"{unit}\", units = {units}, term = \"hour\"",
                spec.name
            )),
            paid if paid < u64::from(units) => Some(format!(
                "it has {units} {unit}, of which [[commitments]] pay for {paid}; make the two agree"
            )),
            _ => None,
        }
    }

    /// What is doubtful about the catalogue's price.
    fn doubts(&self, spec: &EndpointSpec) -> Vec<String> {
        let Sold { provider, model, .. } = spec.sold();
        let offers = self.offers(spec);
        let first = self.first_day();
        let stale = offers.iter().find(|offer| offer.is_stale(first)).map(|offer| {
            format!(
                "the price of {model} at {provider} was read on {}, more than {STALE_AFTER_DAYS} days before {first}; \
                 see whether it still holds",
                offer.dated
            )
        });
        let row = self.prices.model(provider, &model).filter(|_| !offers.is_empty());
        let promotion = row.and_then(|row| row.promotion_through).map(|day| {
            format!("the price of {model} at {provider} is promotional, without a stated end: promised through {day}")
        });
        stale.into_iter().chain(promotion).chain(self.unpriced_cache(spec)).collect()
    }

    /// Whether what is read from an endpoint's prompt cache has no price, so that its cost will not be known.
    fn unpriced_cache(&self, spec: &EndpointSpec) -> Option<String> {
        let price = spec.tariff.price(Instant::START, None).filter(|_| spec.cache.is_some())?;
        let is_priced = price.includes_tokens() || price.rate(TokenClass::CacheRead, 0).is_some();
        let is_included = self.included().any(|name| name == spec.name);
        (!is_priced && !is_included).then(|| {
            "it has a prompt cache and no price for `cache_read`: its cost is unknown once something is read from the \
             cache; give the endpoint its `price` with `cache_read`"
                .into()
        })
    }
}

/// Whether `latency` takes the place of what `machine` says.
fn overruled(spec: &EndpointSpec) -> Option<String> {
    let (machine, own) = (spec.machine.as_ref()?, spec.latency.as_ref()?);
    let said = AnyLatency::ContinuousBatching(machine.latency().ok()?);
    let value = |latency: &AnyLatency| toml::Value::try_from(latency).ok();
    let message = "`latency` is not that of `machine`, and counts in its place; leave one of them out";
    (value(own) != value(&said)).then(|| message.into())
}

/// Whether each prompt is to get several answers: quotas, times and costs are reckoned for one.
fn several_answers(spec: &EndpointSpec) -> Option<String> {
    let google = spec.body.get("generationConfig").and_then(|config| config.get("candidateCount"));
    let openai = ["n", "best_of"].map(|key| spec.body.get(key));
    let count = openai.into_iter().chain([google]).flatten().filter_map(toml::Value::as_integer).max()?;
    let warning = || {
        format!(
            "its `body` asks for {count} answers to each prompt, and one is simulated and reserved quota for"
        )
    };
    (count > 1).then(warning)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_quota_that_endpoints_of_one_account_have_twice_is_warned_of() {
        let endpoint = |name: &str, model: &str, rest: &str| {
            format!(
                "[[endpoints]]\nname = '{name}'\nprovider = 'anthropic'\nmodel = '{model}'\n{rest}\n\
                 latency = {{ kind = 'fixed', ttft = '1s' }}\nprice = {{ input = '1', output = '1' }}\n"
            )
        };
        let doubled = |second: &str| {
            let first = endpoint("a", "claude-opus-4-7", "quota = 'anthropic/start/claude-opus-4-7'");
            let text = format!(
                "date = '2026-11-21'\nduration = '1m'\narrivals = {{ kind = 'constant', rate = 1 }}\n[[classes]]\nname = 'c'\n\
                 max_tokens = 9\ninput = {{ kind = 'fixed', tokens = 1 }}\noutput = {{ kind = 'fixed', tokens = 1 }}\n\
                 {first}{second}"
            );
            let scenario =
                Scenario::parse(&text, Path::new("x.toml")).unwrap_or_else(|error| panic!("{error}"));
            scenario.doubled_quotas().join("\n")
        };
        let twice = endpoint("b", "claude-opus-4-7", "quota = 'anthropic/start/claude-opus-4-7'");
        let warning = doubled(&twice);
        assert!(
            warning.starts_with("endpoint 'b': it and 'a' have the quota of anthropic for claude-opus-4-7"),
            "{warning}"
        );
        let part = "quota = { preset = 'anthropic/start/claude-opus-4-7', scale = 0.5 }";
        assert_eq!(doubled(&endpoint("b", "claude-opus-4-7", part)), "");
        let other = endpoint("b", "claude-sonnet-4-6", "quota = 'anthropic/start/claude-sonnet-4-6'");
        assert_eq!(doubled(&other), "");
    }

    #[test]
    fn copies_of_a_mirrored_plan_that_nobody_may_take_are_warned_of() {
        let copies = |router: &str, exclude: &str| {
            let endpoint = |name: &str| {
                format!(
                    "[[endpoints]]\nname = '{name}'\nprovider = 'openai'\nmodel = 'm'\nlatency = {{ kind = 'fixed', ttft = '1s' }}\n\
                     price = {{ input = '1', output = '1' }}\n"
                )
            };
            let text = format!(
                "duration = '1m'\nrouter = '{router}'\narrivals = {{ kind = 'constant', rate = 1 }}\n[[classes]]\nname = 'c'\n{exclude}\n\
                 input = {{ kind = 'fixed', tokens = 1 }}\noutput = {{ kind = 'fixed', tokens = 1 }}\n{}{}",
                endpoint("a"),
                endpoint("b")
            );
            let scenario =
                Scenario::parse(&text, Path::new("x.toml")).unwrap_or_else(|error| panic!("{error}"));
            scenario.barred_copies().collect::<Vec<_>>().join("\n")
        };
        let warning = copies("mirror", "exclude = ['b']");
        assert!(
            warning.starts_with("class 'c' may not use endpoint 'b'") && warning.lines().count() == 1,
            "{warning}"
        );
        assert_eq!(copies("mirror", ""), "");
        assert_eq!(copies("priority", "exclude = ['b']"), "");
    }
}
