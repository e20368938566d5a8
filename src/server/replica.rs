//! One machine with continuous batching: a queue, a batch, KV memory, and steps that take time.
//!
//! At the end of a step the machine decides what the next one does:
//!
//! 1. If the answers' next tokens do not fit into memory, the sequence that is last in order loses its own, and waits again.
//! 2. Jobs that wait enter in their order, as long as there is a place in the batch, room for their prompts in
//!    memory, and room in the step for reading more prompts.
//! 3. All whose prompts are read get a token, except while a prompt is read alone. Room that is left in the step goes
//!    to the prompts that are not read yet, in the order in which they entered. A prompt's last part brings its job's next token.
//!
//! Who arrives or leaves during a step changes the next one, so a step's time is known when it begins. Steps that differ
//! only by the tokens they add to memory are taken as one [`Stretch`], up to the next mark of a job: a simulated request
//! costs a handful of events whatever its length.
//!
//! The order is that of arrival, or of priority and then of arrival. Every job fits into an empty machine's memory, jobs
//! enter in their order, and the last in it is the one that is put out, so the first always runs to its end: nobody
//! starves, except behind who comes before him by priority.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::latency::{ContinuousBatching, KvFull, Prefill};
use super::limits::Scheduling;
use super::stretch::{Stretch, from_picos, to_picos};
use crate::time::Instant;
use crate::wire::Job;

/// The machine. Tickets ascend in the order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Replica {
    /// The end of the last step that is over, in picoseconds.
    at: u128,
    /// Steps over that gave answers their tokens.
    steps: u64,
    /// What it is at: `None` at rest, or where the next step is to be decided.
    stretch: Option<Stretch>,
    jobs: BTreeMap<u64, Sequence>,
    /// Jobs still in front of the machine, with when they are through.
    arriving: VecDeque<(Instant, u64)>,
    waiting: BTreeSet<Place>,
    running: BTreeSet<Place>,
    /// Those of `running` whose prompt is not read yet, in the order in which they entered.
    prefilling: VecDeque<u64>,
    /// When jobs that decode come to their marks, as a count of `steps`.
    marks: BTreeSet<(u64, u64)>,
    /// At their marks.
    due: VecDeque<u64>,
    /// Given up, and out of the batch when the step under way is over.
    leaving: Vec<u64>,
    /// KV memory taken or reserved, in tokens.
    held: u64,
    /// What the decoding sequences have in KV memory, in tokens.
    context: u64,
    decoding: u64,
}

/// Where a job stands in the machine's order: its rank by the scheduling, and its ticket.
type Place = (i32, u64);

/// A job on a machine.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// What comes before the order of arrival.
    rank: i32,
    /// All of the prompt, in tokens.
    prompt: u64,
    /// What of it a prompt cache serves.
    cached: u64,
    /// Tokens it generates in all, and at most as far as anybody but the model can know.
    total: u32,
    cap: u32,
    mark: u32,
    /// Prompt tokens left to read.
    unread: u64,
    /// Its tokens when its prompt was read last, and the machine's steps then: it decodes since.
    out: u32,
    since: Option<u64>,
}

impl Sequence {
    pub fn new(job: &Job, mark: u32, scheduling: Scheduling) -> Sequence {
        let rank = scheduling.rank(job);
        let prompt = u64::from(job.request.input_tokens);
        let cached = u64::from(job.cached.read).min(prompt);
        let total = job.total();
        let cap = job.request.max_tokens.unwrap_or(total);
        Sequence { rank, prompt, cached, total, cap, mark, unread: 0, out: 0, since: None }
    }

    /// KV memory for the prompt and the longest answer.
    pub fn longest(&self) -> u64 {
        self.prompt + u64::from(self.cap.max(1))
    }

    /// KV memory it takes when it enters: with room for the token that the last of its prompt brings.
    fn room(&self, rules: &ContinuousBatching) -> u64 {
        match rules.kv_full {
            KvFull::Preempt => self.prompt + u64::from(self.out) + 1,
            KvFull::Reserve => self.longest(),
        }
    }

    /// KV memory it takes with `tokens` of its answer, once it decodes.
    fn holds(&self, rules: &ContinuousBatching, tokens: u64) -> u64 {
        match rules.kv_full {
            KvFull::Preempt => self.prompt + tokens,
            KvFull::Reserve => self.longest(),
        }
    }

    fn tokens(&self, steps: u64) -> u64 {
        u64::from(self.out) + self.since.map_or(0, |since| steps - since)
    }

    /// When it comes to its mark.
    fn mark_step(&self) -> Option<u64> {
        self.since.map(|since| since + u64::from(self.mark.saturating_sub(self.out)))
    }
}

impl Replica {
    /// Jobs inside.
    pub fn inside(&self) -> usize {
        self.jobs.len()
    }

    pub fn queued(&self) -> usize {
        self.arriving.len() + self.waiting.len()
    }

