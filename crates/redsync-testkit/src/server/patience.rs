//! A wait with an end, for what servers agree on among themselves and give no event for.

use std::thread;
use std::time::{Duration, Instant};

use super::ServerError;

const PATIENCE: Duration = Duration::from_secs(60);
const POLL_EVERY: Duration = Duration::from_millis(10);

/// Asks again and again until `is_so`; a server that does not answer meanwhile is asked again too.
pub(super) fn until(
    what: &'static str,
    mut is_so: impl FnMut() -> Result<bool, ServerError>,
) -> Result<(), ServerError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = is_so();
        match answer {
            Ok(true) => return Ok(()),
            Ok(false) if Instant::now() < deadline => {}
            Ok(false) => return Err(ServerError::InVain { what }),
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(_) => {}
        }
        thread::sleep(POLL_EVERY);
    }
}
