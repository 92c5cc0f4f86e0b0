//! Distributed locks on Redis and Valkey by the Redlock algorithm, without a runtime and without a client.
//!
//! Applications depend on a driver crate, `redsync-redis-rs` say, which re-exports what stands here. This
//! crate is for those who write a driver (see [`Node`]), bring a runtime (see [`Runtime`]), or look into the
//! algorithm (see [`machine`]).
//!
//! # What a lock does and does not guarantee
//!
//! While a [`Guard`] says that it [is valid](Guard::is_valid), nobody else holds a valid guard of the same
//! name, as long as
//!
//! - clocks run at the same rate, give or take the [drift factor](Mutex::drift_factor), and no server's clock is
//!   stepped;
//! - everyone uses the same set of nodes;
//! - no node that granted the lock loses its data while the lock is held (a node that may come back empty or
//!   from an older snapshot stays away for the longest TTL in use).
//!
//! Of a [`LockToken`] that is delivered more than once at most one adoption is valid at a time, under the same
//! assumptions, where the longest TTL in use includes the wait that a lock is [handed over](Guard::hand_over) for.
//!
//! It cannot stop a process that sleeps past the end of the validity from going on when it wakes up. What such a process
//! writes can be refused by the lock's [fencing number](Guard::fence), which rises from holder to holder, under
//! [assumptions of its own](Mutex::fenced).

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod machine;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod wire;

mod adopt;
mod background;
mod bell;
mod call;
mod doubt;
mod drive;
mod error;
mod few;
mod guard;
mod hand_over;
mod held;
mod line;
mod lookout;
mod loss;
mod meter;
mod moment;
mod mutex;
mod node;
mod number;
mod options;
mod plan;
mod queue;
mod redsync;
mod renew;
mod resumed;
mod runtime;
mod seat;
mod source;
mod target;
mod token;
mod value;

pub use error::{Error, ErrorKind, GuardError, NodeReport};
pub use guard::Guard;
pub use loss::{Loss, LostError};
pub use machine::{delay::Delay, release::Released, round::Answer};
pub use moment::Moment;
pub use mutex::Mutex;
pub use node::{Delivery, Hint, Node, NodeError, NodeErrorKind, Reply, Request};
pub use options::InvalidOption;
pub use redsync::{Builder, Redsync};
pub use renew::Lost;
pub use resumed::Resumed;
pub use runtime::{BoxFuture, Runtime};
#[cfg(feature = "signed")]
pub use token::{InvalidKey, SigningKey, VerifyingKeys};
pub use token::{LockToken, TokenError};
pub use value::{Ttl, Value};
