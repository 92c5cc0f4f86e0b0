//! [`Node`]: the seam where a driver carries one request to one Redis or Valkey.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc};

use crate::{BoxFuture, number::Number};

/// One Redis or Valkey (a single server, a cluster or a sentinel group), as the algorithm sees it.
///
/// A driver is transport only: it carries one request, at most once, and hands back the reply.
pub trait Node: Send + Sync + 'static {
    /// Sends `request` and resolves to its reply.
    ///
    /// The request is handed over on the first poll. A driver sets no deadline of its own on the reply: the
    /// core stops waiting for it when the time has come, and still wants to hear a late one.
    ///
    /// # Errors
    ///
    /// The returned future resolves to a [`NodeError`] that tells whether the server can have executed the
    /// request; its constructors say which is which.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the request must reach the server even when the future is dropped.
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, NodeError>>;

    /// Resolves once the lock's key may be free: `None` where this node cannot tell. By default none can, and who waits
    /// for the lock polls.
    ///
    /// A hint only: nothing is decided by it, and it may come too often, late, or never. It has to be in time for every
    /// change of the key after the future's first poll, though, as far as it comes at all.
    ///
    /// # Errors
    ///
    /// Why nobody can tell for now. It is asked again a second later.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, nothing is lost.
    fn watch(&self, key: Arc<str>) -> Option<BoxFuture<'static, Result<Hint, NodeError>>> {
        let _ = key;
        None
    }

    /// What people call this node in errors, logs and metrics: an address, without credentials. It stays the same, and is
    /// another for each node, or figures of several become one.
    fn label(&self) -> Cow<'_, str> {
        Cow::Borrowed("unnamed")
    }

    /// Whether a request can reach the server more than once.
    fn delivery(&self) -> Delivery {
        Delivery::AtMostOnce
    }
}

impl fmt::Debug for dyn Node {
    /// Its label, such as `"10.0.0.1:6379"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.label(), f)
    }
}

/// What a node that is [watched](Node::watch) tells of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// It was missing a moment ago.
    Free,
    /// It was changed, or may have expired: it may be free, or somebody else's.
    Changed,
}

/// How often a request that was handed to a [`Node`] once can be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Never more than once.
    AtMostOnce,
    /// The client underneath may send it again by itself, as cluster connections do after a redirection
    /// or a lost connection.
    MayRepeat,
}

/// A command with its arguments, as it goes over the wire.
///
/// `Debug` prints the command's name only, since the arguments hold the lock's value.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    args: Vec<Arg>,
    key: usize,
}

impl Request {
    /// A command of the caller's own, for what goes on beside the locks, of which the argument at index `key` is the key that
    /// it is about.
    pub fn command<A: Into<Vec<u8>>>(args: impl IntoIterator<Item = A>, key: usize) -> Self {
        Self { args: args.into_iter().map(|arg| Arg::Bytes(arg.into())).collect(), key }
    }

    pub(crate) fn new(args: Vec<Arg>) -> Self {
        // A script's text or digest and its number of keys come first.
        let key = if args.first().is_some_and(|name| name.as_str().starts_with("EVAL")) { 3 } else { 1 };
        Self { args, key }
    }

    /// The command's name and its arguments, in order.
    pub fn args(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.args.iter().map(Arg::as_bytes)
    }

    /// The command's name, such as `SET`.
    pub fn name(&self) -> &str {
        self.args.first().map_or("", Arg::as_str)
    }

