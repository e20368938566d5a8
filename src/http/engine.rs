//! The mock's endpoints as machines on the real clock: calls in, replies to their callers out.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use http::HeaderMap;
use rustc_hash::FxHashMap;
use tokio::sync::Notify;

use super::clock::Clock;
use super::hints::Hints;
use super::log::{Arrival, CallLog};
use super::lottery::Lottery;
use super::mailbox::Mailbox;
use super::pacer::{Lateness, Pacer};
use super::server::{Writes, segment};
use crate::dialects::Generate;
use crate::dialects::beginning::{self, Ends};
use crate::providers::{Served, Speech, Terms};
use crate::server::cache::{Breakpoints, CacheSettings};
use crate::server::cloud::{Action, Cloud, Spill};
use crate::server::limits::Gauge;
use crate::time::Instant;
use crate::wire::{AttemptId, Beginnings, Cached, ClassId, Job, Reply, Request, RequestId, Tier};

/// An endpoint of the mock.
#[derive(Clone)]
pub(crate) struct Part {
    /// The scenario's name for it.
    pub name: String,
    /// The first segment of its paths: its name.
    pub segment: String,
    pub served: Served,
    /// The same, open to all unless certain keys are asked for.
    pub open: Served,
    /// The part that it is set up to spill to.
    pub spillover: Option<usize>,
    /// What is said in each dialect of its provider's.
    speeches: Vec<(&'static str, Speech)>,
}

impl Part {
    pub fn new(name: String, served: Served, spillover: Option<usize>) -> Part {
        let credentials = served.credentials.clone().or(Some(Vec::new()));
        let provider = served.provider.get();
        let speeches = provider.dialects().iter().map(|dialect| (*dialect, provider.speech(dialect)));
        Part {
            segment: segment(&name),
            name,
            open: Served { credentials, ..served.clone() },
            spillover,
            speeches: speeches.collect(),
            served,
        }
    }

    pub fn speech(&self, dialect: &str) -> Speech {
        let known = self.speeches.iter().find(|(known, _)| *known == dialect);
        known.expect("a provider is asked in a dialect of its own").1
    }
}

/// Everything that is served on one listener.
pub(crate) struct Engine {
    pub clock: Clock,
    pub parts: Vec<Part>,
    pub writes: Writes,
    state: RefCell<State>,
    /// What [`Engine::keep_time`] sleeps to, and its alarm when something is due before.
    sleeps_until: Cell<Option<Instant>>,
    sooner: Notify,
}

struct State {
    /// Its endpoints are the parts, each telling each token: [`crate::server::endpoint::Detail::EachToken`].
    cloud: Cloud,
    callers: FxHashMap<AttemptId, Caller>,
    lottery: Lottery,
    next_id: u64,
    /// Room for what the cloud says, empty.
    actions: Vec<Action>,
    lateness: Lateness,
    log: Option<CallLog>,
    /// Why the log is incomplete.
    log_failure: Option<io::Error>,
}

struct Caller {
    said: Rc<Mailbox<Said>>,
    /// Until the first reply.
    coming: Option<Box<Coming>>,
}

/// What is known of a call before its first reply.
struct Coming {
    part: usize,
    speech: Speech,
    /// For the log, where there is one.
    job: Option<Job>,
    came: Came,
}

/// How a call was let in.
#[derive(Clone, Copy)]
pub(crate) struct Came {
    /// When it was there, its way included.
    pub at: Instant,
    /// What the endpoint's prompt cache does for it.
    pub cached: Cached,
    /// The tier that serves it, where it is another than was asked for.
    pub tier: Option<Tier>,
}

/// A reply on its way to the caller.
pub(crate) struct Said {
    pub at: Instant,
    pub reply: Reply,
    /// With the first reply.
    opening: Option<Box<Opening>>,
}

/// What is told once, with the first reply.
pub(crate) struct Opening {
    /// The part whose reply it is.
    pub by: usize,
    pub came: Came,
    /// With which status the part that it was passed on to refused it as well.
    pub other_status: Option<u16>,
    /// What is left of the quotas.
    pub gauges: Vec<Gauge>,
}

/// A call being served. When it is dropped, the client has gone.
pub(crate) struct Call {
    engine: Rc<Engine>,
    part: usize,
    id: AttemptId,
    said: Rc<Mailbox<Said>>,
    is_over: bool,
}

impl Call {
    /// The first reply.
    pub async fn first(&mut self) -> (Said, Box<Opening>) {
        let mut said = poll_fn(|cx| self.poll_next(cx)).await;
        let opening = said.opening.take().expect("the first reply comes with it");
        (said, opening)
    }

