//! Whether what is asked of an endpoint's `url` goes where its provider wants it.

use http::Uri;

use super::super::EndpointSpec;
use super::Check;

impl Check<'_, '_> {
    /// The rules for the path and the host of an address of which it is known that it is one.
    pub(super) fn address(&mut self, path: &str, spec: &EndpointSpec) {
        let Ok(uri) = spec.url.parse::<Uri>() else { return };
        let is_spoken = spec.provider.get().dialects().contains(&spec.dialect().name());
        if spec.is_mock() || !is_spoken {
            return;
        }
        let (place, host) = (format!("{path}.url"), uri.host().unwrap_or_default());
        let (base, asked) = (uri.path().trim_end_matches('/'), spec.target_path());
        if let Some(twice) = repeated(base, &asked) {
            let label = format!("calls would go to {base}{asked}");
            let help =
                format!("leave `{twice}` off: {} has it in the path of its calls", spec.provider.name());
            return self.say(&place, format!("`{twice}` would be asked for twice"), &label, &help);
        }
        let wanted = spec.provider.get().base();
        if base.is_empty() && !wanted.is_empty() && host.ends_with("api.openai.com") {
            let help = format!("write url = \"https://{host}{wanted}\"");
            return self.say(
                &place,
                format!("`url` lacks {wanted}"),
                &format!("{asked} is not there"),
                &help,
            );
        }
        if let Some(region) = spec.region.as_deref().filter(|region| !is_at(host, region)) {
            let message = format!("endpoint `{}` is in {region}, and its host is not", spec.name);
            let help = "name the same region in `region` and in `url`";
            self.say(&place, message, "another region's", help);
        }
    }
}

impl EndpointSpec {
    /// Where its calls go, after the `url`, without a query.
    fn target_path(&self) -> String {
        let path = self.provider.get().path(&self.target(), true);
        path.split_once('?').map_or(path.as_str(), |(path, _)| path).to_string()
    }
}

/// The longest end of a base path with which the path after it begins. Not a vendor's bare name, which a gateway may
/// have in its own path.
fn repeated<'a>(base: &'a str, asked: &str) -> Option<&'a str> {
    let ends = base.match_indices('/').map(|(at, _)| &base[at..]);
    let mut whole = ends
        .filter(|end| asked.strip_prefix(end).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    whole.next().filter(|end| !["/anthropic", "/openai"].contains(end))
}

/// Whether a host can be of a region; one that is no vendor's own can be of any.
fn is_at(host: &str, region: &str) -> bool {
    let is_vendors = ["amazonaws.com", "api.aws", "googleapis.com"].iter().any(|end| host.ends_with(end));
    let is_global = region == "global" && host == "aiplatform.googleapis.com";
    !is_vendors || is_global || host.split('.').any(|part| part.trim_end_matches("-aiplatform") == region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_base_path_is_repeated_only_in_whole_parts() {
        for (base, asked, twice) in [
            ("/v1", "/chat/completions", None),
            ("/v1/chat/completions", "/chat/completions", Some("/chat/completions")),
            ("/v1/chat", "/chat/completions", Some("/chat")),
            ("/v1", "/v1/messages", Some("/v1")),
            ("/gateway/v1", "/v10/messages", None),
            ("/openai/v1", "/openai/v1/responses", Some("/openai/v1")),
            ("/openai", "/openai/v1/responses", None),
            ("", "/v1/messages", None),
        ] {
            assert_eq!(repeated(base, asked), twice, "{base} {asked}");
        }
    }

    #[test]
    fn a_vendors_host_is_of_the_region_it_names() {
        for (host, region, is) in [
            ("bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1", true),
            ("bedrock-runtime.us-west-2.amazonaws.com", "eu-west-1", false),
            ("bedrock-mantle.eu-west-1.api.aws", "eu-west-1", true),
            ("vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com", "eu-west-1", true),
            ("us-central1-aiplatform.googleapis.com", "us-central1", true),
            ("us-central1-aiplatform.googleapis.com", "global", false),
            ("aiplatform.googleapis.com", "global", true),
            ("aiplatform.eu.rep.googleapis.com", "eu", true),
            ("gateway.example.com", "eu-west-1", true),
        ] {
            assert_eq!(is_at(host, region), is, "{host} {region}");
        }
    }
}
