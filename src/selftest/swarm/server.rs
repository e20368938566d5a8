//! Random endpoints: their limits, latencies, caches and prices.

use super::draw::{Draw, Shape};

/// All endpoints.
pub(super) fn endpoints(draw: &mut Draw, shape: &Shape) -> String {
    let mut text = String::new();
    for nth in 0..shape.endpoints {
        text += &format!(
            "[[endpoints]]\nname = \"e{nth}\"\nprovider = \"azure\"\nmodel = \"m\"\nweight = {}\n",
            draw.from(1, 4)
        );
        // A pool that nobody draws on is a mistake.
        if shape.shares_pool && (nth == 0 || draw.is(60)) {
            text += "pools = [\"shared\"]\n";
        }
        if nth == 0 && shape.endpoints > 1 && !shape.is_mirrored {
            text += &draw.maybe(30, |_| "spillover = \"e1\"\n".into());
        }
        let limits: Vec<String> = (0..draw.from(0, 3)).map(|_| limit(draw)).collect();
        text += &format!("limits = [{}]\nlatency = {}\n", limits.join(", "), latency(draw));
        if draw.is(40) {
            text += &shape.cache;
        }
        text += &price(draw);
    }
    text
}

/// The quota that endpoints share.
pub(super) fn pools(draw: &mut Draw, shape: &Shape) -> String {
    if !shape.shares_pool {
        return String::new();
    }
    let (first, second) = (limit(draw), limit(draw));
    // Places are an endpoint's own, and a pool has something to share.
    let mut limits = vec![first, second];
    limits.retain(|limit| !limit.contains("concurrency"));
    if limits.is_empty() {
        limits.push("{ kind = \"requests\", per_minute = 600 }".into());
    }
    format!("[[pools]]\nname = \"shared\"\nlimits = [{}]\n", limits.join(", "))
}

/// A prompt cache: one of its own for each endpoint, or one that they share.
pub(super) fn cache(draw: &mut Draw) -> String {
    let name = draw.maybe(40, |_| "name = \"one\", ".into());
    let entries = draw.maybe(30, |draw| format!(", entries_max = {}", draw.from(1, 9)));
    let (ttl, least) = (draw.from(1, 20), draw.from(0, 1200));
    let step = draw.pick(&["1", "128"]);
    let (slides, counts) = (draw.is(50), draw.is(50));
    format!(
        "cache = {{ {name}ttl = \"{ttl}s\", min_tokens = {least}, step = {step}, sliding = {slides}, \
         counts_writes = {counts}{entries} }}\n"
    )
}

fn price(draw: &mut Draw) -> String {
    let hourly = draw.maybe(20, |draw| format!(", per_hour = \"{}\"", draw.from(1, 90)));
    let long = draw.maybe(20, |draw| {
        format!(", long_context = [{{ above = {}, input = \"4\", output = \"12.5\" }}]", draw.from(100, 2000))
    });
    format!(
        "price = {{ input = \"2\", cache_read = \"0.2\", cache_write = \"2.5\", output = \"8.000001\"{hourly}{long} }}\n"
    )
}