    /// The one key that the command is about, by which a cluster routes it.
    pub fn key(&self) -> &[u8] {
        self.args.get(self.key).map_or(&[], Arg::as_bytes)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("name", &self.name()).finish_non_exhaustive()
    }
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Arg {
    Static(&'static str),
    Shared(Arc<str>),
    Owned(String),
    Number(Number),
    Bytes(Vec<u8>),
}

impl Arg {
    fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
            Self::Owned(text) => text,
            Self::Number(_) | Self::Bytes(_) => str::from_utf8(self.as_bytes()).unwrap_or_default(),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Static(text) => text.as_bytes(),
            Self::Shared(text) => text.as_bytes(),
            Self::Owned(text) => text.as_bytes(),
            Self::Number(number) => number.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// What a server answered, unless it answered with an error.
#[derive(Clone, PartialEq, Eq)]
pub enum Reply {
    /// No value (`$-1`, `*-1` or `_` on the wire).
    Nil,
    /// An integer.
    Integer(i64),
    /// A simple or a bulk string.
    Text(Vec<u8>),
    /// An array, or a map, whose keys and values follow each other.
    Array(Vec<Reply>),
}

impl fmt::Debug for Reply {
    /// Strings print as their length, since one may be a lock's value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("Nil"),
            Self::Integer(number) => write!(f, "Integer({number})"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Array(items) => f.debug_tuple("Array").field(items).finish(),
        }
    }
}

/// Why a node gave no usable reply to a request.
#[derive(Clone)]
pub struct NodeError {
    kind: NodeErrorKind,
    code: Option<Box<str>>,
    message: Cow<'static, str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What a [`NodeError`] says about the fate of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeErrorKind {
    /// The request never left this process: there was no connection, or its backlog was full.
    NotSent,
    /// The server answered with an error by which it certainly did not execute the request.
    Rejected,
    /// The request may have been executed: its reply was lost, late, or not to be understood.
    Unknown,
}

impl NodeError {
    /// The request certainly never left this process.
    pub fn not_sent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::with_source(NodeErrorKind::NotSent, "not sent", source)
    }

    /// The connection was lost, or anything else happened after which nobody knows whether the server
    /// executed the request.
    pub fn unknown(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::with_source(NodeErrorKind::Unknown, "no reply, the request may have been executed", source)
    }

    /// The server answered with an error reply: `code` is its first word, `detail` the rest.
    ///
    /// Where the server quotes the command's arguments, they are left out, and so is `source`, which quotes them too.
    /// Whether the server can have executed the request is decided by the code: the ones with which Redis
    /// and Valkey turn a command away are known, and any other (a proxy's, say) counts as unknown.
    pub fn answered(code: &str, detail: &str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let kind = if crate::wire::turns_away(code, detail) {
            NodeErrorKind::Rejected
        } else {
            NodeErrorKind::Unknown
        };
        // What follows are the arguments, and the lock's value among them. They stand in the source as well.
        if let Some((detail, _)) = detail.split_once(", with args beginning with") {
            let message = format!("the server answered {code} {detail}");
            let source = format!("{code} {detail} (its arguments are left out)");
            return Self { code: Some(code.into()), ..Self::with_source(kind, message, source) };
        }
        let message = format!("the server answered {code} {detail}");
        Self { code: Some(code.into()), ..Self::with_source(kind, message, source) }
    }

    pub(crate) fn unexpected(reply: &Reply) -> Self {
        Self {
            kind: NodeErrorKind::Unknown,
            code: None,
            message: Cow::Owned(format!("a reply that the request cannot have: {reply:?}")),
            source: None,
        }
    }

    /// What is known about the fate of the request.
    pub fn kind(&self) -> NodeErrorKind {
        self.kind
    }

    /// The first word of the server's error reply, such as `NOPERM`; `None` when there was no such reply.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Whether the server does not have the command, or not for this user: it certainly was not executed.
    pub(crate) fn is_without_command(&self) -> bool {
        self.kind == NodeErrorKind::Rejected
            && (self.code() == Some("NOPERM")
                || self.message.starts_with("the server answered ERR unknown command"))
    }

    fn with_source(
        kind: NodeErrorKind,
        message: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { kind, code: None, message: message.into(), source: Some(Arc::from(source.into())) }
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish()
    }
}

impl StdError for NodeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
