//! The bare `fred` crate.

use std::sync::Arc;

use ::fred::{
    clients::Client,
    interfaces::{ClientLike, EventInterface, PubsubInterface, Resp3Frame},
    types::{ClusterHash, CustomCommand, Value, config::Config},
};
use tokio::sync::broadcast::error::RecvError;

use super::{bare, published::Listen};
use crate::BoxError;

#[derive(Clone)]
pub(crate) struct Wire(Client);

impl bare::Wire for Wire {
    type Command = (CustomCommand, Vec<Value>);

    async fn to(url: &str) -> Result<Self, BoxError> {
        let client = Client::new(Config::from_url(url)?, None, None, None);
        client.init().await?;
        Ok(Self(client))
    }

    fn command(words: &[&str]) -> Self::Command {
        let (name, args) = words.split_first().map_or(("", words), |(name, args)| (*name, args));
        let args = args.iter().map(|word| Value::from(*word)).collect();
        (CustomCommand::new(name, ClusterHash::Custom(0), false), args)
    }

    async fn ask(self, command: Arc<Self::Command>) -> Result<bool, BoxError> {
        let (command, args) = (command.0.clone(), command.1.clone());
        let answer = self.0.custom_raw::<Value>(command, args).await?;
        let first = if let Resp3Frame::Array { data, .. } = &answer { data.first() } else { Some(&answer) };
        match first {
            Some(Resp3Frame::SimpleString { data, .. }) => Ok(data == "OK"),
            Some(Resp3Frame::Number { data, .. }) => Ok(*data == 1),
            Some(Resp3Frame::SimpleError { data, .. }) => Err(data.to_string().into()),
            _ => Ok(false),
        }
    }
}

impl Listen for Wire {
    async fn listen(
        url: &str,
        channel: &str,
        on_message: impl Fn() + Send + 'static,
    ) -> Result<(), BoxError> {
        let Self(client) = <Self as bare::Wire>::to(url).await?;
        let mut messages = client.message_rx();
        client.subscribe(channel).await?;
        tokio::spawn(async move {
            // A receiver that was too slow has missed some, and is told so in the place of one.
            while !matches!(messages.recv().await, Err(RecvError::Closed)) {
                on_message();
            }
            drop(client);
        });
        Ok(())
    }
}
