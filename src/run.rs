//! The client half in real time, over HTTP: perform what the dispatcher asks, tell it what happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::client::dispatcher::{Action, Dispatcher, Event, Spent};
use crate::client::safety::Halt;
use crate::collectors::harness::Harness;
use crate::error::{Error, Result};
use crate::http::client::Counts;
pub use crate::http::client::{Bounds, Remote, Transport};
use crate::http::gauge::Gauge;
use crate::http::hands::Hands;
use crate::http::interrupt::Interrupt;
pub use crate::http::openings::Openings;
use crate::http::pacer::Pacer;
use crate::http::{raise_descriptor_limit, runtime};
use crate::login::keyring::Keyring;
use crate::outcome::{End, Outcome};
use crate::simulate::Flow;
use crate::time::Instant;

/// What a run needs beside the dispatcher.
pub struct Input {
    /// The endpoints, in the scenario's order.
    pub remotes: Vec<Remote>,
    /// Their credentials.
    pub keyring: Keyring,
    pub transport: Transport,
    /// After the first interrupt, what is under way may go on for so long.
    pub grace: Duration,
    pub interrupts: Interrupts,
}

/// How a person stops a run. The first interrupt ends the arrivals, the second ends everything.
pub enum Interrupts {
    /// Each message is one interrupt.
    Given(UnboundedReceiver<()>),
    None,
    /// Ctrl-C, or SIGTERM. From then on the process no longer dies of them by itself.
    Signals,
    /// Each of these, and each message.
    SignalsAnd(UnboundedReceiver<()>),
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Requests asked, each of which was recorded.
    pub requests: u64,
    /// When the last of them was done.
    pub ended: Instant,
    /// When the arrivals were stopped: [`Instant::MAX`] where the plan came to its end.
    pub stopped: Instant,
    /// The budgets that were spent: the arrivals were stopped, or those of a class.
    pub spent: Vec<Spent>,
    /// What ended the plan before its time, beside budgets.
    pub halt: Option<Halt>,
    /// Why arrivals ended before their time, if they did.
    pub failure: Option<String>,
    pub ending: Ending,
    pub connections: Counts,
    /// How long they took to open.
    pub openings: Openings,
    /// What the client has measured of itself.
    pub harness: Harness,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    Complete,
    /// Interrupted once: what was under way could end within the grace period.
    Interrupted,
    /// Interrupted twice: the process is to leave at once.
    Left,
}

/// Where a run stands.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    pub now: Instant,
    /// When the arrivals were stopped: [`Instant::MAX`] where nobody did.
    pub stopped: Instant,
    /// Requests begun.
    pub asked: u64,
    /// Requests whose first attempt went out.
    pub sent: u64,
    pub in_flight: u64,
    /// Attempts under way, by endpoint.
    pub in_flight_by_endpoint: Vec<u64>,
    /// Connections that are open.
    pub open: u64,
    /// Requests answered whole.
    pub done: u64,
    /// Requests whose last attempt was refused, or that no endpoint could take.
    pub refused: u64,
    /// Requests that ended in any other way.
    pub failed: u64,
}

/// Runs to the end. Each request's outcome is handed to `record`, in the order of their ends; `record` may
/// stop the arrivals by saying so. `show` is told about four times a second where the run stands.
pub fn run(
    input: Input,
    dispatcher: Dispatcher,
    record: impl FnMut(&Outcome) -> Flow,
    show: impl FnMut(Progress),
) -> Result<Ran> {
    raise_descriptor_limit();
    let runtime = runtime().map_err(|cause| Error::failed(format!("could not start the run: {cause}")))?;
    let ran = runtime.block_on(drive(input, dispatcher, record, show));
    // A name being resolved may take long to give up; nobody waits for it any more.
    runtime.shutdown_background();
    ran
}

async fn drive(
    input: Input,
    dispatcher: Dispatcher,
    record: impl FnMut(&Outcome) -> Flow,
    mut show: impl FnMut(Progress),
) -> Result<Ran> {
    let clock = input.transport.clock;
    let (hands, mut events) = Hands::new(input.remotes, input.keyring, &input.transport)?;
    let mut interrupts = listen(input.interrupts);
    let pacer =
        Pacer::new(clock).map_err(|cause| Error::failed(format!("could not make a timer: {cause}")))?;
    let mut pacer = pacer.with(input.transport.pacing);
    let gauge =
        Gauge::start(clock).map_err(|cause| Error::failed(format!("could not make a timer: {cause}")))?;
    let mut driver = Driver {
        dispatcher,
        hands,
        open: input.transport.open,
        record,
        grace: input.grace,
        aborts: None,
        ending: Ending::Complete,
        stopped: Instant::MAX,
        progress: Progress::default(),
        in_flight_max: 0,
    };
    let mut shows = Instant::START;
    while !driver.dispatcher.is_idle() {
        let wakes = driver.dispatcher.deadline().into_iter().chain(driver.aborts).fold(shows, Instant::min);
        let mut heard = None;
        tokio::select! {
            biased;
            Some(()) = interrupts.recv() => driver.interrupt(clock.now()),
            () = pacer.until(Some(wakes)) => {}
            Some(event) = events.recv() => heard = Some(event),
        }
        // All that was read is taken before what is due is looked at: an answer read in time is no timeout.
        // It comes to an end, as nothing is read meanwhile.
        let more = std::iter::from_fn(|| events.try_recv().ok());
        let now = clock.now();
        driver.turn(now, heard.into_iter().chain(more));
        if shows <= now {
            shows = now + SHOW_EVERY;
            show(driver.progress(now));
        }
    }
    let progress = driver.progress(clock.now());
    show(progress.clone());
    let recorded = progress.done + progress.refused + progress.failed;
    assert_eq!(recorded, progress.asked, "every request asked is recorded exactly once");
    let done = driver.hands.finish();
    let harness = gauge.finish(driver.in_flight_max as u64, input.transport.pacing);
    Ok(Ran {
        requests: progress.asked,
        ended: progress.now,
        stopped: progress.stopped,
        halt: driver.dispatcher.halt(),
        spent: driver.dispatcher.spent().to_vec(),
        failure: driver.dispatcher.failure().map(String::from),
        ending: driver.ending,
        connections: done.counts,
        openings: done.openings,
        harness: done.harness.map_or(harness, |hands| harness.beside(hands)),
    })
}

