//! Locks that are held while their master dies and a replica takes its place, with or without the locks.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, join, select};
use redsync_core::{Error, ErrorKind, Guard, Mutex, Redsync, Released};

use super::stage::{get, lasts, redsync, shorten};
use super::{Driver, Place};
use crate::server::{Cluster, Sentinels, Server, ServerError};

/// Locks in one slot of a cluster.
const NAME: &str = "{report}:7";
const OTHER: &str = "{report}:8";
const BUSY: &str = "{report}:9";
/// Longer than a whole test.
const TTL: Duration = Duration::from_secs(120);
const DEADLINE: Duration = Duration::from_secs(2);
/// What a call may take on top of its deadline on a busy machine.
const SLACK: Duration = Duration::from_secs(5);
/// How long a driver has to find the new master.
const RECOVERY: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// Is a master with a replica that can take its place.
pub(super) trait Group: Send + Sync + 'static {
    fn place(&self) -> Place;
    fn master(&self) -> Result<&Server, ServerError>;
    fn fail_over(&self) -> Result<&Server, ServerError>;
    fn cut_off(&self) -> Result<(), ServerError>;
    fn fail_over_without(&self) -> Result<&Server, ServerError>;
}

/// See [`sentinel_fail_over`](super::sentinel_fail_over).
pub(super) async fn keeps<D: Driver, G: Group>(group: Arc<G>) {
    let (here, there) = (connected::<D, _>(&*group).await, connected::<D, _>(&*group).await);
    let extended = lock(&here, NAME).await;
    let released = lock(&here, OTHER).await;
    let busy = lock(&here, BUSY).await;
    let outage = off_thread(&group, |group| group.fail_over().map(drop));
    select(pin!(outage), pin!(extend_all_the_time::<D>(&busy))).await;
    let master = group.master().expect("there is a new one");
    assert_eq!(get(master, NAME).as_deref(), Some(extended.value()));
    shorten(master, NAME, 60_000);

    join(extend_at_last::<D>(&extended), release_at_last::<D>(released)).await;
    extend_at_last::<D>(&busy).await;
    assert_eq!(get(master, NAME).as_deref(), Some(extended.value()));
    assert!(lasts(master, NAME) > 80_000, "it was not extended on the new master");
    assert_eq!(get(master, OTHER), None);

    assert_eq!(refused_at_last::<D>(&there).await, ErrorKind::Taken);
    release_at_last::<D>(extended).await;
    assert_eq!(get(master, NAME), None);
    lock_at_last::<D>(&there).await.release().await.expect("it answers");
}

/// See [`sentinel_of_a_hung_master`](super::sentinel_of_a_hung_master).
pub(super) async fn outlives<D: Driver>(sentinels: Arc<Sentinels>) {
    let redsync = connected::<D, _>(&*sentinels).await;
    let guard = lock(&redsync, NAME).await;
    off_thread(&sentinels, |sentinels| sentinels.fail_over_from_hung().map(drop)).await;
    let master = sentinels.master().expect("there is a new one");
    shorten(master, NAME, 60_000);
    extend_at_last::<D>(&guard).await;
    assert!(lasts(master, NAME) > 80_000, "it was not extended on the new master");
}

/// See [`sentinel_loses_lock`](super::sentinel_loses_lock).
pub(super) async fn loses<D: Driver, G: Group>(group: Arc<G>) {
    let (here, there) = (connected::<D, _>(&*group).await, connected::<D, _>(&*group).await);
    off_thread(&group, Group::cut_off).await;
    let lost = lock(&here, NAME).await;
    assert_eq!(get(group.master().expect("it is named"), NAME).as_deref(), Some(lost.value()));
    off_thread(&group, |group| group.fail_over_without().map(drop)).await;
    let master = group.master().expect("there is a new one");
    assert_eq!(get(master, NAME), None, "the replica was to miss it");

    let error = at_last::<D, _, _>(|| async { reached(lost.extend().await) }).await.expect_err("it is lost");
    assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
    assert!(!lost.is_valid());

    let rival = lock_at_last::<D>(&there).await;
    assert_eq!(get(master, NAME).as_deref(), Some(rival.value()));
    group.place().assert_found_nothing(lost.release().await.expect("it answers"));
    assert_eq!(get(master, NAME).as_deref(), Some(rival.value()));
    assert_eq!(rival.release().await.expect("it answers"), Released::Held);
}

/// Connections of their own. The first one to a large group can take longer than a call may.
async fn connected<D: Driver, G: Group>(group: &G) -> Redsync {
    let redsync = redsync::<D>(&[group.place()]).await;
    let look = || async { reached(mutex(&redsync, NAME).with_value("nobody's").unlock().await) };
    at_last::<D, _, _>(look).await.expect("it answers");
    redsync
}

