//! What a machine says: to an ear at once, or kept until it is taken.

use std::collections::VecDeque;

/// A machine's words in their order. What is not taken stays for the next who asks.
#[derive(Debug)]
pub struct Said<'a, T>(&'a mut VecDeque<T>);

impl<'a, T> Said<'a, T> {
    pub fn new(words: &'a mut VecDeque<T>) -> Said<'a, T> {
        Said(words)
    }
}

impl<T> Iterator for Said<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

/// Who hears a machine's words as they are said.
pub trait Ear<T> {
    fn hear(&mut self, word: T);
}

impl<T> Ear<T> for Vec<T> {
    fn hear(&mut self, word: T) {
        self.push(word);
    }
}
