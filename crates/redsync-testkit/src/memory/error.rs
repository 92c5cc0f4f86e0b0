//! [`ErrorReply`]: an error as a server answers it.

use std::{borrow::Cow, error::Error, fmt};

use redsync_core::NodeError;

/// An error reply: its first word and the rest.
///
/// The texts are those of Redis 7. Inside of a script Redis appends where it happened; that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReply {
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
}

impl ErrorReply {
    /// An error reply of these words.
    pub fn new(code: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), detail: detail.into() }
    }

    /// The first word, such as `ERR` or `NOSCRIPT`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What follows the first word.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub(super) fn wrong_type() -> Self {
        Self::new("WRONGTYPE", "Operation against a key holding the wrong kind of value")
    }

    pub(super) fn err(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new("ERR", detail)
    }

    pub(super) fn syntax() -> Self {
        Self::err("syntax error")
    }

    pub(super) fn not_an_integer() -> Self {
        Self::err("value is not an integer or out of range")
    }

    pub(super) fn invalid_expire_time(command: &str) -> Self {
        Self::err(format!("invalid expire time in '{command}' command"))
    }

    pub(super) fn no_script() -> Self {
        Self::new("NOSCRIPT", "No matching script. Please use EVAL.")
    }

    pub(super) fn wrong_number_of_arguments(command: &[u8]) -> Self {
        let command = String::from_utf8_lossy(command).to_lowercase();
        Self::err(format!("wrong number of arguments for '{command}' command"))
    }

    pub(super) fn unknown_command(command: &[u8], args: &[&[u8]]) -> Self {
        let args: String = args.iter().map(|arg| format!("'{}' ", String::from_utf8_lossy(arg))).collect();
        let command = String::from_utf8_lossy(command);
        Self::err(format!("unknown command '{command}', with args beginning with: {args}"))
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.detail)
    }
}

impl Error for ErrorReply {}

impl From<ErrorReply> for NodeError {
    fn from(error: ErrorReply) -> Self {
        Self::answered(error.code(), error.detail(), error.clone())
    }
}
