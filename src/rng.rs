//! Chance, keyed by what it is about: every draw depends on (seed, purpose, key, attempt) and on nothing else.
//!
//! Two clocks that meet the same request in a different order draw the same numbers for it, two policies
//! compared on one seed share their luck, and a run can be split over machines. Each key opens a stream of its own:
//!
//! ```text
//! root     = mix(seed)
//! start    = mix(root ⊕ mix(purpose) ⊕ key) + attempt · ATTEMPT
//! draw(n)  = mix(start + n · STEP)                                   n from 0, all modulo 2⁶⁴
//! ```
//!
//! which is SplitMix64 (Steele, Lea and Flood 2014), a counter whose every value is scattered by `mix`; it passes
//! BigCrush. Its period of 2⁶⁴ and its one sequence would be little for one long stream. These are a handful of draws
//! each and begin at scattered places, so two of a billion streams touch with a probability of a few percent, and then
//! share a draw or two. To open one costs no more than a draw.

mod table;

pub use self::table::normal_quantile;

/// What a draw is for. No stream is shared between purposes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u64)]
pub enum Purpose {
    Agents = 22,
    AnswerLength = 1,
    Arrival = 2,
    Bootstrap = 62,
    Burst = 31,
    Capacity = 13,
    Class = 3,
    Clients = 51,
    Drift = 32,
    Hedge = 4,
    Images = 42,
    InputLength = 5,
    Jitter = 6,
    Latency = 7,
    Outage = 8,
    Prefix = 21,
    Prompt = 9,
    Reasoning = 10,
    Replay = 40,
    Retry = 11,
    Route = 12,
    Session = 23,
    Swarm = 60,
    Think = 24,
    Tick = 41,
    Turns = 25,
    Worlds = 61,
}

/// The root of all chance in a run.
#[derive(Clone, Copy, Debug)]
pub struct Rng {
    root: u64,
}

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng { root: mix(seed) }
    }

    /// The stream of draws about (`purpose`, `key`, `attempt`).
    #[inline]
    pub fn of(&self, purpose: Purpose, key: u64, attempt: u32) -> Draws {
        let start = mix(self.root ^ mix(purpose as u64) ^ key);
        Draws(start.wrapping_add(u64::from(attempt).wrapping_mul(ATTEMPT)))
    }

    /// The same stream, not opened yet.
    pub fn chance(&self, purpose: Purpose, key: u64, attempt: u32) -> Chance {
        Chance { rng: *self, purpose, key, attempt }
    }

    /// An independent root, for one endpoint or one replication of a run.
    pub fn child(&self, key: u64) -> Rng {
        Rng { root: mix(self.root ^ mix(key ^ 0x0063_6869_6c64_7265)) }
    }
}

/// A stream of draws for those who may not need it.
#[derive(Clone, Copy, Debug)]
pub struct Chance {
    rng: Rng,
    purpose: Purpose,
    key: u64,
    attempt: u32,
}

impl Chance {
    pub fn draws(&self) -> Draws {
        self.rng.of(self.purpose, self.key, self.attempt)
    }
}

/// A stream of draws about one thing.
#[derive(Clone, Debug)]
pub struct Draws(u64);

impl Draws {
    #[inline]
    pub fn u64(&mut self) -> u64 {
        let bits = mix(self.0);
        self.0 = self.0.wrapping_add(STEP);
        bits
    }

    /// Uniform in the open interval (0, 1): a multiple of 2⁻⁵² plus half a step, so that neither end is met.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        ((self.u64() >> 12) as f64 + 0.5) * (1.0 / (1u64 << 52) as f64)
    }

    /// Uniform in 0..n, by multiplication (bias below n / 2⁶⁴). `n` of zero gives zero.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.u64()) * u128::from(n)) >> 64) as u64
    }

    /// Exponential with mean 1, ascending in its one unit draw.
    pub fn exponential(&mut self) -> f64 {
        -table::ln(1.0 - self.unit())
    }

    /// Standard normal, ascending in its one unit draw.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        table::normal_quantile(self.unit())
    }

    /// Lognormal with median 1: exp(sigma · normal).
    #[inline]
    pub fn lognormal(&mut self, sigma: f64) -> f64 {
        table::exp(sigma * self.normal())
    }

    /// Gamma with the given shape and mean 1, so its coefficient of variation is 1 / √shape.
    pub fn gamma(&mut self, shape: f64) -> f64 {
        self.of_gamma(&Gamma::new(shape))
    }

    /// Of a law of which there are many draws.
    pub fn of_gamma(&mut self, law: &Gamma) -> f64 {
        let Gamma { shape, is_boosted, d, c, stretch } = *law;
        let boost = if is_boosted { table::exp(-self.exponential() / shape) } else { 1.0 };
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            if v <= 0.0 {
                continue;
            }
            let (v, square, u) = (v * v * v, (x * stretch) * (x * stretch), self.unit());
            if u < 1.0 - 0.0331 * square * square || table::ln(u) < 0.5 * x * x + d * (1.0 - v + table::ln(v))
            {
                return boost * d * v / shape;
            }
        }
    }

    /// Weibull with the given shape k, not scaled: exponential^(1 / k), whose mean is Γ(1 + 1/k).
    pub fn weibull(&mut self, shape: f64) -> f64 {
        table::exp(table::ln(self.exponential()) / shape)
    }
}

/// A gamma law of mean 1.
///
/// Marsaglia and Tsang (2000): d·(1 + c·x)³ with d = shape − 1/3, c = 1/√(9d) and x normal is taken with the
/// probability exp(d·q(c·x)), q(w) = 3·ln(1 + w) − 3w + 3w²/2 − w³, which is never above 1, whatever d > 0 is.
/// Their quick test, that 1 − 0.0331·x⁴ is below it, holds from c₀ = 1/√6 down, a shape of 1; above, it holds of
/// x·c/c₀, as exp(d·q) only rises as d falls. So nearly all logarithms are spared. Below the shape where more than
/// a quarter are not taken, it is gamma(shape + 1) · u^(1 / shape), and u^(1 / shape) is exp(−exponential / shape).
#[derive(Clone, Copy, Debug)]
pub struct Gamma {
    shape: f64,
    is_boosted: bool,
    d: f64,
    c: f64,
    /// c/c₀, where that is above 1.
    stretch: f64,
}

impl Gamma {
    pub fn new(shape: f64) -> Gamma {
        let is_boosted = shape < 0.4;
        let d = if is_boosted { shape + 1.0 } else { shape } - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        Gamma { shape, is_boosted, d, c, stretch: (c / C_0).max(1.0) }
    }
}

/// SplitMix64's step and finaliser, the variant 13 of Stafford: a bijection that scatters neighbouring keys.
#[inline]
pub fn mix(key: u64) -> u64 {
    let mut z = key.wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Of a gamma draw of shape 1: 1/√6.
const C_0: f64 = 0.408_248_290_463_863;

/// From draw to draw: 2⁶⁴ over the golden ratio, made odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// From attempt to attempt: far from every small multiple of a step, so that attempts share no draw.
const ATTEMPT: u64 = 0xd134_2543_de82_ef95;

#[cfg(test)]
mod tests;
