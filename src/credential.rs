//! What an endpoint is shown to let us in. Never printed, never written.

use std::fmt;

/// A text that stays out of every file, log and message.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(Box<str>);

impl Secret {
    pub fn new(text: impl Into<Box<str>>) -> Secret {
        Secret(text.into())
    }

    /// The text itself: for the wire, and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What a login chain has found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Credential {
    /// The endpoint asks for none.
    #[default]
    None,
    /// An API key, in the place where the provider expects one.
    Key(Secret),
    /// A token, as `authorization: Bearer`.
    Bearer(Secret),
    /// AWS keys, with which requests are signed.
    Aws(AwsKeys),
}

/// A pair of AWS keys; temporary ones have a session token beside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AwsKeys {
    pub access_key_id: String,
    pub secret_access_key: Secret,
    pub session_token: Option<Secret>,
}
