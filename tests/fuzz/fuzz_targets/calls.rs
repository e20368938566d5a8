//! No call, whatever its path and body, makes the mock of any provider panic.
#![no_main]

use http::{HeaderMap, Method};
use libfuzzer_sys::fuzz_target;
use tollgate::providers::{Call, PROVIDERS, Served};

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else { return };
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let (path, body) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
    let Ok(path) = std::str::from_utf8(path) else { return };
    let (name, _) = PROVIDERS[usize::from(*choice) % PROVIDERS.len()];
    let method = if choice & 0x80 == 0 { Method::POST } else { Method::GET };
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let served = Served {
        provider: name.parse().expect("a name of the table"),
        model: "m".into(),
        region: None,
        images: Default::default(), credentials: None,
    };
    let headers = HeaderMap::new();
    let call = Call { method: &method, path, whole_path: path, query, headers: &headers, body };
    let _ = served.read(&call, tollgate::time::Instant::START, 1_795_244_400);
});
