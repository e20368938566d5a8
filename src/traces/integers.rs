//! Lists of whole numbers in a line of JSON, read at the speed of memory.
//!
//! Most of a line of a trace with block ids is one list. It is read here and taken out of the line, of which the
//! general reader then sees `[]` in its place. Whatever does not look as expected is left to the general reader.

use memchr::memmem;

/// A list taken out of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cut {
    /// Where it was: behind its bracket.
    pub start: usize,
    /// Bytes.
    pub length: usize,
}

/// Moves the numbers of the list under `key`, which is given with its quotes, from a line to `numbers`.
pub fn cut(line: &mut Vec<u8>, key: &[u8], numbers: &mut Vec<u64>) -> Option<Cut> {
    let at = memmem::find(line, key)?;
    let (before, rest) = (&line[..at], &line[at + key.len()..]);
    // A key of the outermost object: no other one begins before it, nor is its first quote part of a text.
    let is_outermost =
        before.trim_ascii_start().starts_with(b"{") && memchr::memchr_iter(b'{', before).count() == 1;
    let list = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"[")?;
    if !is_outermost || before.ends_with(b"\\") {
        return None;
    }
    let start = line.len() - list.len();
    let Some(length) = read(list, numbers) else {
        numbers.clear();
        return None;
    };
    line.copy_within(start + length.., start);
    line.truncate(line.len() - length);
    Some(Cut { start, length })
}

/// Reads numbers up to the closing bracket, and tells where that is.
fn read(list: &[u8], numbers: &mut Vec<u64>) -> Option<usize> {
    let mut at = 0;
    loop {
        at += spaces(&list[at..]);
        let digits = list[at..].iter().take_while(|c| c.is_ascii_digit());
        // Nineteen digits fit; what is longer is rare. A number does not begin with a zero, except zero.
        let (count, number) = digits.fold((0, 0u64), |(count, number), c| {
            (count + 1, number.wrapping_mul(10).wrapping_add(u64::from(c - b'0')))
        });
        if count == 0 || count > 19 || (count > 1 && list[at] == b'0') {
            return None;
        }
        numbers.push(number);
        at += count;
        at += spaces(&list[at..]);
        match list.get(at)? {
            b',' => at += 1,
            b']' => return Some(at),
            _ => return None,
        }
    }
}

fn spaces(text: &[u8]) -> usize {
    text.iter().take_while(|c| matches!(c, b' ' | b'\t')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_of(text: &str) -> (Option<Cut>, String, Vec<u64>) {
        let (mut line, mut numbers) = (text.as_bytes().to_vec(), Vec::new());
        let cut = cut(&mut line, b"\"ids\"", &mut numbers);
        (cut, String::from_utf8(line).unwrap(), numbers)
    }

    #[test]
    fn a_list_of_the_outermost_object_is_taken_out() {
        let (cut, rest, numbers) = cut_of("{\"t\": 1, \"ids\" : [ 0, 12,9999999999999999999 ,3], \"b\": {}}");
        assert_eq!(rest, "{\"t\": 1, \"ids\" : [], \"b\": {}}");
        assert_eq!(numbers, [0, 12, 9_999_999_999_999_999_999, 3]);
        assert_eq!(cut, Some(Cut { start: 18, length: 29 }));
    }

    #[test]
    fn what_is_anything_else_is_left_as_it_is() {
        for text in [
            "{}",
            "{\"ids\": []}",
            "{\"ids\": [1, 2",
            "{\"ids\": [1, -2]}",
            "{\"ids\": [1.5]}",
            "{\"ids\": [1 2]}",
            "{\"ids\": [1,]}",
            "{\"ids\": [01]}",
            "{\"ids\": [18446744073709551615]}",
            "{\"ids\": \"[1]\"}",
            "{\"in\": {\"ids\": [1]}}",
            "{\"a\\\"ids\": [1]}",
            "[{\"ids\": [1]}]",
        ] {
            assert_eq!(cut_of(text), (None, text.into(), vec![]), "{text}");
        }
    }
}
