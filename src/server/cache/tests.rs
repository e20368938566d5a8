//! Hits and misses exact to the nanosecond, and hit shares against their closed forms.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::rng::{Purpose, Rng};
use crate::wire::{Beginnings, ClassId, Request, RequestId};

const MINUTE: Duration = Duration::from_secs(60);
const NANO: Duration = Duration::from_nanos(1);

fn settings(text: &str) -> CacheSettings {
    let table: toml::Table = toml::from_str(&format!("cache = {text}")).unwrap();
    table["cache"].clone().try_into().unwrap()
}

fn cache(text: &str) -> Cache {
    Cache::new(&settings(text))
}

fn at(span: Duration) -> Instant {
    Instant::START + span
}

fn prompt(prefixes: &[Prefix]) -> Job {
    let request = Request {
        id: RequestId(0),
        class: ClassId(0),
        priority: 0,
        input_tokens: prefixes.last().map_or(0, |longest| longest.tokens) + 100,
        max_tokens: None,
        stream: true,
        beginnings: Beginnings::new(prefixes.to_vec()),
        content: Default::default(),
    };
    Job { request, answer_tokens: 10, reasoning_tokens: 0, cached: Cached::NONE }
}

fn job(prefix: Prefix) -> Job {
    prompt(&[prefix])
}

fn prefix(id: u64, tokens: u32) -> Prefix {
    Prefix { id, tokens, is_long: false, is_stored: true }
}

/// A job comes, is let in, and its first token is out at once.
fn play(cache: &mut Cache, now: Instant, prefix: Prefix) -> Cached {
    play_all(cache, now, &[prefix])
}

fn play_all(cache: &mut Cache, now: Instant, prefixes: &[Prefix]) -> Cached {
    let mut job = prompt(prefixes);
    job.cached = cache.look_up(now, &job);
    cache.admit(now, &job);
    let cached = job.cached;
    cache.store_for(now, &Admitted { at: now, job: Box::new(job), tier: None });
    cached
}

fn read(tokens: u32) -> Cached {
    Cached { read: tokens, ..Cached::NONE }
}

fn write(tokens: u32) -> Cached {
    Cached { write: tokens, ..Cached::NONE }
}

#[test]
fn a_prefix_is_read_until_its_time_is_over_and_not_a_nanosecond_longer() {
    for (after, expected) in [(5 * MINUTE, read(2000)), (5 * MINUTE + NANO, write(2000))] {
        let mut cache = cache("'anthropic'");
        assert_eq!(play(&mut cache, at(MINUTE), prefix(1, 2000)), write(2000));
        assert_eq!(play(&mut cache, at(MINUTE + after), prefix(1, 2000)), expected);
        assert_eq!(play(&mut cache, at(MINUTE + after), prefix(2, 2000)), write(2000));
    }
}

#[test]
fn a_read_begins_the_time_anew_where_it_slides() {
    for (sliding, expected) in [(true, read(2000)), (false, write(2000))] {
        let mut cache = cache(&format!("{{ preset = 'anthropic', sliding = {sliding} }}"));
        play(&mut cache, at(Duration::ZERO), prefix(1, 2000));
        assert_eq!(play(&mut cache, at(4 * MINUTE), prefix(1, 2000)), read(2000));
        assert_eq!(play(&mut cache, at(9 * MINUTE), prefix(1, 2000)), expected);
    }
}

#[test]
fn a_long_prefix_lives_for_hours_and_is_written_apart() {
    let long = Prefix { is_long: true, ..prefix(1, 2000) };
    let mut own = cache("'anthropic'");
    assert_eq!(play(&mut own, at(Duration::ZERO), long), Cached { write_long: 2000, ..Cached::NONE });
    assert_eq!(play(&mut own, at(60 * MINUTE), long), read(2000));
    // A cache that knows one time only writes what it always writes.
    let mut short = cache("{ ttl = '5m', counts_writes = true }");
    assert_eq!(play(&mut short, at(Duration::ZERO), long), write(2000));
    assert_eq!(play(&mut short, at(5 * MINUTE + NANO), long), write(2000));
}

