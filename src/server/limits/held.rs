//! All the limits that an endpoint minds: its own, then those of its pools, which are lent to it while it is at work.

use std::iter::{Chain, Flatten};
use std::slice::{Iter, IterMut};

use super::AnyLimit;

#[derive(Clone, Debug, Default)]
pub struct Held {
    own: Vec<AnyLimit>,
    /// One for each pool that the endpoint draws on; empty but while its limits are lent.
    pools: Vec<Vec<AnyLimit>>,
}

impl Held {
    pub fn new(own: Vec<AnyLimit>) -> Held {
        Held { own, pools: Vec::new() }
    }

    /// Makes room for the limits of so many pools.
    pub fn join(&mut self, pools: usize) {
        self.pools.resize_with(pools, Vec::new);
    }

    /// Where each pool's limits are put before the endpoint is fed, and taken from after.
    pub fn pools(&mut self) -> &mut [Vec<AnyLimit>] {
        &mut self.pools
    }

    /// Does something with each.
    #[inline]
    pub fn each(&mut self, act: impl FnMut(&mut AnyLimit)) {
        if self.pools.is_empty() {
            self.own.iter_mut().for_each(act);
        } else {
            self.iter_mut().for_each(act);
        }
    }

    pub fn iter(&self) -> Chain<Iter<'_, AnyLimit>, Flatten<Iter<'_, Vec<AnyLimit>>>> {
        self.own.iter().chain(self.pools.iter().flatten())
    }

    pub fn iter_mut(&mut self) -> Chain<IterMut<'_, AnyLimit>, Flatten<IterMut<'_, Vec<AnyLimit>>>> {
        self.own.iter_mut().chain(self.pools.iter_mut().flatten())
    }
}

impl<'a> IntoIterator for &'a mut Held {
    type Item = &'a mut AnyLimit;
    type IntoIter = Chain<IterMut<'a, AnyLimit>, Flatten<IterMut<'a, Vec<AnyLimit>>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}