    /// A job that is through the server in front at `ready`, never before one that came earlier.
    pub fn offer(&mut self, ready: Instant, ticket: u64, job: Sequence) {
        self.jobs.insert(ticket, job);
        self.arriving.push_back((ready, ticket));
    }

    pub fn deadline(&self) -> Option<Instant> {
        let arrival = self.arriving.front().map(|(ready, _)| *ready);
        match (self.next_end(), arrival) {
            (Some(end), Some(arrival)) => Some(end.min(arrival)),
            (end, arrival) => end.or(arrival),
        }
    }

    /// Lets happen what is due first; the job that has come to its mark, if it was that. An arrival at the end of
    /// a step comes after it.
    pub fn pop(&mut self, rules: &ContinuousBatching) -> Option<u64> {
        let arrival = self.arriving.front().map(|(ready, _)| *ready);
        let end = self.next_end();
        if let Some(ready) = arrival.filter(|ready| end.is_none_or(|end| *ready < end)) {
            self.arrive(rules, ready);
            return None;
        }
        if self.due.is_empty() {
            match self.stretch.take() {
                Some(stretch) => self.execute(rules, stretch),
                None => self.stretch = self.decide(rules),
            }
        }
        self.due.pop_front()
    }

    pub fn go_on(&mut self, ticket: u64, mark: u32) {
        if let Some(job) = self.jobs.get_mut(&ticket) {
            job.mark = mark;
            self.marks.extend(job.mark_step().map(|step| (step, ticket)));
        }
    }

    /// Takes a job out, at once or when the step under way is over.
    pub fn end(&mut self, rules: &ContinuousBatching, now: Instant, ticket: u64) {
        self.cut(now);
        if self.stretch.is_some() && self.place(ticket).is_some_and(|place| self.running.contains(&place)) {
            self.leaving.push(ticket);
        } else {
            self.remove(rules, ticket);
        }
    }

    pub fn sent_by(&self, now: Instant, ticket: u64) -> u32 {
        let Some(job) = self.jobs.get(&ticket) else { return 0 };
        let over = self.stretch.filter(|stretch| stretch.decoding > 0 && job.since.is_some());
        let over = over.map_or(0, |stretch| stretch.over_by(self.at, now));
        job.tokens(self.steps + over).min(u64::from(job.total)) as u32
    }

    /// The time of a step that gives every decoding sequence its next token and reads nothing.
    pub fn gap(&self, rules: &ContinuousBatching) -> Duration {
        from_picos(rules.step(self.decoding, self.context, 0)).since(Instant::START)
    }

    fn place(&self, ticket: u64) -> Option<Place> {
        self.jobs.get(&ticket).map(|job| (job.rank, ticket))
    }

    /// When the stretch is over, or at once where there is one to decide on.
    fn next_end(&self) -> Option<Instant> {
        match self.stretch {
            Some(stretch) => Some(from_picos(self.at.saturating_add(stretch.time(stretch.steps)))),
            None => (self.running.len() + self.waiting.len() > 0).then(|| from_picos(self.at)),
        }
    }

    fn arrive(&mut self, rules: &ContinuousBatching, now: Instant) {
        let Some((_, ticket)) = self.arriving.pop_front() else { return };
        if self.next_end().is_none() {
            self.at = to_picos(now);
        }
        let place = self.place(ticket).expect("who arrives is a job");
        self.waiting.insert(place);
        let is_next = self.waiting.first() == Some(&place);
        if is_next && self.running.len() < rules.batch_max.get() as usize {
            self.cut(now);
        }
    }

    /// The stretch goes on to the end of the step under way.
    fn cut(&mut self, now: Instant) {
        if let Some(stretch) = &mut self.stretch {
            stretch.steps = stretch.begun_by(self.at, now);
        }
        self.stretch = self.stretch.filter(|stretch| stretch.steps > 0);
    }

    /// The stretch is over.
    fn execute(&mut self, rules: &ContinuousBatching, stretch: Stretch) {
        self.at = self.at.saturating_add(stretch.time(stretch.steps));
        if stretch.decoding > 0 {
            let tokens = stretch.decoding * stretch.steps;
            self.steps += stretch.steps;
            self.context += tokens;
            self.held += if rules.kv_full == KvFull::Preempt { tokens } else { 0 };
        }
        let mut read = stretch.prompt.saturating_mul(stretch.steps);
        let mut complete = Vec::new();
        for ticket in &self.prefilling {
            let job = self.jobs.get_mut(ticket).expect("a prompt that is read is a job's");
            let part = read.min(job.unread);
            job.unread -= part;
            read -= part;
            if job.unread > 0 {
                break;
            }
            complete.push(*ticket);
        }
        for ticket in complete {
            self.prefilling.pop_front();
            self.decode(ticket);
        }
        for ticket in std::mem::take(&mut self.leaving) {
            self.remove(rules, ticket);
        }
        while let Some((_, ticket)) = self.marks.first().copied().filter(|(step, _)| *step <= self.steps) {
            self.marks.pop_first();
            self.due.push_back(ticket);
        }
        debug_assert!(self.held <= rules.kv_max(), "the memory never overflows");
    }

