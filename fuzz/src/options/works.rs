//! What an accepted set of options does on nodes in memory, and that a refused one sends nothing.

use std::time::Duration;

use redsync_core::{ErrorKind, InvalidOption, Mutex, Runtime};
use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};

use super::{Options, Tries};

/// Any number of tries is accepted, also where each takes a nanosecond; this many are made.
const MOST_TRIES: u32 = 20;
/// How long a call may go on before it is cancelled.
const PATIENCE: Duration = Duration::from_millis(50);
/// Longer than some of the node time-outs, and shorter than most.
const REPLY_DELAY: Duration = Duration::from_millis(1);

pub(super) fn assert_calls_are_refused(mutex: &Mutex, runtime: &VirtualRuntime, refusal: &InvalidOption) {
    let kinds = [
        runtime.block_on(mutex.lock()).err().map(|error| error.kind()),
        runtime.block_on(mutex.extend()).err().map(|error| error.kind()),
        runtime.block_on(mutex.unlock()).err().map(|error| error.kind()),
    ];
    assert_eq!(kinds, [Some(ErrorKind::InvalidOption); 3], "{refusal}");
}

/// Takes a lock, extends it and gives it back, or fails to while another has it.
pub(super) fn check(options: &Options, mutex: Mutex, runtime: &VirtualRuntime, nodes: &[MemoryNode]) {
    for node in nodes {
        node.delay_replies(REPLY_DELAY);
        if options.is_taken {
            node.set(mutex.name(), "somebody else's", None);
        }
    }
    let mutex = options.with_fewer_tries(mutex);
    let start = runtime.now();
    let cancel = runtime.sleep_until(start.plus(PATIENCE));
    let locked = runtime.block_on(mutex.lock_unless(cancel));
    assert!(runtime.now().since(start) <= PATIENCE, "a call that cannot be cancelled");
    let Ok(guard) = locked else { return };
    assert!(!options.is_taken, "two holders");
    assert!(guard.valid_for() <= options.validity(), "{:?}", guard.valid_for());
    // Whether these succeed is a matter of how much time the options leave.
    drop(runtime.block_on(guard.extend()));
    assert!(guard.valid_for() <= options.validity(), "{:?}", guard.valid_for());
    drop(runtime.block_on(guard.release()));
}

impl Options {
    fn with_fewer_tries(&self, mutex: Mutex) -> Mutex {
        let fewer =
            |tries: &Option<Tries>| tries.as_ref().map_or(MOST_TRIES, |tries| tries.0.min(MOST_TRIES));
        let [tries, extend, release] = [&self.tries, &self.extend_tries, &self.release_tries].map(fewer);
        mutex.tries(tries).extend_tries(extend).release_tries(release)
    }
}