    /// The next reply; there is one until the final one.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Said> {
        let said = self.said.poll_take(cx);
        if let Poll::Ready(said) = &said {
            self.is_over |= said.reply.is_final();
        }
        said
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.is_over {
            self.engine.cancel(self);
        }
    }
}

impl Engine {
    /// `parts` and the endpoints of `cloud` go by the same positions; `lottery` has the answers to calls that carry
    /// no hints.
    pub fn new(
        parts: Vec<Part>,
        cloud: Cloud,
        lottery: Lottery,
        clock: Clock,
        writes: Writes,
        log: Option<CallLog>,
    ) -> Engine {
        let state = State {
            cloud,
            callers: FxHashMap::default(),
            lottery,
            next_id: FIRST_FOREIGN,
            actions: Vec::new(),
            lateness: Lateness::new(),
            log,
            log_failure: None,
        };
        Engine {
            clock,
            parts,
            writes,
            state: RefCell::new(state),
            sleeps_until: Cell::new(None),
            sooner: Notify::new(),
        }
    }

    /// Offers a call to an endpoint, in a protocol with room for so much, and after it to another where `spill` says
    /// so.
    pub fn offer(
        self: &Rc<Self>,
        part: usize,
        asked: &Generate,
        speech: Speech,
        hints: Option<Hints>,
        spill: Option<Spill>,
    ) -> Call {
        let now = self.clock.now();
        let said = Rc::new(Mailbox::default());
        let mut state = self.state.borrow_mut();
        state.wake(&self.parts, now);
        let (id, mut job) = state.job(asked, hints);
        speech.ask(&mut job);
        let came = Came { at: now, cached: Cached::NONE, tier: None };
        let logged = state.log.is_some().then(|| job.clone());
        let coming = Some(Box::new(Coming { part, speech, job: logged, came }));
        state.callers.insert(id, Caller { said: Rc::clone(&said), coming });
        let mut actions = std::mem::take(&mut state.actions);
        state.cloud.offer(now, part, (id, job), spill, &mut actions);
        if !state.cloud.is_under_way(id) {
            state.let_in(&self.parts, now, id, &actions);
        }
        state.tell(now, actions);
        // Some answers are there at once.
        state.wake(&self.parts, now);
        self.set_alarm(&state);
        Call { engine: Rc::clone(self), part, id, said, is_over: false }
    }

    /// The beginnings by which an endpoint's cache may know a call's prompt.
    pub fn beginnings(&self, part: usize, dialect: &str, body: &[u8], input_tokens: u32) -> Beginnings {
        let state = self.state.borrow();
        let Some(cache) = state.cloud.cache(part) else { return Beginnings::None };
        let CacheSettings { breakpoints, min_tokens, step, .. } = *cache.settings();
        let ends = match breakpoints {
            Breakpoints::Automatic => Ends::Blocks { min_tokens, step },
            Breakpoints::Explicit => Ends::Breakpoints,
        };
        let counts_tools = matches!(dialect, "anthropic_messages" | "invoke");
        Beginnings::new(beginning::find(body, counts_tools, ends, input_tokens))
    }

    /// On which terms a call to a part is served.
    pub fn terms<'a>(&self, part: usize, asked: &Generate, headers: &'a HeaderMap) -> Terms<'a> {
        let Part { served, spillover, .. } = &self.parts[part];
        let is_named = |other: usize, deployment: &str| {
            let other_served = &self.parts[other].served;
            other != part && other_served.provider == served.provider && other_served.model == deployment
        };
        let find = |name: &str| (0..self.parts.len()).find(|other| is_named(*other, name));
        served.provider.terms(asked.service_tier.as_deref(), headers, *spillover, find)
    }

    fn cancel(&self, Call { part, id, said, .. }: &Call) {
        let (part, id, now) = (*part, *id, self.clock.now());
        let mut state = self.state.borrow_mut();
        // Another caller may have come since with an id that was free again.
        if state.callers.get(&id).is_some_and(|caller| Rc::ptr_eq(&caller.said, said)) {
            state.callers.remove(&id);
            state.wake(&self.parts, now);
            let mut actions = std::mem::take(&mut state.actions);
            state.cloud.cancel(now, part, id, &mut actions);
            state.tell(now, actions);
            self.set_alarm(&state);
        }
    }

    /// Wakes every machine when it wants to be woken; never ends.
    pub async fn keep_time(&self, mut pacer: Pacer) {
        loop {
            let due = self.state.borrow().cloud.deadline();
            self.sleeps_until.set(due);
            tokio::select! {
                biased;
                () = pacer.until(due) => self.state.borrow_mut().wake(&self.parts, self.clock.now()),
                () = self.sooner.notified() => {}
            }
        }
    }

    /// Hands what is left of the log to its file; says what went wrong on the way, if anything did.
    pub fn finish_log(&self) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.log_failure.take().map_or(Ok(()), Err)?;
        state.log.as_mut().map_or(Ok(()), CallLog::flush)
    }

    /// How late the machines did what was due.
    pub fn lateness(&self) -> Lateness {
        self.state.borrow().lateness.clone()
    }

    fn set_alarm(&self, state: &State) {
        let (due, planned) = (state.cloud.deadline(), self.sleeps_until.get());
        if due.is_some_and(|due| planned.is_none_or(|planned| due < planned)) {
            self.sooner.notify_one();
        }
    }
}

