//! [`Stop`]: when the program is to end.

use tokio::sync::watch;

use crate::BoxError;

/// Resolves once Ctrl-C was pressed, or the process asked to end. Clones are the same.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// From now on signals do not end the process by themselves.
    pub(crate) fn on_signals() -> Result<Self, BoxError> {
        let (tell, told) = watch::channel(false);
        let asked = asked()?;
        tokio::spawn(async move {
            asked.await;
            tell.send_replace(true);
            // It stays true for as long as somebody asks.
            tell.closed().await;
        });
        Ok(Self(told))
    }

    pub(crate) async fn wait(mut self) {
        // Whoever tells is there until nobody asks any more.
        drop(self.0.wait_for(|is_to_end| *is_to_end).await);
    }

    pub(crate) fn has_come(&self) -> bool {
        *self.0.borrow()
    }
}

#[cfg(unix)]
fn asked() -> Result<impl Future<Output = ()>, BoxError> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn asked() -> Result<impl Future<Output = ()>, BoxError> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
