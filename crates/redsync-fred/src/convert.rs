//! Requests to commands, and frames and errors of the `fred` crate to replies and node errors.

use fred::{
    error::{Error, ErrorKind},
    interfaces::{ClientLike, Resp3Frame},
    types::{CustomCommand, Value},
    util::redis_keyslot,
};
use redsync_core::{NodeError, Reply, Request};

/// Sends `request` once, and once more after a cluster has redirected it.
///
/// `fred` renews its map of the cluster at a `MOVED`, but cannot follow it without also being allowed to send
/// commands again that were lost. Only connections of our own go to clusters, and those follow no redirection.
pub(crate) async fn exchange(client: &impl ClientLike, request: &Request) -> Result<Resp3Frame, Error> {
    match send(client, request).await {
        Err(error) if is_redirection(&error) => send(client, request).await,
        result => result,
    }
}

async fn send(client: &impl ClientLike, request: &Request) -> Result<Resp3Frame, Error> {
    let command = CustomCommand::new(request.name(), redis_keyslot(request.key()), false);
    client.custom_raw::<Value>(command, request.args().skip(1).map(Value::from).collect()).await
}

/// Converts what a connected client answered.
pub(crate) fn answer(answer: Result<Resp3Frame, Error>) -> Result<Reply, NodeError> {
    answer.map_err(node_error).and_then(reply)
}

/// Whether the client is of no more use after this answer. A server that turned into a replica means that, too:
/// a new connection asks the sentinels, or the name service, for its successor.
pub(crate) fn is_broken(answer: &Result<Resp3Frame, Error>) -> bool {
    match answer {
        Ok(frame) => error_text(frame).is_some_and(|text| text.starts_with(b"READONLY")),
        Err(error) => !is_redirection(error),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what else there is, no lock command has for a reply")]
fn reply(frame: Resp3Frame) -> Result<Reply, NodeError> {
    match frame {
        Resp3Frame::Null => Ok(Reply::Nil),
        Resp3Frame::Number { data, .. } => Ok(Reply::Integer(data)),
        Resp3Frame::BlobString { data, .. } => Ok(Reply::Text(data.into())),
        Resp3Frame::SimpleString { data, .. } => Ok(Reply::Text(data.into())),
        Resp3Frame::Array { data, .. } => array(data),
        Resp3Frame::Map { data, .. } => array(data.into_iter().flat_map(|(key, value)| [key, value])),
        _ => Err(error_reply(frame)),
    }
}

fn array(items: impl IntoIterator<Item = Resp3Frame>) -> Result<Reply, NodeError> {
    items.into_iter().map(reply).collect::<Result<_, _>>().map(Reply::Array)
}

fn error_reply(frame: Resp3Frame) -> NodeError {
    let text = error_text(&frame).map(String::from_utf8_lossy).unwrap_or_default().into_owned();
    let (code, detail) = text.split_once(' ').unwrap_or((&text, ""));
    let odd = |_| NodeError::unknown("a reply of a type that no command here has");
    Value::try_from(frame).map_or_else(|error| NodeError::answered(code, detail, error), odd)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "there are two kinds of errors and many of other replies")]
fn error_text(frame: &Resp3Frame) -> Option<&[u8]> {
    match frame {
        Resp3Frame::SimpleError { data, .. } => Some(data.as_bytes()),
        Resp3Frame::BlobError { data, .. } => Some(data),
        _ => None,
    }
}

/// Tells what was certainly not sent or executed from everything else that happens to a connected client.
///
/// The rest is unknown, also where `fred` did not send: it says so by the same errors as for what it did send. At a
/// `CLUSTERDOWN` it fails everything that is on its way, not just the command that was turned away.
fn node_error(error: Error) -> NodeError {
    if is_redirection(&error) {
        return NodeError::answered("MOVED", "or ASK to another node of the cluster", error);
    }
    if *error.kind() == ErrorKind::Backpressure {
        return NodeError::not_sent(error);
    }
    NodeError::unknown(error)
}

/// Whether a cluster has redirected the command: `fred` may follow no redirection, and says so by this kind.
fn is_redirection(error: &Error) -> bool {
    *error.kind() == ErrorKind::Routing
}
