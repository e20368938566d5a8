//! A scenario over a grid of settings: what each cell costs, how fast it is, and where one alternative gets cheaper.

mod crossing;
mod grid;
mod journal;
mod load;
mod play;

pub use self::grid::{Grid, Sweep};
pub use self::journal::{FILE as JOURNAL_FILE, Journal, Start};
pub use self::load::{FACTORS, REQUESTS_MAX, load_sweep};
pub use self::play::{Play, Player};
