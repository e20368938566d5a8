//! Continuous batching against an independent simulation that takes every step by itself, with no closed form, no marks
//! and no running sums: each job's first and last token at the same nanosecond.

use std::time::Duration;

use proptest::prelude::*;
use tollgate::server::endpoint::Detail;
use tollgate::time::Instant;
use tollgate::wire::{Cached, Job, Reply, Request};

use super::drive::{endpoint, finishes, id, job, offer, play};

/// Times in nanoseconds.
#[derive(Clone, Debug)]
struct Rules {
    instances: usize,
    batch_max: usize,
    overhead: u64,
    itl: u128,
    itl_per_sequence: u128,
    per_1k_kv: u128,
    per_1k_input: u128,
    is_alone: bool,
    step_tokens: u64,
    kv_tokens: u64,
    is_reserved: bool,
    is_by_priority: bool,
}

#[derive(Clone, Debug)]
struct Asked {
    /// Nanoseconds.
    at: u64,
    prompt: u64,
    cached: u64,
    answer: u64,
    cap: u64,
    priority: i32,
}

#[derive(Clone, Debug)]
struct Sequence {
    number: usize,
    ready: u64,
    asked: Asked,
    unread: u64,
    out: u64,
    first: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct Machine {
    /// Picoseconds.
    at: u128,
    outside: Vec<Sequence>,
    inside: Vec<Sequence>,
    step: Option<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    end: u128,
    decoding: Vec<usize>,
    reading: Vec<(usize, u64)>,
}

/// When each job had its first token and its last, in nanoseconds.
fn simulate(rules: &Rules, jobs: &[Asked]) -> Vec<(u64, u64)> {
    let mut machines = vec![Machine::default(); rules.instances];
    let mut ends = vec![(0, 0); jobs.len()];
    for (number, asked) in jobs.iter().enumerate() {
        machines.iter_mut().for_each(|machine| machine.advance(rules, asked.at, &mut ends));
        let least = machines.iter_mut().min_by_key(|machine| machine.outside.len() + machine.inside.len());
        let ready = asked.at + rules.overhead;
        let sequence = Sequence { number, ready, asked: asked.clone(), unread: 0, out: 0, first: None };
        least.expect("there is a machine").outside.push(sequence);
    }
    machines.iter_mut().for_each(|machine| machine.advance(rules, u64::MAX, &mut ends));
    ends
}

impl Machine {
    /// All steps that are over by `now`. What comes at `now` itself may join the next.
    fn advance(&mut self, rules: &Rules, now: u64, ends: &mut [(u64, u64)]) {
        loop {
            if let Some(step) = self.step.take_if(|step| nanos(step.end) <= now) {
                self.end(step, ends);
            }
            if self.step.is_some() {
                return;
            }
            let is_waiting = |sequence: &Sequence| u128::from(sequence.ready) * 1000 <= self.at;
            if self.inside.is_empty() && !self.outside.first().is_some_and(is_waiting) {
                let Some(next) = self.outside.first() else { return };
                self.at = u128::from(next.ready) * 1000;
            }
            if nanos(self.at) >= now {
                return;
            }
            self.step = Some(self.begin(rules));
        }
    }