#[test]
fn what_is_kept_for_hours_stays_so_where_a_longer_text_is_kept_for_minutes() {
    let mut cache = cache("'anthropic'");
    play(&mut cache, at(Duration::ZERO), Prefix { is_long: true, ..prefix(1, 2000) });
    let grown = Cached { read: 2000, write: 1000, ..Cached::NONE };
    assert_eq!(play(&mut cache, at(MINUTE), prefix(1, 3000)), grown);
    assert_eq!(play(&mut cache, at(50 * MINUTE), prefix(1, 2000)), read(2000));
    assert_eq!(
        play(&mut cache, at(110 * MINUTE), prefix(1, 2000)),
        read(2000),
        "each read begins the hour anew"
    );
}

/// OpenAI's guide: from 1024 tokens on, in steps of 128, and writes cost nothing.
#[test]
fn openai_reads_in_steps_and_counts_no_writes() {
    for (tokens, expected) in [(1023, 0), (1024, 1024), (2006, 1920)] {
        let mut cache = cache("'openai'");
        assert_eq!(play(&mut cache, at(MINUTE), prefix(1, tokens)), Cached::NONE);
        assert_eq!(play(&mut cache, at(MINUTE), prefix(1, tokens)), read(expected));
        assert_eq!(cache.is_empty(), expected == 0);
    }
}

#[test]
fn a_longer_prompt_reads_what_is_there_and_writes_the_rest() {
    let mut cache = cache("'anthropic'");
    play(&mut cache, at(MINUTE), prefix(1, 2000));
    let extended = Cached { read: 2000, write: 50, write_long: 0 };
    assert_eq!(play(&mut cache, at(MINUTE), prefix(1, 2050)), extended);
    assert_eq!(play(&mut cache, at(MINUTE), prefix(1, 2050)), read(2050));
    assert_eq!(play(&mut cache, at(MINUTE), prefix(1, 1500)), read(1500));
}

#[test]
fn what_is_stored_is_read_from_its_first_token_on_and_lives_from_when_it_was_asked() {
    let mut cache = cache("'anthropic'");
    let first = job(prefix(1, 2000));
    assert_eq!(cache.look_up(at(Duration::ZERO), &first), write(2000));
    // Another comes before the first token of the first: it stores it too.
    assert_eq!(cache.look_up(at(MINUTE), &first), write(2000));
    cache.store_for(
        at(2 * MINUTE),
        &Admitted { at: at(Duration::ZERO), job: Box::new(first.clone()), tier: None },
    );
    assert_eq!(cache.look_up(at(5 * MINUTE), &first), read(2000));
    assert_eq!(cache.look_up(at(5 * MINUTE + NANO), &first), write(2000));
}

#[test]
fn a_look_alone_changes_nothing() {
    let mut cache = cache("'anthropic'");
    play(&mut cache, at(Duration::ZERO), prefix(1, 2000));
    assert_eq!(cache.look_up(at(4 * MINUTE), &job(prefix(1, 2000))), read(2000));
    assert_eq!(cache.look_up(at(4 * MINUTE), &job(prefix(2, 2000))), write(2000));
    assert_eq!(cache.look_up(at(5 * MINUTE + NANO), &job(prefix(1, 2000))), write(2000));
}

#[test]
fn clones_are_one_cache() {
    let mut one = cache("'anthropic'");
    let mut other = one.clone();
    play(&mut one, at(MINUTE), prefix(1, 2000));
    assert_eq!(play(&mut other, at(MINUTE), prefix(1, 2000)), read(2000));
}

#[test]
fn memory_is_that_of_what_is_alive() {
    let mut cache = cache("'anthropic'");
    for second in 0..10_000 {
        play(&mut cache, at(Duration::from_secs(second)), prefix(second, 2000));
        // Used again at each turn, it stays without a second appointment.
        play(&mut cache, at(Duration::from_secs(second)), prefix(u64::MAX, 2000));
    }
    assert_eq!((cache.len(), cache.store().ends.len()), (302, 302));
    assert_eq!(play(&mut cache, at(Duration::from_secs(10_000)), prefix(u64::MAX, 2000)), read(2000));
}

