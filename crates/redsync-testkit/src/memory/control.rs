//! What a test can do to a [`MemoryNode`] and to the network before it.

use std::{collections::BTreeMap, time::Duration};

use redsync_core::wire::Native;

use super::{ErrorReply, Held, Loss, MemoryNode, Snapshot, keyspace::Keyspace};

/// The server's process.
impl MemoryNode {
    /// Stops the server at once: the connections of requests that wait for their reply break, and further
    /// requests are never sent. The keys stay for [`start`](Self::start), as if the server saved every write.
    pub fn stop(&self) {
        self.server.with(|state| state.stop());
    }

    /// Starts the server again with the keys and scripts that it has.
    pub fn start(&self) {
        self.server.with(|state| state.start());
    }

    /// Restarts the server empty: keys and scripts are gone, and the connections of requests that wait for
    /// their reply break. A stopped server stays stopped.
    pub fn wipe(&self) {
        self.restore(&Snapshot(Keyspace::default()));
    }

    /// Restarts the server with the keys of a snapshot, of which those that have expired since are gone.
    ///
    /// Scripts are forgotten and connections break, as in [`wipe`](Self::wipe).
    pub fn restore(&self, snapshot: &Snapshot) {
        self.server.with(|state| {
            state.break_off_all();
            state.keyspace.restore(&snapshot.0);
        });
    }

    /// Forgets the scripts, as `SCRIPT FLUSH` does.
    pub fn flush_scripts(&self) {
        self.server.with(|state| state.keyspace.forget_scripts());
    }

    /// Makes this the one compare-and-delete that the server has as a command; at first it has none.
    pub fn set_native(&self, native: Option<Native>) {
        self.server.with(|state| state.keyspace.set_native(native));
    }

    /// Keeps scripts from finding out which compare-and-delete the server has as a command, as anything may that goes
    /// wrong inside of one.
    pub fn hide_native(&self, hide: bool) {
        self.server.with(|state| state.keyspace.hide_native(hide));
    }

    /// Holds the server: requests arrive and wait, also those whose caller has gone.
    pub fn pause(&self) {
        self.server.with(|state| state.pause());
    }

    /// Lets the server go on: it executes what has arrived, in that order, then serves as before.
    pub fn resume(&self) {
        self.server.with(|state| state.resume());
    }

    /// The requests that have arrived at the paused server, in that order, to be let go in another.
    ///
    /// ```
    /// # use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};
    /// # let node = MemoryNode::new(VirtualRuntime::new(0).shared());
    /// node.pause();
    /// // Here the code under test runs for a while.
    /// for held in node.held().into_iter().rev() {
    ///     held.reply();
    /// }
    /// ```
    pub fn held(&self) -> Vec<Held> {
        Held::all(&self.server)
    }

    /// Turns every request away with this error, such as `LOADING` or `OOM`, without executing it.
    pub fn refuse_all(&self, error: ErrorReply) {
        self.server.with(|state| state.faults.refuse_all = Some(error));
    }

    /// Turns the requests of one command away with this error, such as `NOPERM` for `EVALSHA`.
    pub fn refuse(&self, command: &str, error: ErrorReply) {
        self.server.with(|state| state.faults.refuse.insert(command.to_uppercase(), error));
    }

    /// Takes back [`refuse_all`](Self::refuse_all) and [`refuse`](Self::refuse).
    pub fn refuse_none(&self) {
        self.server.with(|state| {
            state.faults.refuse_all = None;
            state.faults.refuse.clear();
        });
    }
}

/// The network and the client before the server.
impl MemoryNode {
    /// From now on requests are lost on their way, so that they are never executed.
    pub fn lose_requests(&self, loss: Loss) {
        self.server.with(|state| state.faults.request_loss = loss);
    }

    /// From now on replies are lost on their way, while their requests are executed.
    pub fn lose_replies(&self, loss: Loss) {
        self.server.with(|state| state.faults.reply_loss = loss);
    }

    /// From now on requests take this long to the server. A later one can overtake when this is made shorter,
    /// and with [`jitter`](Self::jitter).
    pub fn delay_requests(&self, delay: Duration) {
        self.server.with(|state| state.faults.request_delay = delay);
    }

    /// From now on replies take this long from the server.
    pub fn delay_replies(&self, delay: Duration) {
        self.server.with(|state| state.faults.reply_delay = delay);
    }

    /// From now on each message takes up to this much longer, by the runtime's random bits.
    pub fn jitter(&self, jitter: Duration) {
        self.server.with(|state| state.faults.jitter = jitter);
    }

    /// From now on every request is executed twice in a row and the second reply counts: what becomes of a
    /// request that a client sent again because it missed the first reply.
    pub fn repeat_requests(&self, repeat: bool) {
        self.server.with(|state| state.faults.repeat = repeat);
    }

    /// From now on a call is pending for this many more polls after its reply has come, each of which is a
    /// place where a test can drop it.
    pub fn extra_polls(&self, polls: usize) {
        self.server.with(|state| state.faults.extra_polls = polls);
    }

    /// How many requests were handed over, by the name of their command, whatever became of them.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        self.server.with(|state| state.calls.clone())
    }

    /// Begins the count of [`calls`](Self::calls) anew.
    pub fn forget_calls(&self) {
        self.server.with(|state| state.calls.clear());
    }
}
