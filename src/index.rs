//! A table keyed by consecutive numbers, whose oldest entries leave first or nearly so.

use std::collections::VecDeque;

/// Values under keys that are given out in ascending order. Look-ups are an index, iteration is in
/// key order, memory is the span between the oldest live key and the newest.
#[derive(Clone, Debug)]
pub struct Ring<T> {
    base: u64,
    slots: VecDeque<Option<T>>,
    live: usize,
}

impl<T> Ring<T> {
    pub fn new() -> Ring<T> {
        Ring { base: 0, slots: VecDeque::new(), live: 0 }
    }

    /// Stores `value` under `key`, which must be above every key ever stored.
    pub fn insert(&mut self, key: u64, value: T) {
        if self.slots.is_empty() {
            self.base = key;
        }
        let end = self.base + self.slots.len() as u64;
        assert!(key >= end, "keys come in ascending order");
        self.slots.extend((end..key).map(|_| None));
        self.slots.push_back(Some(value));
        self.live += 1;
    }

    pub fn get(&self, key: u64) -> Option<&T> {
        self.slots.get(self.offset(key)?)?.as_ref()
    }

    pub fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        let offset = self.offset(key)?;
        self.slots.get_mut(offset)?.as_mut()
    }

    pub fn remove(&mut self, key: u64) -> Option<T> {
        let offset = self.offset(key)?;
        let value = self.slots.get_mut(offset)?.take()?;
        self.live -= 1;
        if offset == 0 {
            while let Some(None) = self.slots.front() {
                self.slots.pop_front();
                self.base += 1;
            }
        }
        Some(value)
    }

    /// What is live, by ascending keys.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        (self.base..).zip(&self.slots).filter_map(|(key, slot)| Some((key, slot.as_ref()?)))
    }

    /// Live keys, ascending.
    pub fn keys(&self) -> impl Iterator<Item = u64> + '_ {
        self.iter().map(|(key, _)| key)
    }

    pub fn len(&self) -> usize {
        self.live
    }

    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    fn offset(&self, key: u64) -> Option<usize> {
        key.checked_sub(self.base).and_then(|offset| usize::try_from(offset).ok())
    }
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Ring::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_leave_and_take_their_room_with_them() {
        let mut ring = Ring::new();
        for key in [3, 4, 7] {
            ring.insert(key, key * 10);
        }
        assert_eq!(ring.remove(4), Some(40));
        assert_eq!(ring.remove(4), None);
        assert_eq!(ring.keys().collect::<Vec<_>>(), [3, 7]);
        assert_eq!(ring.remove(3), Some(30));
        assert_eq!((ring.len(), ring.slots.len(), ring.get(7)), (1, 1, Some(&70)));
        assert_eq!(ring.get(2), None);
        assert_eq!(ring.get(8), None);
    }
}