#[test]
fn a_full_cache_lets_go_what_would_expire_first() {
    let mut cache = cache("{ preset = 'anthropic', entries_max = 2 }");
    for (minute, id) in [(0, 1), (1, 2), (2, 1), (3, 3)] {
        play(&mut cache, at(minute * MINUTE), prefix(id, 2000));
    }
    let now = at(3 * MINUTE);
    let held = [1, 2, 3].map(|id| cache.look_up(now, &job(prefix(id, 2000))).read > 0);
    assert_eq!((held, cache.len()), ([true, false, true], 2));
}

#[test]
fn a_prompt_of_several_beginnings_reads_the_longest_and_stores_those_it_is_told_to() {
    let mark = |id, tokens, is_long, is_stored| Prefix { id, tokens, is_long, is_stored };
    let mut cache = cache("'anthropic'");
    // One hour up to 2000, five minutes up to 3000.
    let first = [mark(1, 1500, false, false), mark(2, 2000, true, true), mark(3, 3000, false, true)];
    let expected = Cached { read: 0, write: 1000, write_long: 2000 };
    assert_eq!(play_all(&mut cache, at(MINUTE), &first), expected);
    let second = [mark(2, 2000, true, false), mark(4, 2500, false, true)];
    let expected = Cached { read: 2000, write: 500, write_long: 0 };
    assert_eq!(play_all(&mut cache, at(MINUTE), &second), expected);
    // At the end of 1500 nothing was stored.
    assert_eq!(play_all(&mut cache, at(MINUTE), &[mark(1, 1500, false, true)]), write(1500));
    let expected = Cached { read: 2000, write: 1000, write_long: 0 };
    assert_eq!(play_all(&mut cache, at(7 * MINUTE), &first), expected);
}

/// A system prompt of 2000 tokens, and a conversation that grows by 500 each turn.
#[test]
fn a_turn_reads_the_conversation_so_far_and_writes_what_is_new() {
    let turn = |conversation, nth: u32| [prefix(1, 2000), prefix(conversation, 2000 + 500 * nth)];
    let mut cache = cache("'anthropic'");
    assert_eq!(play_all(&mut cache, at(Duration::ZERO), &turn(7, 1)), write(2500));
    let expected = Cached { read: 2500, write: 500, write_long: 0 };
    assert_eq!(play_all(&mut cache, at(4 * MINUTE), &turn(7, 2)), expected);
    // Another conversation has only the system prompt in common, which the turn before has used.
    let expected = Cached { read: 2000, write: 500, write_long: 0 };
    assert_eq!(play_all(&mut cache, at(8 * MINUTE), &turn(8, 1)), expected);
    // The user thinks for more than five minutes: the system prompt was used meanwhile, the conversation was not.
    let expected = Cached { read: 2000, write: 1500, write_long: 0 };
    assert_eq!(play_all(&mut cache, at(9 * MINUTE + NANO), &turn(7, 3)), expected);
    // An edit after the second turn: another text that goes on from there.
    let edited = [prefix(1, 2000), prefix(7, 3000), prefix(9, 4000)];
    let expected = Cached { read: 3000, write: 1000, write_long: 0 };
    assert_eq!(play_all(&mut cache, at(10 * MINUTE), &edited), expected);
}

#[test]
fn a_read_of_part_of_a_text_begins_its_time_anew() {
    let mut cache = cache("'anthropic'");
    let turn = |tokens| [prefix(1, 2000), prefix(7, tokens)];
    play_all(&mut cache, at(Duration::ZERO), &turn(2500));
    // Admitted, and given up before its first token: it has read, and stores nothing.
    let mut given_up = prompt(&turn(4000));
    given_up.cached = cache.look_up(at(4 * MINUTE), &given_up);
    cache.admit(at(4 * MINUTE), &given_up);
    let expected = Cached { read: 2500, write: 1500, write_long: 0 };
    assert_eq!(play_all(&mut cache, at(9 * MINUTE), &turn(4000)), expected);
}

