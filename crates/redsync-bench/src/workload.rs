//! What is measured.

pub(crate) mod alone;
pub(crate) mod travels;

use std::time::Duration;

/// Of all locks here.
pub(crate) const TTL: Duration = Duration::from_secs(8);
