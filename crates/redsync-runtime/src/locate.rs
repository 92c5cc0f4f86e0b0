//! [`locate`]: which runtime the calling thread runs in.

use std::sync::Arc;

use redsync_core::Runtime;

/// Says that there is no async runtime to work with.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "there is no async runtime here: call this inside of a Tokio runtime, after `Handle::enter`, or with \
     smol enabled by its feature"
)]
#[non_exhaustive]
pub struct NoRuntime;

/// Finds the runtime that the calling thread works with, by the rule of the `redis` crate: Tokio where the
/// thread is in a Tokio runtime, else smol where that feature is on.
///
/// # Errors
///
/// [`NoRuntime`] when the thread is not in a Tokio runtime and the feature `smol` is off.
pub fn locate() -> Result<Arc<dyn Runtime>, NoRuntime> {
    #[cfg(feature = "tokio")]
    if let Ok(runtime) = crate::TokioRuntime::current() {
        return Ok(Arc::new(runtime));
    }
    otherwise()
}

#[cfg(feature = "smol")]
fn otherwise() -> Result<Arc<dyn Runtime>, NoRuntime> {
    Ok(Arc::new(crate::SmolRuntime))
}

#[cfg(not(feature = "smol"))]
fn otherwise() -> Result<Arc<dyn Runtime>, NoRuntime> {
    Err(NoRuntime)
}