fn limit(draw: &mut Draw) -> String {
    let count_refused = draw.is(20);
    match draw.from(0, 11) {
        0 => format!(
            "{{ kind = \"requests\", per_minute = {}, burst = {}, count_refused = {count_refused} }}",
            draw.from(10, 3000),
            draw.from(1, 60)
        ),
        1 => {
            let window = draw.pick(&["minute", "second", "ten_seconds", "day"]);
            format!("{{ kind = \"requests\", per_minute = {}, window = \"{window}\" }}", draw.from(60, 3000))
        }
        2 => format!(
            "{{ kind = \"tokens\", per_minute = {}, burst = {} }}",
            draw.from(1_000, 900_000),
            draw.from(100, 60_000)
        ),
        3 => format!(
            "{{ kind = \"tokens\", per_minute = {}, window = \"{}\", settled = {{ output = 5 }}, count_refused = {count_refused} }}",
            draw.from(10_000, 900_000),
            draw.pick(&["minute", "ten_seconds"])
        ),
        4 => format!(
            "{{ kind = \"tokens\", per_minute = {}, burst = {}, room = \"below\", \
             offered = {{ cache_read = 0, max_tokens = 0 }}, settled = {{ cache_read = 0, output = 8 }} }}",
            draw.from(10_000, 900_000),
            draw.from(100, 60_000)
        ),
        5 => {
            let ends = draw.pick(&["cut", "refuse_new"]);
            format!(
                "{{ kind = \"tokens\", per_minute = {}, burst = {}, room = \"below\", meter = \"as_produced\", \
                 on_exhausted = \"{ends}\", offered = {{ input = 0, max_tokens = 0 }} }}",
                draw.from(500, 60_000),
                draw.from(10, 3000)
            )
        }
        6 => {
            let scheduling = draw.pick(&["fcfs", "priority"]);
            format!(
                "{{ kind = \"concurrency\", max = {}, queue_max = {}, scheduling = \"{scheduling}\" }}",
                draw.from(1, 20),
                draw.from(0, 30)
            )
        }
        7 => format!("{{ kind = \"context\", max = {} }}", draw.from(500, 9000)),
        8 => {
            let breaks = draw.pick(&["true", "false", "\"error\""]);
            let (from, lasts) = (draw.from(0, 8000), draw.from(1, 4000));
            format!(
                "{{ kind = \"outage\", windows = [{{ from = \"{from}ms\", for = \"{lasts}ms\" }}], break_streams = {breaks} }}"
            )
        }
        9 => format!(
            "{{ kind = \"outage\", random = {{ mean_up = \"{}ms\", mean_down = \"{}ms\" }}, status = {}, break_streams = {} }}",
            draw.from(1000, 5000),
            draw.from(10, 2000),
            draw.pick(&["429", "503", "529"]),
            draw.is(50)
        ),
        10 => format!(
            "{{ kind = \"shared_capacity\", counts = \"{}\", median_per_minute = {}, sigma = 0.{}, status = {}, lasts = \"1s\" }}",
            draw.pick(&["requests", "input"]),
            draw.from(100, 9000),
            draw.from(1, 9),
            draw.pick(&["429", "503"])
        ),
        _ => format!(
            "{{ kind = \"ramp\", counts = \"requests\", floor = {}, growth = 0.5, span = \"1m\", over = \"{}\" }}",
            draw.from(10, 300),
            draw.pick(&["refuse", "downgrade"])
        ),
    }
}

fn latency(draw: &mut Draw) -> String {
    let (first, gap) = (draw.from(1, 900), draw.from(0, 40));
    match draw.from(0, 4) {
        0 => format!("{{ kind = \"fixed\", ttft = \"{first}ms\", itl = \"{gap}ms\" }}"),
        1 => format!(
            "{{ kind = \"lognormal\", ttft_median = \"{first}ms\", ttft_sigma = 0.8, itl = \"{gap}ms\", itl_sigma = 0.3, \
             per_1k_input = \"{}ms\" }}",
            draw.from(0, 90)
        ),
        2 => format!(
            "{{ kind = \"loaded\", capacity = {}, slope = 1.5, \
             base = {{ ttft_median = \"{first}ms\", ttft_sigma = 0.5, itl = \"{gap}ms\" }} }}",
            draw.from(1, 9)
        ),
        _ => {
            let (prefill, full) = (draw.pick(&["alone", "chunked"]), draw.pick(&["preempt", "reserve"]));
            let scheduling = draw.pick(&["fcfs", "priority"]);
            let kv = draw.maybe(70, |draw| format!("kv_tokens = {}, ", draw.from(3000, 20_000)));
            format!(
                "{{ kind = \"continuous_batching\", instances = {}, batch_max = {}, queue_max = {}, itl = \"{}ms\", \
                 itl_per_sequence = \"2ms\", per_1k_kv = \"1ms\", per_1k_input = \"50ms\", {kv}step_tokens = {}, \
                 prefill = \"{prefill}\", kv_full = \"{full}\", scheduling = \"{scheduling}\" }}",
                draw.from(1, 3),
                draw.from(1, 12),
                draw.from(0, 30),
                draw.from(1, 30),
                draw.from(64, 2048)
            )
        }
    }
}
