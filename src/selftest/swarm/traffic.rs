//! Random arrivals and classes.

use super::draw::{Draw, Shape};
use crate::client::routers::AnyRouter;

/// A table of arrivals, without its head. Where requests are mirrored, none that wait for answers.
pub(super) fn arrivals(draw: &mut Draw, is_mirrored: bool) -> String {
    let rate = draw.from(1, 40);
    match draw.from(0, if is_mirrored { 6 } else { 7 }) {
        0 => format!("kind = \"constant\"\nrate = {rate}\n"),
        1 => format!("kind = \"poisson\"\nrate = {rate}\n"),
        2 => format!("kind = \"gamma\"\nrate = {rate}\ncv = {}.{}\n", draw.from(0, 3), draw.from(1, 9)),
        3 => format!("kind = \"ramp\"\nfrom = {}\nto = {rate}\nover = \"5s\"\n", draw.from(0, 20)),
        4 => format!(
            "kind = \"steps\"\nrepeat = {}\nsteps = [{{ rate = {rate}, for = \"{}s\" }}, {{ rate = {}, for = \"2s\" }}]\n",
            draw.is(50),
            draw.from(1, 4),
            draw.from(0, 60)
        ),
        5 => {
            let bursts = draw.maybe(60, |draw| {
                format!(
                    "bursts = {{ on = \"{}ms\", off = \"{}ms\" }}\n",
                    draw.from(300, 3000),
                    draw.from(300, 3000)
                )
            });
            let gaps = draw.pick(&["\"poisson\"", "\"constant\"", "{ kind = \"weibull\", shape = 0.7 }"]);
            format!(
                "kind = \"modulated\"\nevery = \"2s\"\nrepeat = true\nrates = [{rate}, 5, 12]\ngaps = {gaps}\n{bursts}"
            )
        }
        6 => format!(
            "kind = \"diurnal\"\nrate = {rate}\nprofile = \"{}\"\nstart_hour = {}\n",
            draw.pick(&["business-hours", "global-chat"]),
            draw.from(0, 23)
        ),
        _ => {
            format!("kind = \"closed\"\nusers = {}\nthink = \"{}ms\"\n", draw.from(1, 30), draw.from(0, 2000))
        }
    }
}

/// All classes, and whether some of them come by shared arrivals.
pub(super) fn classes(draw: &mut Draw, shape: &Shape) -> (String, bool) {
    let (mut text, mut is_shared) = (String::new(), false);
    for nth in 0..shape.classes {
        let has_own = draw.is(40);
        is_shared |= !has_own;
        text += &format!("[[classes]]\nname = \"c{nth}\"\n{}", class(draw, shape, nth));
        if !has_own {
            text += &draw.maybe(50, |draw| format!("share = {}\n", draw.from(1, 5)));
        }
        text += &draw.maybe(25, session);
        if has_own {
            text += &format!("[classes.arrivals]\n{}", arrivals(draw, shape.is_mirrored));
        }
    }
    // A conversation has prompts of its own.
    (text.split("[[classes]]\n").map(without_prompt).collect::<Vec<_>>().join("[[classes]]\n"), is_shared)
}

/// A class that has conversations says nothing of prompts.
fn without_prompt(class: &str) -> String {
    let is_told = |line: &&str| {
        !class.contains("session = ") || !(line.starts_with("input = ") || line.starts_with("prefix = "))
    };
    class.lines().filter(is_told).map(|line| format!("{line}\n")).collect()
}

fn class(draw: &mut Draw, shape: &Shape, nth: u64) -> String {
    let timeout = draw.from(500, 30_000);
    let mut text = format!("input = {}\noutput = {}\n", length(draw, 3000), length(draw, 200));
    text += &draw.maybe(40, |draw| match draw.is(50) {
        true => format!("reasoning = {}\n", length(draw, 60)),
        false => "reasoning_share = 0.6\n".into(),
    });
    if shape.is_strict || draw.is(50) {
        text += &format!("max_tokens = {}\n", draw.from(1, 150));
    }
    text += &format!("stream = {}\ntimeout = \"{timeout}ms\"\n", draw.is(70));
    text +=
        &draw.maybe(40, |draw| format!("stall_timeout = \"{}ms\"\n", draw.from(50, timeout.clamp(50, 4000))));
    text += &draw.maybe(40, |draw| {
        let (ttft, e2e) = (draw.from(50, 2000), draw.from(100, 9000));
        format!("slo = {{ ttft = \"{ttft}ms\", e2e = \"{e2e}ms\", tpot = \"30ms\" }}\n")
    });
    text += &draw.maybe(40, |draw| {
        let tokens = draw.from(1, 2500);
        format!("prefix = {{ tokens = {tokens}, groups = {}, skew = 1, ttl = \"short\" }}\n", draw.from(1, 9))
    });
    text += &draw.maybe(40, |draw| format!("priority = {}\n", draw.from(0, 3)));
    text += &draw.maybe(10, |draw| {
        format!("budget = {{ max = \"0.{:02}\", strict = {} }}\n", draw.from(1, 99), shape.is_strict)
    });
    if shape.endpoints > 1 && !shape.is_mirrored {
        text += &draw.maybe(20, |_| format!("exclude = [\"e{}\"]\n", nth % shape.endpoints));
        let others: Vec<&str> = AnyRouter::KINDS.iter().copied().filter(|kind| *kind != "mirror").collect();
        text += &draw.maybe(20, |draw| format!("router = \"{}\"\n", draw.pick(&others)));
    }
    text
}

fn length(draw: &mut Draw, most: u64) -> String {
    match draw.from(0, 4) {
        0 => format!("{{ kind = \"fixed\", tokens = {} }}", draw.from(0, most)),
        1 => format!("{{ kind = \"uniform\", min = {}, max = {most} }}", draw.from(0, most)),
        2 => format!(
            "{{ kind = \"lognormal\", median = {}, sigma = 0.9, max = {} }}",
            draw.from(1, most),
            4 * most
        ),
        3 => format!("{{ kind = \"exponential\", mean = {}, max = {} }}", draw.from(1, most), 8 * most),
        _ => format!("{{ kind = \"empirical\", knots = [[0, 1], [0.5, {}], [1, {most}]] }}", most / 4 + 1),
    }
}

fn session(draw: &mut Draw) -> String {
    let (turns, first, more) = (draw.from(1, 6), length(draw, 900), length(draw, 200));
    let think = draw.from(0, 1500);
    let failure = draw.pick(&["abandon", "go_on"]);
    let system =
        draw.maybe(50, |draw| format!(", system = {{ tokens = {}, groups = 2 }}", draw.from(1, 1500)));
    let context = draw.maybe(30, |draw| format!(", max_context = {}", draw.from(500, 4000)));
    format!(
        "session = {{ kind = \"synthetic\", turns = {{ kind = \"exponential\", mean = {turns}, max = 20 }}, \
         first_input = {first}, new_input = {more}, think = \"{think}ms\", on_failure = \"{failure}\"{system}{context} }}\n"
    )
}
