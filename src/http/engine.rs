//! The mock's endpoints as machines on the real clock: calls in, replies to their callers out.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll};

use rustc_hash::FxHashMap;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::clock::Clock;
use super::hints::Hints;
use super::pacer::{Lateness, Pacer};
use crate::client::lengths::AnyLength;
use crate::client::workload::Class;
use crate::dialects::Generate;
use crate::providers::{Served, Speech};
use crate::rng::{Purpose, Rng};
use crate::server::endpoint::{Action, Endpoint, Event};
use crate::server::limits::Gauge;
use crate::time::Instant;
use crate::wire::{AttemptId, Cached, ClassId, Job, Reply, Request, RequestId};

/// An endpoint of the mock.
#[derive(Clone)]
pub struct Part {
    /// The scenario's name for it: the first segment of its paths.
    pub name: String,
    pub served: Served,
    /// Tells each token: [`crate::server::endpoint::Detail::EachToken`].
    pub machine: Endpoint,
}

/// Everything that is served on one listener.
pub(crate) struct Engine {
    pub clock: Clock,
    pub parts: Vec<Part>,
    state: RefCell<State>,
    /// What [`Engine::keep_time`] sleeps to, and its alarm when something is due before.
    sleeps_until: Cell<Option<Instant>>,
    sooner: Notify,
}

struct State {
    machines: Vec<Machine>,
    lottery: Lottery,
    next_id: u64,
    lateness: Lateness,
    replies: Vec<Action>,
}

struct Machine {
    endpoint: Endpoint,
    callers: FxHashMap<AttemptId, Caller>,
}

struct Caller {
    said: UnboundedSender<Said>,
    is_first: bool,
}

/// A reply on its way to the caller.
pub(crate) struct Said {
    pub at: Instant,
    pub reply: Reply,
    /// What is left of the quotas; with the first reply only.
    pub gauges: Vec<Gauge>,
}

/// A call being served. When it is dropped, the client has gone.
pub(crate) struct Call {
    engine: Rc<Engine>,
    part: usize,
    id: AttemptId,
    said: UnboundedReceiver<Said>,
}

impl Call {
    /// The next reply; `None` when the mock is being shut down.
    pub async fn next(&mut self) -> Option<Said> {
        self.said.recv().await
    }

    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Said>> {
        self.said.poll_recv(cx)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.engine.cancel(self.part, self.id);
    }
}

impl Engine {
    /// `classes` decide the answers to calls that carry no hints.
    pub fn new(parts: Vec<Part>, classes: Vec<Class>, rng: Rng, clock: Clock) -> Engine {
        let machine = |part: &Part| Machine { endpoint: part.machine.clone(), callers: FxHashMap::default() };
        let state = State {
            machines: parts.iter().map(machine).collect(),
            lottery: Lottery::new(classes, rng),
            next_id: FIRST_FOREIGN,
            lateness: Lateness::new(),
            replies: Vec::new(),
        };
        Engine {
            clock,
            parts,
            state: RefCell::new(state),
            sleeps_until: Cell::new(None),
            sooner: Notify::new(),
        }
    }

    /// Offers a call to an endpoint, in a protocol with room for so much.
    pub fn offer(
        self: &Rc<Self>,
        part: usize,
        asked: &Generate,
        speech: Speech,
        hints: Option<Hints>,
    ) -> Call {
        let now = self.clock.now();
        let (sender, said) = unbounded_channel();
        let mut state = self.state.borrow_mut();
        let (id, job) = state.job(part, asked, hints);
        state.machines[part].callers.insert(id, Caller { said: sender, is_first: true });
        state.feed(part, now, Event::Offer(id, speech.ask(job)));
        self.set_alarm(&state);
        Call { engine: Rc::clone(self), part, id, said }
    }

    fn cancel(&self, part: usize, id: AttemptId) {
        let now = self.clock.now();
        let mut state = self.state.borrow_mut();
        if state.machines[part].callers.remove(&id).is_some() {
            state.feed(part, now, Event::Cancel(id));
            self.set_alarm(&state);
        }
    }

    /// Wakes every machine when it wants to be woken; never ends.
    pub async fn keep_time(&self, mut pacer: Pacer) {
        loop {
            let due = self.state.borrow().deadline();
            self.sleeps_until.set(due);
            tokio::select! {
                biased;
                () = pacer.until(due) => self.state.borrow_mut().wake(self.clock.now()),
                () = self.sooner.notified() => {}
            }
        }
    }

