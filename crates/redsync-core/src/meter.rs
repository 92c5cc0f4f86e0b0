//! What is told to the [`metrics`](https://docs.rs/metrics) facade, where the feature `metrics` asks for it. Without it all
//! of this is empty.

#[cfg(feature = "metrics")]
mod on;
#[cfg(feature = "metrics")]
pub(crate) use on::{Hold, NodeMeter, Waiting, begin_counters};

#[cfg(not(feature = "metrics"))]
mod off;
#[cfg(not(feature = "metrics"))]
pub(crate) use off::{Hold, NodeMeter, Waiting};

/// How a lock came to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Lock,
    Adopt,
}
