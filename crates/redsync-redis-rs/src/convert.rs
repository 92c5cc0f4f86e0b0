//! Requests to commands, and values and errors of the `redis` crate to replies and node errors.

use redis::{Cmd, RedisError, RedisResult, ServerError, Value};
use redsync_core::{NodeError, Reply, Request};

pub(crate) fn command(request: &Request) -> Cmd {
    let bytes = request.args().map(<[u8]>::len).sum();
    let mut command = Cmd::with_capacity(request.args().len(), bytes);
    for arg in request.args() {
        command.arg(arg);
    }
    command
}

/// Converts what an established connection answered.
pub(crate) fn answer(answer: RedisResult<Value>) -> Result<Reply, NodeError> {
    answer.map_err(node_error).and_then(reply)
}

fn reply(value: Value) -> Result<Reply, NodeError> {
    match value {
        Value::Nil => Ok(Reply::Nil),
        Value::Int(number) => Ok(Reply::Integer(number)),
        Value::BulkString(text) => Ok(Reply::Text(text)),
        Value::SimpleString(text) => Ok(Reply::Text(text.into_bytes())),
        Value::Okay => Ok(Reply::Text(b"OK".to_vec())),
        Value::Array(items) => array(items),
        Value::Map(pairs) => array(pairs.into_iter().flat_map(|(key, value)| [key, value])),
        Value::ServerError(error) => Err(node_error(error.into())),
        Value::Attribute { .. }
        | Value::Set(_)
        | Value::Double(_)
        | Value::Boolean(_)
        | Value::VerbatimString { .. }
        | Value::BigNumber(_)
        | Value::Push { .. } => Err(odd_reply()),
        _ => Err(odd_reply()),
    }
}

fn array(items: impl IntoIterator<Item = Value>) -> Result<Reply, NodeError> {
    items.into_iter().map(reply).collect::<Result<_, _>>().map(Reply::Array)
}

/// Tells a server's own word from everything else that happens to an established connection.
///
/// Asks for the error reply itself, since the `redis` crate gives server error codes to some errors that
/// it makes up on its own.
fn node_error(error: RedisError) -> NodeError {
    match ServerError::try_from(error.clone()) {
        Ok(answer) => NodeError::answered(answer.code(), answer.details().unwrap_or_default(), error),
        Err(error) => NodeError::unknown(error),
    }
}

fn odd_reply() -> NodeError {
    NodeError::unknown("a reply of a type that no command here has")
}