#[test]
fn of_more_breakpoints_than_four_the_last_are_stored() {
    let prompt: Vec<_> = (1..=6).map(|id| prefix(id, 1000 * id as u32 + 1000)).collect();
    for (preset, first) in [("'anthropic'", 0), ("'openai-5.6'", 0), ("{ ttl = '5m' }", 2000)] {
        let mut cache = cache(preset);
        play_all(&mut cache, at(MINUTE), &prompt);
        let reads: Vec<_> =
            prompt.iter().map(|prefix| cache.look_up(at(MINUTE), &job(*prefix)).read).collect();
        let second = first * 3 / 2;
        assert_eq!(reads, [first, second, 4000, 5000, 6000, 7000], "{preset}");
    }
}

#[test]
fn a_mocks_cache_has_a_bound() {
    assert_eq!(cache("'anthropic'").bounded().settings().entries_max, Some(ENTRIES_MAX));
    let set = cache("{ preset = 'anthropic', entries_max = 2 }");
    assert_eq!(set.bounded().settings().entries_max, Some(2));
}

/// A cache as a child would build it: whole texts, each with the last instant at which it can be read.
#[derive(Default)]
struct Naive(Vec<(String, Instant)>);

impl Naive {
    /// Letters of `text` that it begins with and that are held; they live on, and all of `text` is held.
    fn play(&mut self, now: Instant, text: &str) -> usize {
        self.0.retain(|(_, end)| *end >= now);
        let common = |held: &str| held.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
        let read = self.0.iter().map(|(held, _)| common(held)).max().unwrap_or(0);
        let end = now + 5 * MINUTE;
        // A text that is read lives on as far as it was read, and so does all that it begins with.
        let used = [&text[..read], text].map(|text| (text.to_string(), end));
        self.0.extend(used);
        read
    }
}

/// Plays prompts on both; what the machine reads and writes is what the naive cache does.
fn agree(plays: impl IntoIterator<Item = (Duration, Vec<Prefix>)>) -> Result<(), TestCaseError> {
    let mut cache = cache("{ ttl = '5m', min_tokens = 0, counts_writes = true }");
    let (mut naive, mut now) = (Naive::default(), at(Duration::ZERO));
    for (gap, prompt) in plays {
        now = now + gap;
        let mut text = String::new();
        for Prefix { id, tokens, .. } in &prompt {
            let letter = char::from(b'a' + *id as u8);
            text.extend(std::iter::repeat_n(letter, *tokens as usize - text.len()));
        }
        let cached = play_all(&mut cache, now, &prompt);
        let read = naive.play(now, &text) as u32;
        prop_assert_eq!((cached.read, cached.write), (read, text.len() as u32 - read), "{:?}", prompt);
    }
    Ok(())
}

proptest! {
    /// Texts are paths in a random tree: each node goes on from one before it, after any number of its tokens.
    #[test]
    fn hits_are_those_of_a_cache_that_keeps_whole_texts(
        nodes in prop::collection::vec((any::<Index>(), 1u32..6), 0..12),
        plays in prop::collection::vec((any::<Index>(), 1u32..9), 1..60),
    ) {
        let mut stems = vec![Vec::new()];
        let grown = |stems: &[Vec<Prefix>], node: usize, tokens: u32| {
            let mut prompt = stems[node].clone();
            let end = prompt.last().map_or(0, |last: &Prefix| last.tokens);
            prompt.push(prefix(node as u64, end + tokens));
            prompt
        };
        for (parent, tokens) in nodes {
            stems.push(grown(&stems, parent.index(stems.len()), tokens));
        }
        let prompt = |(node, tokens): (Index, u32)| grown(&stems, node.index(stems.len()), tokens);
        agree(plays.into_iter().map(|play| (Duration::ZERO, prompt(play))))?;
    }

    /// Conversations below two system prompts grow turn by turn, and pause for longer than caches keep them.
    #[test]
    fn turns_after_pauses_read_what_a_cache_of_whole_texts_has_left(
        turns in prop::collection::vec((0u64..6, 1u32..9, 0u64..400), 1..80),
    ) {
        let mut lengths = [10; 6];
        agree(turns.into_iter().map(|(conversation, tokens, seconds)| {
            let length = &mut lengths[conversation as usize];
            *length += tokens;
            let prompt = vec![prefix(conversation % 2, 10), prefix(2 + conversation, *length)];
            (Duration::from_secs(seconds), prompt)
        }))?;
    }
}

