//! Tollgate: what will this LLM traffic cost, how fast will it be, and where will it be refused?
//!
//! The modules stand in floors; a file imports only from floors below its own, and the client half and
//! the server half never import each other. `docs/design.md` has the picture.

// Floor 0: words.
pub mod analytic;
pub mod bill;
pub mod commitments;
pub mod credential;
pub mod error;
pub mod index;
pub mod kind;
pub mod number;
pub mod outbox;
pub mod outcome;
pub mod price;
pub mod prompts;
pub mod rng;
pub mod section;
pub mod statistics;
pub mod time;
pub mod traces;
pub mod weight;
pub mod wire;

// Floor 1: the two halves, pure machines that know neither clocks nor sockets.
pub mod client;
pub mod server;

// Floor 2: edges.
pub mod collectors;
pub mod dialects;
pub mod report;

// Floor 3: whose edges they are.
pub mod catalogue;
pub mod providers;

// Floor 4: clocks.
#[cfg(feature = "net")]
pub mod http;
#[cfg(feature = "net")]
pub mod live;
#[cfg(feature = "net")]
pub mod login;
pub mod machines;
#[cfg(feature = "net")]
pub mod mock;
#[cfg(feature = "net")]
pub mod run;
pub mod scenario;
pub mod simulate;
pub mod trial;
pub mod warmup;

// Floor 5: questions.
pub mod calibrate;
pub mod compare;
pub mod estimate;
pub mod export;
pub mod fit;
pub mod plan;
pub mod preview;
pub mod recover;
pub mod replicate;
pub mod search;
pub mod selftest;
pub mod sweep;
pub mod worlds;

// Floor 6: over several.
pub mod quote;
pub mod trend;