    fn begin(&mut self, rules: &Rules) -> Step {
        let growth = |inside: &[Sequence]| match rules.is_reserved {
            true => 0,
            false => inside.iter().filter(|sequence| sequence.unread == 0).count() as u64,
        };
        while held(rules, &self.inside) + growth(&self.inside) > rules.kv_tokens {
            let all = self.inside.iter().enumerate();
            let last = all.max_by_key(|(_, sequence)| order(rules, sequence));
            let (place, _) = last.expect("somebody holds it");
            self.outside.push(self.inside.remove(place));
            self.outside.sort_by_key(|sequence| sequence.number);
        }
        let decoding: Vec<usize> = numbers(self.inside.iter().filter(|sequence| sequence.unread == 0));
        let room = rules.step_tokens.saturating_sub(decoding.len() as u64).max(1);
        let begins = if rules.is_alone { 1 } else { room };
        loop {
            let there = self.outside.iter().enumerate();
            let there = there.filter(|(_, sequence)| u128::from(sequence.ready) * 1000 <= self.at);
            let Some((place, next)) = there.min_by_key(|(_, sequence)| order(rules, sequence)) else { break };
            let unread: u64 = self.inside.iter().map(|sequence| sequence.unread).sum();
            if unread >= begins || self.inside.len() >= rules.batch_max {
                break;
            }
            let mut next = next.clone();
            next.unread = (next.asked.prompt - next.asked.cached + next.out).max(1);
            let with = [&self.inside[..], &[next.clone()]].concat();
            if held(rules, &with) + growth(&self.inside) > rules.kv_tokens {
                break;
            }
            self.outside.remove(place);
            self.inside = with;
        }
        let mut unread: Vec<&Sequence> = self.inside.iter().filter(|sequence| sequence.unread > 0).collect();
        let is_pause = rules.is_alone && !unread.is_empty();
        let (decoding, mut left) = if is_pause { (Vec::new(), rules.step_tokens) } else { (decoding, room) };
        unread.truncate(if is_pause { 1 } else { usize::MAX });
        let mut reading = Vec::new();
        for sequence in unread {
            let part = sequence.unread.min(left);
            left -= part;
            reading.extend((part > 0).then_some((sequence.number, part)));
        }
        let memory = self.inside.iter().filter(|sequence| decoding.contains(&sequence.number));
        let memory: u64 = memory.map(|sequence| sequence.asked.prompt + sequence.out).sum();
        let prompt: u64 = reading.iter().map(|(_, part)| part).sum();
        let further = (decoding.len() + reading.len() - 1) as u128;
        let time = 1000 * (rules.itl + rules.itl_per_sequence * further)
            + rules.per_1k_kv * u128::from(memory)
            + rules.per_1k_input * u128::from(prompt);
        Step { end: self.at + time, decoding, reading }
    }

    fn end(&mut self, step: Step, ends: &mut [(u64, u64)]) {
        self.at = step.end;
        for sequence in &mut self.inside {
            let read = step.reading.iter().find(|(number, _)| *number == sequence.number);
            sequence.unread -= read.map_or(0, |(_, part)| *part);
            let is_read = read.is_some() && sequence.unread == 0;
            if is_read || step.decoding.contains(&sequence.number) {
                sequence.out += 1;
                sequence.first.get_or_insert(nanos(step.end));
            }
            if sequence.out == sequence.asked.answer {
                ends[sequence.number] = (sequence.first.expect("it has a token"), nanos(step.end));
            }
        }
        self.inside.retain(|sequence| sequence.out < sequence.asked.answer);
    }
}

/// Who is before whom.
fn order(rules: &Rules, sequence: &Sequence) -> (i32, usize) {
    (if rules.is_by_priority { sequence.asked.priority } else { 0 }, sequence.number)
}

/// KV memory taken or reserved, in tokens: of a prompt under way, with room for the token it brings.
fn held(rules: &Rules, inside: &[Sequence]) -> u64 {
    let of = |Sequence { asked, out, unread, .. }: &Sequence| match (rules.is_reserved, *unread > 0) {
        (true, _) => asked.prompt + asked.cap,
        (false, is_reading) => asked.prompt + out + u64::from(is_reading),
    };
    inside.iter().map(of).sum()
}

fn numbers<'a>(sequences: impl Iterator<Item = &'a Sequence>) -> Vec<usize> {
    sequences.map(|sequence| sequence.number).collect()
}

fn nanos(picos: u128) -> u64 {
    u64::try_from(picos.div_ceil(1000)).expect("times are short")
}

