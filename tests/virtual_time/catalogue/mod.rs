//! The catalogue in the binary, and what a run makes of it.

mod data;
mod runs;
