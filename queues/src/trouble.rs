//! [`Trouble`]: what stands before a broker and has publishing fail halfway; the same face for every broker.

use crate::{Failure, broker::Broker, server::Proxy};

/// A proxy before a broker.
pub(crate) enum Trouble {
    Bytes(Proxy),
    Resp(redsync_testkit::server::Proxy),
}

const ADD: &str = "XADD";

impl Trouble {
    pub(crate) async fn before(broker: Broker, port: u16) -> Result<Self, Failure> {
        Ok(match broker {
            Broker::Streams => Self::Resp(redsync_testkit::server::Proxy::start(port)?),
            Broker::Nats | Broker::RabbitMq => Self::Bytes(Proxy::start(port).await?),
        })
    }

    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Bytes(proxy) => proxy.port(),
            Self::Resp(proxy) => proxy.port(),
        }
    }

    /// What is published does not get to the broker from now on.
    pub(crate) fn lose_requests(&self) {
        match self {
            Self::Bytes(proxy) => proxy.hold_requests(),
            Self::Resp(proxy) => proxy.lose_requests(ADD),
        }
    }

    /// What is published gets there, and nobody hears of it, from now on.
    pub(crate) fn lose_replies(&self) {
        match self {
            Self::Bytes(proxy) => proxy.hold_replies(),
            Self::Resp(proxy) => proxy.lose_replies(ADD),
        }
    }

    /// Cuts the connections. Everything is passed on after that.
    pub(crate) fn cut(&self) {
        match self {
            Self::Bytes(proxy) => proxy.cut(),
            Self::Resp(proxy) => {
                proxy.cut();
                proxy.relieve();
            }
        }
    }
}