/// Reads among Poisson arrivals of `rate` per second over `groups` equally likely prefixes, `n` of them.
fn hit_share(cache: &mut Cache, rate: f64, groups: u64, n: u64) -> f64 {
    let (rng, mut now, mut hits) = (Rng::new(7), 0.0, 0u64);
    for key in 0..n {
        let mut draws = rng.of(Purpose::Arrival, key, 0);
        now += draws.exponential() / rate;
        let group = draws.below(groups);
        hits += u64::from(play(cache, Instant::from_secs_f64(now), prefix(group, 2000)).read > 0);
    }
    hits as f64 / n as f64
}

/// A sliding time to live T is met if the gap before a use is at most T: 1 − e^(−rT) of Poisson uses at rate r. Gaps
/// are independent, so the share of n uses lies within 4.5 √(p(1−p)/n) of it (false alarm 7 in a million, seed fixed);
/// the first use of each prefix, a sure miss, adds groups / n.
#[test]
fn poisson_reuse_has_the_hit_share_of_its_closed_form() {
    const N: u64 = 100_000;
    for (rate, groups) in [(0.005, 1), (0.02, 4), (0.001, 1)] {
        let each = rate / groups as f64;
        let truth = 1.0 - f64::exp(-each * 300.0);
        let share = hit_share(&mut cache("'anthropic'"), rate, groups, N);
        let bound = 4.5 * (truth * (1.0 - truth) / N as f64).sqrt() + groups as f64 / N as f64;
        assert!((share - truth).abs() < bound, "{share} is not {truth} ± {bound}");
    }
}

/// Without sliding, a write is followed by the Poisson number of uses in T, mean rT, all reads; then comes the next
/// write. So of 1 + rT uses rT are reads: rT / (1 + rT). Over n uses there are about n / (1 + rT) cycles whose reads
/// have variance rT; by the delta method the share has the standard error √(rT / (n (1 + rT)³)).
#[test]
fn without_sliding_the_hit_share_is_that_of_a_renewal_process() {
    const N: u64 = 100_000;
    for rate in [0.002, 0.01, 0.05] {
        let mean = rate * 300.0;
        let truth = mean / (1.0 + mean);
        let share = hit_share(&mut cache("{ preset = 'anthropic', sliding = false }"), rate, 1, N);
        // The last cycle is cut off: it adds one write too many at most.
        let bound = 4.5 * (mean / (N as f64 * (1.0 + mean).powi(3))).sqrt() + 1.0 / N as f64;
        assert!((share - truth).abs() < bound, "{share} is not {truth} ± {bound}");
    }
}

/// With writes at w and reads at r times the input price, a use costs h·r + (1 − h)·w at the hit share h, and 1
/// without a cache. So caching pays from h = (w − 1) / (w − r) on: 0.25 / 1.15 for five minutes of Anthropic's, 1 / 1.9
/// for an hour. For Poisson uses and a sliding time T that is a use every T / ln((w − r) / (1 − r)).
#[test]
fn the_write_premium_pays_from_its_break_even_on() {
    for (write, read, ttl, share, every_secs) in
        [(1.25, 0.1, 300.0, 0.2174, 1223.9), (2.0, 0.1, 3600.0, 0.5263, 4817.8)]
    {
        let break_even: f64 = (write - 1.0) / (write - read);
        assert!((break_even - share).abs() < 1e-4);
        let every: f64 = ttl / f64::ln((write - read) / (1.0 - read));
        assert!((every - every_secs).abs() < 0.1, "{every}");
        assert!((1.0 - f64::exp(-ttl / every) - break_even).abs() < 1e-12);
        // A tenth to either side decides, in the machine as on paper.
        let preset = if ttl > 300.0 { "{ preset = 'anthropic', ttl = '1h' }" } else { "'anthropic'" };
        for (factor, pays) in [(0.9, true), (1.1, false)] {
            let hits = hit_share(&mut cache(preset), 1.0 / (every * factor), 1, 100_000);
            assert_eq!(hits * read + (1.0 - hits) * write < 1.0, pays, "{hits}");
        }
    }
}