    /// A prompt is read: the job has its next token.
    fn decode(&mut self, ticket: u64) {
        let job = self.jobs.get_mut(&ticket).expect("a prompt that is read is a job's");
        job.out += 1;
        job.since = Some(self.steps);
        self.context += job.prompt + u64::from(job.out);
        self.decoding += 1;
        self.marks.extend(job.mark_step().map(|step| (step, ticket)));
    }

    fn remove(&mut self, rules: &ContinuousBatching, ticket: u64) {
        let Some(place) = self.place(ticket) else { return };
        if self.running.contains(&place) {
            self.put_out(rules, place);
        }
        self.jobs.remove(&ticket);
        self.waiting.remove(&place);
        self.arriving.retain(|(_, arriving)| *arriving != ticket);
        self.due.retain(|due| *due != ticket);
    }

    /// Takes a sequence out of the batch; it keeps its tokens and loses its memory.
    fn put_out(&mut self, rules: &ContinuousBatching, place: Place) {
        let (_, ticket) = place;
        let job = self.jobs.get_mut(&ticket).expect("who runs is a job");
        self.running.remove(&place);
        self.prefilling.retain(|other| *other != ticket);
        let step = job.mark_step();
        step.map(|step| self.marks.remove(&(step, ticket)));
        if job.since.is_none() {
            self.held -= job.room(rules);
            return;
        }
        let tokens = job.tokens(self.steps);
        self.held -= job.holds(rules, tokens);
        self.context -= job.prompt + tokens;
        self.decoding -= 1;
        (job.out, job.since) = (tokens as u32, None);
    }

    fn decide(&mut self, rules: &ContinuousBatching) -> Option<Stretch> {
        while self.held.saturating_add(self.growth(rules)) > rules.kv_max() {
            let last = *self.running.last().expect("memory is held by those who run");
            self.put_out(rules, last);
            self.waiting.insert(last);
        }
        self.enter(rules);
        let unread = |ticket: &u64| self.jobs[ticket].unread;
        let front = self.prefilling.front().map(unread);
        let alone = front.filter(|_| rules.prefill == Prefill::Alone);
        let (decoding, room) = match alone {
            Some(_) => (0, u64::from(rules.step_tokens.get())),
            None => (self.decoding, self.room_in_step(rules)),
        };
        let (mut steps, mut prompt, mut sequences) = (u64::MAX, 0, decoding);
        if let Some(front) = front {
            steps = (front / room).max(1);
            let of_step = if alone.is_some() { 1 } else { usize::MAX };
            for unread in self.prefilling.iter().take(of_step).map(unread) {
                if prompt == room {
                    break;
                }
                prompt += unread.min(room - prompt);
                sequences += 1;
            }
        }
        if let Some((mark, _)) = self.marks.first().filter(|_| decoding > 0) {
            steps = steps.min(mark - self.steps);
            let growth = self.growth(rules);
            steps = steps.min((rules.kv_max() - self.held).checked_div(growth).unwrap_or(steps));
        }
        let context = if decoding > 0 { self.context } else { 0 };
        let first = rules.step(sequences, context, prompt);
        let growth = rules.step(sequences, context + decoding, prompt).saturating_sub(first);
        (sequences > 0).then_some(Stretch { steps, first, growth, decoding, prompt })
    }

    /// Lets in who waits: one prompt at a time where prompts are read alone, else as many as the step can begin.
    fn enter(&mut self, rules: &ContinuousBatching) {
        let room = match rules.prefill {
            Prefill::Alone => 1,
            Prefill::Chunked => self.room_in_step(rules),
        };
        let growth = self.growth(rules);
        let mut unread: u64 = self.prefilling.iter().map(|ticket| self.jobs[ticket].unread).sum();
        while unread < room && self.running.len() < rules.batch_max.get() as usize {
            let Some(place) = self.waiting.first().copied() else { break };
            let (_, ticket) = place;
            let job = self.jobs.get_mut(&ticket).expect("who waits is a job");
            let held = self.held.saturating_add(job.room(rules));
            if held.saturating_add(growth) > rules.kv_max() {
                break;
            }
            // All of a prompt may be cached, yet its last token is computed to have the next.
            job.unread = (job.prompt - job.cached + u64::from(job.out)).max(1);
            unread = unread.saturating_add(job.unread);
            self.held = held;
            self.waiting.remove(&place);
            self.running.insert(place);
            self.prefilling.push_back(ticket);
        }
    }

    /// Prompt tokens that fit into a step beside the decodes: one at least, or prompts would never be read.
    fn room_in_step(&self, rules: &ContinuousBatching) -> u64 {
        u64::from(rules.step_tokens.get()).saturating_sub(self.decoding).max(1)
    }

    /// KV memory that one step's tokens take.
    fn growth(&self, rules: &ContinuousBatching) -> u64 {
        if rules.kv_full == KvFull::Preempt { self.decoding } else { 0 }
    }
}