fn rules() -> impl Strategy<Value = Rules> {
    let times = (0..3_000_000u64, 1..20_000_000u128, 0..900_000u128, 0..40_000_000u128, 0..300_000_000u128);
    let counts = (1..4usize, 1..9usize, prop_oneof![1..40u64, 200..9000u64], 1000..4000u64);
    (times, counts, any::<[bool; 3]>()).prop_map(|(times, counts, flags)| {
        let [is_alone, is_reserved, is_by_priority] = flags;
        let (overhead, itl, itl_per_sequence, per_1k_kv, per_1k_input) = times;
        let (instances, batch_max, step_tokens, kv_tokens) = counts;
        Rules {
            instances,
            batch_max,
            overhead,
            itl,
            itl_per_sequence,
            per_1k_kv,
            per_1k_input,
            is_alone,
            step_tokens,
            kv_tokens,
            is_reserved,
            is_by_priority,
        }
    })
}

fn jobs() -> impl Strategy<Value = Vec<Asked>> {
    let gap = prop_oneof![Just(0), 0..30_000_000u64];
    let one = (gap, 0..800u64, 0..5u64, 1..90u64, 0..60u64, -1..2i32);
    prop::collection::vec(one, 1..40).prop_map(|jobs| {
        let asked =
            |at: &mut u64, (gap, prompt, cached, answer, more, priority): (u64, u64, u64, u64, u64, i32)| {
                *at += gap;
                Some(Asked {
                    at: *at,
                    prompt,
                    cached: prompt * cached / 4,
                    answer,
                    cap: answer + more,
                    priority,
                })
            };
        jobs.into_iter().scan(0, asked).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_job_has_its_first_and_its_last_token_when_the_step_by_step_simulation_says(
        rules in rules(), mut jobs in jobs(),
    ) {
        if rules.is_by_priority {
            // Who has entered stays, so of jobs at one instant it matters which is told first.
            jobs.iter_mut().zip(0..).for_each(|(asked, later)| asked.at += later);
        }
        let (prefill, kv_full) =
            (["chunked", "alone"][usize::from(rules.is_alone)], ["preempt", "reserve"][usize::from(rules.is_reserved)]);
        let scheduling = ["fcfs", "priority"][usize::from(rules.is_by_priority)];
        let Rules { instances, batch_max, step_tokens, kv_tokens, .. } = rules;
        let settings = format!(
            "{{ kind = 'continuous_batching', instances = {instances}, batch_max = {batch_max}, overhead = '{}ns', \
             itl = '{}ns', itl_per_sequence = '{}ns', per_1k_kv = '{}ns', per_1k_input = '{}ns', prefill = '{prefill}', \
             step_tokens = {step_tokens}, kv_tokens = {kv_tokens}, kv_full = '{kv_full}', scheduling = '{scheduling}' }}",
            rules.overhead, rules.itl, rules.itl_per_sequence, rules.per_1k_kv, rules.per_1k_input,
        );
        let offers = jobs.iter().enumerate().map(|(number, asked)| {
            let plain = job(number as u64, asked.prompt as u32, asked.answer as u32);
            let request = Request { max_tokens: Some(asked.cap as u32), priority: asked.priority, ..plain.request };
            let cached = Cached { read: asked.cached as u32, ..Cached::NONE };
            offer(Instant::START + Duration::from_nanos(asked.at), Job { request, cached, ..plain })
        });
        let told = play(&mut endpoint(&[], &settings, Detail::Stretches), offers.collect::<Vec<_>>());
        let ends = finishes(&told, jobs.len() as u64);
        let first = |number: usize| {
            let is_first = |(_, of, reply): &&(Instant, _, Reply)| *of == id(number as u64) && matches!(reply, Reply::Tokens(_));
            told.iter().find(is_first).map(|(at, ..)| at.as_nanos())
        };
        for (number, (first_token, last_token)) in simulate(&rules, &jobs).into_iter().enumerate() {
            prop_assert_eq!(first(number), Some(first_token), "first of {}", number);
            prop_assert_eq!(ends[number].map(|at| at.as_nanos()), Some(last_token), "last of {}", number);
        }
    }
}
