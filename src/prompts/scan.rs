//! Finds the objects of a file of JSON lines or of one JSON array without holding more than one of them.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The objects of a file, in its order.
pub struct Items {
    path: PathBuf,
    reader: BufReader<File>,
    layout: Layout,
    offset: u64,
    line: u64,
    item: Vec<u8>,
}

/// One object: where it begins, on which line, and its bytes.
pub struct Item<'a> {
    pub offset: u64,
    pub line: u64,
    pub bytes: &'a [u8],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Layout {
    Array,
    /// The array has ended.
    Ended,
    Lines,
}

impl Items {
    pub fn new(file: File, path: &Path) -> Result<Items> {
        let reader = BufReader::with_capacity(1 << 20, file);
        let mut items =
            Items { path: path.into(), reader, layout: Layout::Lines, offset: 0, line: 1, item: Vec::new() };
        let head = items.fill()?;
        let bom = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        if head.starts_with(b"\x1f\x8b") {
            return Err(items
                .bad("is compressed, and prompts are looked up in it while they are sent; unpack it first"));
        }
        items.skip(bom);
        if items.next_byte()? == Some(b'[') {
            items.skip(1);
            items.layout = Layout::Array;
        }
        Ok(items)
    }

    /// The next object, `None` after the last.
    pub fn next(&mut self) -> Result<Option<Item<'_>>> {
        let first = match (self.layout, self.next_byte()?) {
            (Layout::Ended | Layout::Lines, None) => return Ok(None),
            (Layout::Ended, Some(_)) => return Err(self.wrong("something follows the end of the array")),
            (Layout::Array, None) => return Err(self.wrong("the array has no end")),
            (_, Some(first)) => first,
        };
        if self.layout == Layout::Array && first == b']' {
            self.skip(1);
            self.layout = Layout::Ended;
            return self.next();
        }
        self.item.clear();
        let (offset, line) = (self.offset, self.line);
        match self.layout {
            Layout::Lines => self.take_line()?,
            Layout::Array | Layout::Ended => self.take_element()?,
        }
        Ok(Some(Item { offset, line, bytes: self.item.trim_ascii_end() }))
    }

    fn take_line(&mut self) -> Result<()> {
        loop {
            let buffer = self.fill()?;
            let end = memchr::memchr(b'\n', buffer);
            let taken = end.unwrap_or(buffer.len());
            self.keep(taken)?;
            // The newline itself is skipped with the space before the next row.
            if end.is_some() || taken == 0 {
                return Ok(());
            }
        }
    }

    /// Takes an element of the array and the comma after it.
    fn take_element(&mut self) -> Result<()> {
        let (mut depth, mut in_string, mut is_escaped) = (0u32, false, false);
        loop {
            let buffer = self.fill()?;
            if buffer.is_empty() {
                return Err(self.wrong("the array has no end"));
            }
            let end = buffer.iter().position(|byte| {
                match byte {
                    _ if is_escaped => is_escaped = false,
                    b'\\' if in_string => is_escaped = true,
                    b'"' => in_string = !in_string,
                    _ if in_string => {}
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth > 0 => depth -= 1,
                    b',' | b']' if depth == 0 => return true,
                    _ => {}
                }
                false
            });
            let taken = end.unwrap_or(buffer.len());
            let is_comma = end.is_some_and(|end| buffer[end] == b',');
            self.keep(taken)?;
            if end.is_some() {
                if is_comma {
                    self.skip(1);
                }
                return Ok(());
            }
        }
    }

    /// The next byte that is no space, which stays where it is.
    fn next_byte(&mut self) -> Result<Option<u8>> {
        loop {
            let buffer = self.fill()?;
            let Some(&first) = buffer.first() else { return Ok(None) };
            if !first.is_ascii_whitespace() {
                return Ok(Some(first));
            }
            self.skip(1);
        }
    }

    fn fill(&mut self) -> Result<&[u8]> {
        let path = &self.path;
        loop {
            match self.reader.fill_buf() {
                Ok(_) => return Ok(self.reader.buffer()),
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(Error::file("read", path, cause)),
            }
        }
    }

    /// Takes the next bytes into the object.
    fn keep(&mut self, count: usize) -> Result<()> {
        if self.item.len() + count > ITEM_MAX {
            return Err(self.wrong(&format!("a prompt of more than {} MiB", ITEM_MAX >> 20)));
        }
        self.item.extend_from_slice(&self.reader.buffer()[..count]);
        self.skip(count);
        Ok(())
    }

    fn skip(&mut self, count: usize) {
        self.line += memchr::memchr_iter(b'\n', &self.reader.buffer()[..count]).count() as u64;
        self.offset += count as u64;
        self.reader.consume(count);
    }

    fn wrong(&self, problem: &str) -> Error {
        Error::usage(format!("{}:{}: {problem}", self.path.display(), self.line))
    }

    fn bad(&self, problem: &str) -> Error {
        Error::usage(format!("{} {problem}", self.path.display()))
    }
}

/// No service takes a longer prompt.
const ITEM_MAX: usize = 64 << 20;
