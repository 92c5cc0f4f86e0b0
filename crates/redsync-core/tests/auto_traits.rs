//! What the compiler is promised of types and futures without a word of ours, and the lists of what is public leave out.

use redsync_core::{
    Builder, Error, Guard, GuardError, LockToken, LostError, Moment, Mutex, NodeError, Redsync, Reply,
    Request, Resumed, Ttl, Value,
};

fn shared<T: Send + Sync + 'static>() {}

fn copied<T: Send + Sync + Clone + 'static>() {}

fn sent<T: Send>(_: impl FnOnce() -> T) {}

#[test]
fn types_can_be_shared_among_threads_and_what_is_cheap_be_cloned() {
    shared::<Builder>();
    shared::<Guard>();
    shared::<GuardError>();
    shared::<Resumed>();
    shared::<Error>();
    shared::<LostError>();
    copied::<Redsync>();
    copied::<Mutex>();
    copied::<LockToken>();
    copied::<NodeError>();
    copied::<Reply>();
    copied::<Request>();
    copied::<Value>();
    copied::<Ttl>();
    copied::<Moment>();
}

#[test]
fn calls_can_be_awaited_in_spawned_tasks() {
    fn of(redsync: Redsync, mutex: Mutex, guards: [Guard; 3], token: LockToken) {
        sent(|| mutex.lock());
        sent(|| mutex.try_lock());
        sent(|| mutex.extend());
        sent(|| mutex.unlock());
        sent(|| mutex.adopt(&token));
        sent(|| redsync.settled());
        sent(|| redsync.shutdown());
        let [released, handed_over, handed_back] = guards;
        sent(|| handed_back.extend());
        sent(|| handed_back.lost());
        sent(|| handed_back.keep(std::future::ready(())));
        sent(|| released.release());
        sent(|| handed_over.hand_over(std::time::Duration::ZERO));
        sent(|| handed_back.hand_back(&token));
    }
    // It is the compiler that checks it.
    let _ = of;
}