    /// How late the machines did what was due.
    pub fn lateness(&self) -> Lateness {
        self.state.borrow().lateness.clone()
    }

    fn set_alarm(&self, state: &State) {
        let (due, planned) = (state.deadline(), self.sleeps_until.get());
        if due.is_some_and(|due| planned.is_none_or(|planned| due < planned)) {
            self.sooner.notify_one();
        }
    }
}

impl State {
    fn deadline(&self) -> Option<Instant> {
        self.machines.iter().filter_map(|machine| machine.endpoint.deadline()).min()
    }

    fn wake(&mut self, now: Instant) {
        for part in 0..self.machines.len() {
            if self.machines[part].endpoint.deadline().is_some_and(|due| due <= now) {
                self.feed(part, now, Event::Wake);
            }
        }
    }

    fn feed(&mut self, part: usize, now: Instant, event: Event) {
        let Machine { endpoint, callers } = &mut self.machines[part];
        if let Some(due) = endpoint.deadline().filter(|due| *due <= now) {
            self.lateness.record(due, now);
        }
        self.replies.extend(endpoint.on_event(now, event));
        for (id, reply) in self.replies.drain(..) {
            // A caller that has left is told nothing.
            let Some(caller) = callers.get_mut(&id) else { continue };
            let is_first = std::mem::replace(&mut caller.is_first, false);
            let gauges = if is_first { endpoint.gauges(now).collect() } else { Vec::new() };
            let is_final = reply.is_final();
            // A caller that is just leaving needs no reply.
            let _ = caller.said.send(Said { at: now, reply, gauges });
            if is_final {
                callers.remove(&id);
            }
        }
    }

    /// The call's id and job. An id that is in use already is not given out twice.
    fn job(&mut self, part: usize, asked: &Generate, hints: Option<Hints>) -> (AttemptId, Job) {
        let own = AttemptId { request: RequestId(self.next_id), nth: 0 };
        let hinted = hints.map(|hints| hints.id).filter(|id| !self.machines[part].callers.contains_key(id));
        let id = hinted.unwrap_or(own);
        self.next_id += u64::from(id == own);
        let (class, answer_tokens, reasoning_tokens) = match hints {
            Some(hints) => (ClassId(0), hints.answer_tokens, hints.reasoning_tokens),
            None => self.lottery.draw(id.request),
        };
        let answer_tokens = answer_tokens.max(asked.min_tokens.saturating_sub(reasoning_tokens));
        let request = Request {
            id: id.request,
            class,
            input_tokens: asked.input_tokens,
            max_tokens: asked.max_tokens,
            stream: asked.stream,
            prefix: None,
        };
        (id, Job { request, answer_tokens, reasoning_tokens, cached: Cached::NONE })
    }
}

/// What calls without hints are given: answers such as the scenario's own requests get.
struct Lottery {
    classes: Vec<Class>,
    /// Running sums of the classes' shares.
    shares: Vec<f64>,
    rng: Rng,
}

impl Lottery {
    fn new(classes: Vec<Class>, rng: Rng) -> Lottery {
        let shares = classes.iter().scan(0.0, |sum, class| {
            *sum += class.share.get();
            Some(*sum)
        });
        Lottery { shares: shares.collect(), classes, rng }
    }

    /// The class, the answer tokens and the reasoning tokens of `request`.
    fn draw(&self, request: RequestId) -> (ClassId, u32, u32) {
        let total = self.shares.last().copied().unwrap_or(0.0);
        let at = self.rng.of(Purpose::Class, request.0, 0).unit() * total;
        let index = self.shares.partition_point(|sum| *sum <= at).min(self.classes.len().saturating_sub(1));
        let class = self.classes.get(index);
        let draw = |purpose, length: Option<&AnyLength>, without| {
            length.map_or(without, |length| length.draw(&mut self.rng.of(purpose, request.0, 0)))
        };
        let output = class.and_then(|class| class.output.as_ref());
        let reasoning = class.and_then(|class| class.reasoning.as_ref());
        (
            ClassId(index as u16),
            draw(Purpose::AnswerLength, output, ANSWER_TOKENS),
            draw(Purpose::Reasoning, reasoning, 0),
        )
    }
}

/// Calls that are not of our plan are numbered from here, far beyond any plan.
const FIRST_FOREIGN: u64 = 1 << 40;

/// The answer where the scenario's classes have no length, because its trace brings them.
const ANSWER_TOKENS: u32 = 100;
