//! [`Broker`]: which kind of queue, and [`Address`]: where it is.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// How long a connection to a broker may take. `lapin` may wait for ever where it is cut while it is made.
pub(crate) const CONNECTS_WITHIN: Duration = Duration::from_secs(10);

/// A kind of broker that jobs go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Broker {
    /// A stream of Redis or Valkey.
    Streams,
    /// NATS JetStream.
    Nats,
    /// RabbitMQ.
    RabbitMq,
}

impl Broker {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Streams, Self::Nats, Self::RabbitMq];

    fn name(self) -> &'static str {
        match self {
            Self::Streams => "streams",
            Self::Nats => "nats",
            Self::RabbitMq => "rabbitmq",
        }
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Broker {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|broker| broker.name() == text);
        found.ok_or_else(|| format!("not a broker: {text}; there are streams, nats and rabbitmq"))
    }
}

/// Where a queue is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) broker: Broker,
    pub(crate) url: String,
    pub(crate) queue: String,
    /// After how long without a word of its worker a message is another's, where the broker asks for a time.
    pub(crate) silence: Duration,
}

impl Address {
    pub(crate) fn dead_letters(&self) -> String {
        format!("{}-dead", self.queue)
    }

    /// The same queue by another way.
    pub(crate) fn by(&self, url: String) -> Self {
        Self { url, ..self.clone() }
    }
}