impl State {
    /// Does what is due by `now`.
    fn wake(&mut self, parts: &[Part], now: Instant) {
        while let Some(due) = self.cloud.deadline().filter(|due| *due <= now) {
            self.lateness.record(due, now);
            let arriving = self.cloud.arriving();
            let mut actions = std::mem::take(&mut self.actions);
            self.cloud.wake(now, &mut actions);
            if let Some((at, id)) = arriving {
                self.let_in(parts, at, id, &actions);
            }
            self.tell(now, actions);
        }
    }

    /// Notes how a call was let in, or refused, that came at `now` and of which the cloud has said this.
    fn let_in(&mut self, parts: &[Part], now: Instant, id: AttemptId, actions: &[Action]) {
        // Who has left on the way was never noticed.
        let Some(coming) = self.callers.get_mut(&id).and_then(|caller| caller.coming.as_mut()) else {
            return;
        };
        let (part, speech, job) = (coming.part, coming.speech, coming.job.take());
        coming.came = Came { at: now, cached: self.cloud.cached(part, id), tier: self.cloud.tier(part, id) };
        let Some(job) = job else { return };
        let refusal = actions.iter().find_map(|action| match &action.reply {
            Reply::Rejected(rejection) if action.id == id => Some(speech.refusal(rejection)),
            _ => None,
        });
        let refusal = refusal.as_ref();
        let served_by = &parts[self.cloud.passed_on(id).unwrap_or(part)].name;
        self.log(&Arrival { at: now, endpoint: &parts[part].name, id, job: &job, refusal, served_by });
    }

    /// After a failure to write no more is written.
    fn log(&mut self, arrival: &Arrival<'_>) {
        if let Some(Err(error)) = self.log.as_mut().map(|log| log.write(arrival)) {
            (self.log, self.log_failure) = (None, Some(error));
        }
    }

    /// Tells the callers what the cloud has said, and keeps the room it took.
    fn tell(&mut self, now: Instant, mut actions: Vec<Action>) {
        // That a call was passed on is told by whose reply comes first.
        for Action { by, id, reply, other_status, .. } in actions.drain(..).filter(is_on_the_wire) {
            // A caller that has left is told nothing.
            let Some(caller) = self.callers.get_mut(&id) else { continue };
            let is_final = reply.is_final();
            let opening = caller.coming.take().map(|coming| {
                let gauges = self.cloud.gauges(now, by);
                Box::new(Opening { by, came: coming.came, other_status, gauges })
            });
            caller.said.put(Said { at: now, reply, opening });
            if is_final {
                self.callers.remove(&id);
            }
        }
        self.actions = actions;
    }

    /// The call's id and job. An id that is in use already is not given out twice.
    fn job(&mut self, asked: &Generate, hints: Option<Hints>) -> (AttemptId, Job) {
        let own = AttemptId { request: RequestId(self.next_id), nth: 0 };
        let hinted = hints.as_ref().map(|hints| hints.id).filter(|id| !self.callers.contains_key(id));
        let id = hinted.unwrap_or(own);
        self.next_id += u64::from(id == own);
        let priority = hints.as_ref().map_or(asked.priority, |hints| hints.priority);
        let told = hints.as_ref().and_then(|hints| hints.input_tokens);
        let (drawn, beginnings) = match hints {
            Some(hints) => ((ClassId(0), hints.answer_tokens, hints.reasoning_tokens), hints.beginnings),
            None => (self.lottery.draw(id.request), asked.beginnings.clone()),
        };
        let (class, answer_tokens, reasoning_tokens) = drawn;
        let answer_tokens = answer_tokens.max(asked.min_tokens.saturating_sub(reasoning_tokens));
        let request = Request {
            id: id.request,
            class,
            priority,
            input_tokens: told.unwrap_or(asked.input_tokens),
            max_tokens: asked.max_tokens,
            stream: asked.stream,
            beginnings,
            content: Default::default(),
        };
        (id, Job { request, answer_tokens, reasoning_tokens, cached: Cached::NONE })
    }
}

fn is_on_the_wire(action: &Action) -> bool {
    action.reply != Reply::PassedOn
}

/// Calls that are not of our plan are numbered from here, far beyond any plan.
const FIRST_FOREIGN: u64 = 1 << 40;