/// The dispatcher, and the hands that do what it says.
struct Driver<R> {
    dispatcher: Dispatcher,
    hands: Hands,
    /// Connections that are open.
    open: Arc<AtomicU64>,
    record: R,
    grace: Duration,
    /// When what is under way is given up.
    aborts: Option<Instant>,
    ending: Ending,
    stopped: Instant,
    progress: Progress,
    in_flight_max: usize,
}

impl<R: FnMut(&Outcome) -> Flow> Driver<R> {
    /// Takes what has come and does what is due.
    fn turn(&mut self, now: Instant, events: impl Iterator<Item = Event>) {
        for event in events {
            if let Event::Reply { id, reply, .. } = &event
                && reply.is_final()
            {
                self.hands.forget(*id);
            }
            if let Event::Sent { id, .. } = &event {
                self.progress.sent += u64::from(id.nth == 0);
            }
            self.feed(now, event);
        }
        if self.dispatcher.deadline().is_some_and(|due| due <= now) {
            self.feed(now, Event::Wake);
        }
        if self.aborts.is_some_and(|at| at <= now) {
            self.feed(now, Event::Abort);
        }
    }

    fn interrupt(&mut self, now: Instant) {
        (self.aborts, self.ending) = match self.ending {
            Ending::Complete => (Some(now + self.grace), Ending::Interrupted),
            Ending::Interrupted | Ending::Left => (Some(now), Ending::Left),
        };
        self.stopped = self.stopped.min(now);
        self.feed(now, Event::Stop);
    }

    fn feed(&mut self, now: Instant, event: Event) {
        let mut flow = Flow::Continue;
        self.dispatcher.on_event(now, event);
        while let Some(action) = self.dispatcher.actions().next() {
            match action {
                Action::Cancel { id, .. } => self.hands.cancel(id),
                Action::Done(outcome) => {
                    match outcome.end {
                        End::Done => self.progress.done += 1,
                        End::Refused | End::Shed => self.progress.refused += 1,
                        End::Broken | End::Cancelled | End::Dropped | End::TimedOut => {
                            self.progress.failed += 1
                        }
                    }
                    flow = flow.max((self.record)(&outcome));
                    self.dispatcher.reuse(outcome);
                }
                // What was given up before it could be sent is not sent.
                Action::Send { id, endpoint } => {
                    self.in_flight_max = self.in_flight_max.max(self.dispatcher.in_flight());
                    if let Some(job) = self.dispatcher.job(id.request) {
                        self.hands.send(id, endpoint, job);
                    }
                }
            }
        }
        if flow == Flow::Stop {
            self.stopped = self.stopped.min(now);
            // Ends the arrivals; no action comes of it.
            self.dispatcher.on_event(now, Event::Stop);
        }
    }

    fn progress(&self, now: Instant) -> Progress {
        let (asked, in_flight) = (self.dispatcher.requests(), self.dispatcher.in_flight() as u64);
        let stopped = self.dispatcher.ended().min(self.stopped);
        let open = self.open.load(Ordering::Relaxed);
        // What a server had closed its connection on was sent twice.
        let sent = self.progress.sent.min(asked);
        let in_flight_by_endpoint = self.dispatcher.in_flight_by_endpoint().collect();
        let Progress { done, refused, failed, .. } = self.progress;
        Progress { now, stopped, asked, sent, in_flight, in_flight_by_endpoint, open, done, refused, failed }
    }
}

fn listen(interrupts: Interrupts) -> UnboundedReceiver<()> {
    match interrupts {
        Interrupts::Given(receiver) => receiver,
        Interrupts::None => unbounded_channel().1,
        Interrupts::Signals => signals(None),
        Interrupts::SignalsAnd(receiver) => signals(Some(receiver)),
    }
}

/// A message for each signal, and for each that is given.
fn signals(given: Option<UnboundedReceiver<()>>) -> UnboundedReceiver<()> {
    let (sender, receiver) = unbounded_channel();
    if let Some(mut given) = given {
        let sender = sender.clone();
        tokio::task::spawn_local(
            async move { while given.recv().await.is_some() && sender.send(()).is_ok() {} },
        );
    }
    // Without signals the process can still be killed.
    if let Ok(mut interrupt) = Interrupt::listen() {
        tokio::task::spawn_local(async move {
            loop {
                interrupt.next().await;
                if sender.send(()).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}

const SHOW_EVERY: Duration = Duration::from_millis(250);
