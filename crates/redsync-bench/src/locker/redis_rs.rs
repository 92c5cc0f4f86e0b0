//! The bare `redis` crate.

use std::sync::Arc;

use futures_util::{StreamExt, future::ready};
use redis::{AsyncConnectionConfig, Client, Cmd, Value, aio::MultiplexedConnection};

use super::{bare, published::Listen};
use crate::BoxError;

/// Without the client's own time-outs, which cost a timer for each command, and with room for as many commands as the
/// driver has it.
#[derive(Clone)]
pub(crate) struct Wire(MultiplexedConnection);

const ROOM: usize = 1024;

impl bare::Wire for Wire {
    type Command = Cmd;

    async fn to(url: &str) -> Result<Self, BoxError> {
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(ROOM);
        Ok(Self(Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await?))
    }

    fn command(words: &[&str]) -> Cmd {
        let mut command = Cmd::with_capacity(words.len(), words.iter().map(|word| word.len()).sum());
        for word in words {
            command.arg(word);
        }
        command
    }

    async fn ask(mut self, command: Arc<Cmd>) -> Result<bool, BoxError> {
        let answer = self.0.send_packed_command(&command).await?;
        if let Value::ServerError(error) = answer {
            return Err(redis::RedisError::from(error).into());
        }
        let first = if let Value::Array(items) = &answer { items.first() } else { Some(&answer) };
        Ok(matches!(first, Some(Value::Okay | Value::Int(1))))
    }
}

impl Listen for Wire {
    async fn listen(
        url: &str,
        channel: &str,
        on_message: impl Fn() + Send + 'static,
    ) -> Result<(), BoxError> {
        let mut messages = Client::open(url)?.get_async_pubsub().await?;
        messages.subscribe(channel).await?;
        tokio::spawn(messages.into_on_message().for_each(move |_| {
            on_message();
            ready(())
        }));
        Ok(())
    }
}
