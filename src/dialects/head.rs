//! What stands before an answer's body, however the connection keeps it.

use http::{HeaderMap, HeaderValue};

/// The headers of an answer.
pub trait Head {
    /// The first header of this name, which is given in lower case.
    fn header(&self, name: &str) -> Option<&[u8]>;

    /// Whether some header's name begins so, in lower case.
    fn has_beginning(&self, start: &str) -> bool;
}

impl dyn Head + '_ {
    /// The same as [`Head::header`] where it is plain text.
    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.header(name).filter(|value| value.is_ascii())?;
        str::from_utf8(value).ok()
    }
}

impl Head for HeaderMap {
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.get(name).map(HeaderValue::as_bytes)
    }

    fn has_beginning(&self, start: &str) -> bool {
        self.keys().any(|name| name.as_str().starts_with(start))
    }
}
