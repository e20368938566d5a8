//! Where a share that only falls has fallen far enough.

/// The least number from 0 up, to the last bit, of which `is_enough` is true, when it is so of all above it. `unit`,
/// above zero, is where to look first. `None` where nothing finite is enough.
pub(super) fn least(unit: f64, is_enough: impl Fn(f64) -> bool) -> Option<f64> {
    if is_enough(0.0) {
        return Some(0.0);
    }
    let (mut below, mut enough) = (0.0, unit);
    while !is_enough(enough) {
        (below, enough) = (enough, enough * 2.0);
        if !enough.is_finite() {
            return None;
        }
    }
    loop {
        let middle = below + (enough - below) / 2.0;
        if middle <= below || middle >= enough {
            return Some(enough);
        } else if is_enough(middle) {
            enough = middle;
        } else {
            below = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_is_found_to_the_last_bit_and_what_never_is_enough_has_none() {
        assert_eq!(least(1.0, |value| value >= 0.1), Some(0.1));
        assert_eq!(least(1.0, |value| value >= 1e300), Some(1e300));
        assert_eq!(least(1.0, |_| true), Some(0.0));
        assert_eq!(least(1.0, |_| false), None);
        assert_eq!(least(f64::NAN, |value| value > 1.0), None);
    }
}