/// Goes on through the outage, until it is dropped; nothing worse happens than that nobody answers.
async fn extend_all_the_time<D: Driver>(guard: &Guard) {
    loop {
        if let Some(news) = reached(bounded::<D, _>(guard.extend()).await) {
            news.expect("it is held");
        }
        pause::<D>().await;
    }
}

async fn extend_at_last<D: Driver>(guard: &Guard) {
    at_last::<D, _, _>(|| async { reached(guard.extend().await) }).await.expect("it is held");
    assert!(guard.is_valid());
}

/// Releases what is held; a reply that was lost on the way leaves it unclear whether it was held until then.
async fn release_at_last<D: Driver>(mut guard: Guard) {
    let deadline = D::runtime().now().plus(RECOVERY);
    let released = loop {
        match bounded::<D, _>(guard.release()).await {
            Ok(released) => break released,
            Err(error) => {
                assert_eq!(error.error().kind(), ErrorKind::Unreachable, "{error}");
                guard = error.into_guard();
            }
        }
        assert!(D::runtime().now() < deadline, "the new master is not found");
        pause::<D>().await;
    };
    assert!(matches!(released, Released::Held | Released::Unclear), "{released:?}");
}

async fn lock_at_last<D: Driver>(redsync: &Redsync) -> Guard {
    let lock = || async { reached(mutex(redsync, NAME).try_lock().await) };
    at_last::<D, _, _>(lock).await.expect("it is free")
}

async fn refused_at_last<D: Driver>(redsync: &Redsync) -> ErrorKind {
    let lock = || async { reached(mutex(redsync, NAME).try_lock().await) };
    at_last::<D, _, _>(lock).await.expect_err("it is taken").kind()
}

/// Nothing, while the new master is not found.
fn reached<T>(result: Result<T, Error>) -> Option<Result<T, Error>> {
    match result {
        Err(error) if error.kind() == ErrorKind::Unreachable => None,
        Ok(_) | Err(_) => Some(result),
    }
}

/// Calls again and again until there is news, which has to be soon.
async fn at_last<D: Driver, T, F: Future<Output = Option<T>>>(call: impl Fn() -> F) -> T {
    let deadline = D::runtime().now().plus(RECOVERY);
    loop {
        if let Some(news) = bounded::<D, _>(call()).await {
            return news;
        }
        assert!(D::runtime().now() < deadline, "the new master is not found");
        pause::<D>().await;
    }
}

/// Panics when a call does not end by its deadline.
async fn bounded<D: Driver, F: Future>(call: F) -> F::Output {
    let runtime = D::runtime();
    let late = runtime.sleep_until(runtime.now().plus(DEADLINE + SLACK));
    match select(pin!(call), late).await {
        Either::Left((output, _)) => output,
        Either::Right(_) => panic!("a call went on after its deadline"),
    }
}

async fn pause<D: Driver>() {
    let runtime = D::runtime();
    runtime.sleep_until(runtime.now().plus(PAUSE)).await;
}

/// Does what blocks on a thread of its own, so that the driver goes on meanwhile.
async fn off_thread<G: Send + Sync + 'static>(
    group: &Arc<G>,
    work: impl FnOnce(&G) -> Result<(), ServerError> + Send + 'static,
) {
    let (send, receive) = oneshot::channel();
    let group = Arc::clone(group);
    let worker = thread::spawn(move || send.send(work(&group)));
    receive.await.expect("it does not panic").expect("the servers come to agree");
    worker.join().expect("it does not panic").expect("its result was received");
}

async fn lock(redsync: &Redsync, name: &str) -> Guard {
    mutex(redsync, name).lock().await.expect("it is free")
}

fn mutex(redsync: &Redsync, name: &str) -> Mutex {
    redsync.mutex(name).ttl(TTL).deadline(DEADLINE)
}

impl Group for Cluster {
    fn place(&self) -> Place {
        Place::Cluster(self.urls())
    }

    fn master(&self) -> Result<&Server, ServerError> {
        self.owner(NAME)
    }

    fn fail_over(&self) -> Result<&Server, ServerError> {
        self.fail_over(NAME)
    }

    fn cut_off(&self) -> Result<(), ServerError> {
        self.cut_off(NAME)
    }

    fn fail_over_without(&self) -> Result<&Server, ServerError> {
        self.fail_over_without(NAME)
    }
}

impl Group for Sentinels {
    fn place(&self) -> Place {
        Place::Sentinel { urls: self.urls(), group: self.group().to_owned() }
    }

    fn master(&self) -> Result<&Server, ServerError> {
        self.master()
    }

    fn fail_over(&self) -> Result<&Server, ServerError> {
        self.fail_over()
    }

    fn cut_off(&self) -> Result<(), ServerError> {
        self.cut_off()
    }

    fn fail_over_without(&self) -> Result<&Server, ServerError> {
        self.fail_over_without()
    }
}
