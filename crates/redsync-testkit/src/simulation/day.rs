//! The last act: a day on which nothing is wrong, but for a minority of the servers that are down or hang.
//!
//! Whatever is done comes as documented, and at once: neither dead nor hung servers cost anything while a quorum
//! answers.

mod renewal;
mod travel;

use std::{
    future::ready,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::future::{Either, join, join3, select};
use redsync_core::{BoxFuture, ErrorKind, Guard, Mutex, Released, Runtime};

use self::{
    renewal::TWO_TTLS,
    travel::{AGAIN_AND_AGAIN, AT_THE_LAST_MOMENT, IN_THE_QUEUE},
};
use super::{
    event::{What, Who},
    network::Weather,
    server::{Comeback, Server},
    stage::{Desk, Stage},
};
use crate::cancel::drop_after;

/// Long enough for what goes on in the background.
const LONG: Duration = Duration::from_secs(30);
/// A pause in which all that is on its way at this moment arrives.
const INSTANT: Duration = Duration::from_micros(1);
/// What a scene lasts in which everything happens at once.
const NONE: Duration = Duration::ZERO;
/// How many scenes each process plays.
const SCENES_EACH: usize = 2;

/// What was not as documented.
type Verdict = Result<(), String>;

/// One thing that users do, and what must come of it.
type Scene = fn(Scenery) -> BoxFuture<'static, Verdict>;

/// Where a scene is played.
struct Scenery {
    stage: Stage,
    desk: Desk,
    /// Of a name that nobody else uses.
    mutex: Mutex,
}

/// What is played, and how long that lasts beside what is awaited.
const SCENES: [(&str, Duration, Scene); 20] = [
    ("a lock is taken, extended and released", NONE, |scenery| Box::pin(scenery.a_lock_is_used())),
    ("a rival is refused", NONE, |scenery| Box::pin(scenery.a_rival_is_refused())),
    ("the same value is refused", NONE, |scenery| Box::pin(scenery.the_same_value_is_refused())),
    ("a failed release is repeated", NONE, |scenery| Box::pin(scenery.a_failed_release_is_repeated())),
    ("a lock is released by its value", NONE, |scenery| Box::pin(scenery.a_lock_is_released_by_its_value())),
    ("a lock is deleted by hand", NONE, |scenery| Box::pin(scenery.a_lock_is_deleted_by_hand())),
    ("a lost lock is extended", NONE, |scenery| Box::pin(scenery.a_lost_lock_is_extended())),
    ("the reply to a release is lost", NONE, |scenery| Box::pin(scenery.the_reply_to_a_release_is_lost())),
    ("no server can be reached", NONE, |scenery| Box::pin(scenery.no_server_can_be_reached())),
    ("a call is cancelled", NONE, |scenery| Box::pin(scenery.a_call_is_cancelled())),
    ("a lock travels", NONE, |scenery| Box::pin(scenery.a_lock_travels())),
    ("a lock is handed over at the last moment", AT_THE_LAST_MOMENT, |scenery| {
        Box::pin(scenery.a_lock_is_handed_over_at_the_last_moment())
    }),
    ("a lock is handed back", NONE, |scenery| Box::pin(scenery.a_lock_is_handed_back())),
    ("a hand-back is not heard of", IN_THE_QUEUE, |scenery| Box::pin(scenery.a_hand_back_is_not_heard_of())),
    ("a late release leaves a token", AT_THE_LAST_MOMENT, |scenery| {
        Box::pin(scenery.a_late_release_leaves_a_token())
    }),
    ("a token expires", IN_THE_QUEUE, |scenery| Box::pin(scenery.a_token_expires())),
    ("two adopt at once", AGAIN_AND_AGAIN, |scenery| Box::pin(scenery.two_adopt_at_once())),
    ("a rival makes room", AGAIN_AND_AGAIN, |scenery| Box::pin(scenery.a_rival_makes_room())),
    ("a lock outlives its TTL", TWO_TTLS, |scenery| Box::pin(scenery.a_lock_outlives_its_ttl())),
    ("work under a lost lock is stopped", TWO_TTLS, |scenery| {
        Box::pin(scenery.work_under_a_lost_lock_is_stopped())
    }),
];

/// The last scene of a process.
const CLOSING: (&str, Duration, Scene) =
    ("a client is shut down", NONE, |scenery| Box::pin(scenery.a_client_is_shut_down()));

/// Plays the act.
pub(super) fn play(stage: &Stage) {
    let first = stage.index(stage.servers.len());
    let minority = stage.servers.len() - stage.plan.quorum;
    let down: Vec<_> = stage.servers.iter().cycle().skip(first).take(minority).collect();
    for server in &down {
        if stage.once_in(2) { server.crash(Comeback::WithData) } else { server.pause() }
    }
    for desk in stage.desks() {
        set_weather(&desk, Weather::default());
        for _ in 0..SCENES_EACH {
            let scene = SCENES.get(stage.index(SCENES.len())).copied().unwrap_or(CLOSING);
            play_scene(stage, &desk, scene);
        }
    }
    for desk in stage.desks() {
        if stage.once_in(4) {
            play_scene(stage, &desk, CLOSING);
        }
    }
    for server in down {
        if server.is_paused() { server.resume() } else { server.start() }
    }
    let tasks = stage.world.run_until_idle(LONG);
    if tasks > 0 {
        stage.record(Who::Fate, What::StillBusy { tasks });
    }
    // What a server executes that has stood still for longer than a TTL stands for one.
    stage.world.run_for(IN_THE_QUEUE);
    stage.record(Who::Fate, What::MustBeClean { names: "day:" });
}

fn play_scene(stage: &Stage, desk: &Desk, (name, lasts, scene): (&'static str, Duration, Scene)) {
    if stage.is_violated() {
        return;
    }
    let begun = stage.world.now();
    let mutex = desk.client.mutex(format!("day:{}", stage.next_lock())).tries(1);
    let mutex = mutex.extend_tries(1).release_tries(1);
    let scenery = Scenery { stage: stage.clone(), desk: desk.clone(), mutex };
    let outcome = stage.world.block_on(scene(scenery));
    let took = stage.world.now().since(begun).saturating_sub(lasts);
    stage.record(Who::Fate, What::Undisturbed { scene: name, outcome, took });
}

fn set_weather(desk: &Desk, weather: Weather) {
    desk.paths.iter().for_each(|path| path.set_weather(weather));
}

impl Scenery {
    async fn a_lock_is_used(self) -> Verdict {
        let has_given = AtomicBool::new(false);
        let mutex = match self.stage.pick(4) {
            0 => self.mutex.label("day"),
            1 => self.mutex.with_value("of the day"),
            // One try takes one value, so that it does not matter that there is no other.
            2 => self.mutex.value_fn(move || match has_given.swap(true, Ordering::Relaxed) {
                false => Ok("the only one".to_owned()),
                true => Err("there was only one".into()),
            }),
            _ => self.mutex,
        };
        let guard = lock(&mutex).await?;
        guard.extend().await.map_err(|error| error.to_string())?;
        release(guard, Released::Held).await
    }

    async fn a_rival_is_refused(self) -> Verdict {
        let guard = lock(&self.mutex).await?;
        fails(&self.mutex.clone().with_value("the rival's"), ErrorKind::Taken).await?;
        fails(&self.mutex, ErrorKind::Taken).await?;
        release(guard, Released::Held).await?;
        // What the rival has asked for may arrive only now, and is taken back.
        self.stage.wait(INSTANT).await;
        release(lock(&self.mutex).await?, Released::Held).await
    }

    async fn the_same_value_is_refused(self) -> Verdict {
        let mutex = self.mutex.with_value("everybody's");
        let guard = lock(&mutex).await?;
        fails(&mutex, ErrorKind::HeldUnderThisValue).await?;
        release(guard, Released::Held).await
    }

    async fn a_failed_release_is_repeated(self) -> Verdict {
        let mutex = match self.stage.once_in(2) {
            true => self.mutex.with_value("the worker's"),
            false => self.mutex,
        };
        let guard = lock(&mutex).await?;
        set_weather(&self.desk, Weather { is_refused: true, ..Weather::default() });
        let failed = guard.release().await;
        set_weather(&self.desk, Weather::default());
        let error = failed.err().ok_or("a release succeeded at servers that cannot be reached")?;
        is(error.kind(), ErrorKind::Unreachable)?;
        let guard = error.into_guard();
        is(guard.is_valid(), false)?;
        let released = guard.release().await.map_err(|error| error.to_string())?;
        if released == Released::AlreadyGone {
            return Err("called gone".to_owned());
        }
        // Nothing keeps the value from being used again.
        self.stage.wait(INSTANT).await;
        release(lock(&mutex).await?, Released::Held).await
    }

    async fn a_lock_is_released_by_its_value(self) -> Verdict {
        let mutex = self.mutex.clone().with_value("the job's");
        let guard = lock(&mutex).await?;
        mutex.extend().await.map_err(|error| error.to_string())?;
        unlock(&mutex, Released::Held).await?;
        unlock(&mutex, self.gone()).await?;
        is(mutex.extend().await.map_err(|error| error.kind()), Err(ErrorKind::Lost))?;
        match self.stage.once_in(2) {
            true => release(guard, self.gone()).await,
            // A fixed value that is nobody's any more may be a rival's by now.
            false => lost(guard, Released::Expired).await,
        }
    }

    async fn a_lock_is_deleted_by_hand(self) -> Verdict {
        let guard = lock(&self.mutex).await?;
        for server in &self.stage.servers {
            server.node().execute(&["DEL", guard.name()]).map_err(|error| error.to_string())?;
        }
        match self.stage.pick(3) {
            0 => release(guard, self.gone()).await,
            1 => lost(guard, self.gone()).await,
            _ => {
                let handed_over = guard.hand_over(LONG).await.map(drop);
                let error = handed_over.err().ok_or("a lock was handed over that nobody held")?;
                is(error.kind(), ErrorKind::Lost)?;
                release(error.into_guard(), self.gone()).await
            }
        }
    }

    /// Of two extensions at once the first finds that the lock is lost, and the second gets every key anew.
    async fn a_lost_lock_is_extended(self) -> Verdict {
        let guard = lock(&self.mutex.clone().revive_on_extend(true)).await?;
        // From now on no script has to be sent a second time, and nothing is on its way.
        guard.extend().await.map_err(|error| error.to_string())?;
        self.stage.wait(INSTANT).await;
        let name = guard.name();
        let has_it = |server: &&Server| server.node().get(name).as_deref() == Some(guard.value());
        let nodes: Vec<_> = self.stage.servers.iter().filter(has_it).map(Server::node).collect();
        nodes.iter().for_each(|node| node.pause());
        let later = async {
            self.stage.wait(INSTANT).await;
            guard.extend().await
        };
        let servers = async {
            self.stage.wait(INSTANT * 2).await;
            nodes.iter().for_each(|node| node.set(name, "a rival's", None));
            nodes.iter().flat_map(|node| node.held().into_iter().next()).for_each(|first| first.reply());
            self.stage.wait(INSTANT).await;
            for node in &nodes {
                node.execute(&["DEL", name]).map_err(|error| error.to_string())?;
                node.resume();
            }
            Ok::<_, String>(())
        };
        let (first, _, done) = join3(guard.extend(), later, servers).await;
        done?;
        is(first.map_err(|error| error.kind()), Err(ErrorKind::Lost))?;
        is(guard.is_valid(), false)?;
        release(guard, Released::Held).await
    }

    /// By whatever command a release goes: what has deleted the key and was not heard of has not found it missing.
    async fn the_reply_to_a_release_is_lost(self) -> Verdict {
        let guard = lock(&self.mutex).await?;
        self.stage.wait(INSTANT).await;
        let up = |server: &&Server| server.node().get(guard.name()).is_some();
        let nodes: Vec<_> = self.stage.servers.iter().filter(up).map(Server::node).collect();
        nodes.iter().for_each(|node| node.pause());
        let servers = async {
            self.stage.wait(INSTANT).await;
            nodes.iter().flat_map(|node| node.held()).for_each(|held| held.execute());
            // Nor does a server that hangs keep anybody waiting.
            let held = self.stage.servers.iter().flat_map(|server| server.node().held());
            held.for_each(|held| held.lose());
            nodes.iter().for_each(|node| node.resume());
        };
        match join(guard.release(), servers).await.0 {
            Ok(Released::Unclear) => Ok(()),
            Ok(released) => Err(format!("{released:?} though no reply has come")),
            Err(error) => is(error.kind(), ErrorKind::Unreachable),
        }
    }

    async fn no_server_can_be_reached(self) -> Verdict {
        let guard = lock(&self.mutex).await?;
        set_weather(&self.desk, Weather { is_refused: true, ..Weather::default() });
        let (refused, extended) = (fails(&self.mutex, ErrorKind::Unreachable).await, guard.extend().await);
        set_weather(&self.desk, Weather::default());
        refused?;
        is(extended.map_err(|error| error.kind()), Err(ErrorKind::Unreachable))?;
        is(guard.is_valid(), true)?;
        release(guard, Released::Held).await
    }

    async fn a_call_is_cancelled(self) -> Verdict {
        let at_once = self.mutex.lock_unless(ready(())).await;
        is(at_once.map(drop).map_err(|error| error.kind()), Err(ErrorKind::Cancelled))?;
        let guard = lock(&self.mutex).await?;
        let mutex = self.mutex.tries(100).retry_delay(LONG);
        let wakes = self.stage.world.sleep_until(self.stage.world.now());
        let while_it_waits = mutex.lock_unless(wakes).await;
        is(while_it_waits.map(drop).map_err(|error| error.kind()), Err(ErrorKind::Cancelled))?;
        release(guard, Released::Held).await
    }

    async fn a_client_is_shut_down(self) -> Verdict {
        let client = &self.desk.client;
        let guard = lock(&self.mutex).await?;
        let mutex = self.mutex.clone().tries(100).retry_delay(LONG);
        let begun = pin!(mutex.lock());
        let turn = self.stage.world.sleep_until(self.stage.world.now());
        let Either::Right((_, waiting)) = select(begun, turn).await else {
            return Err("a lock that is held was granted or refused at once".to_owned());
        };
        // All but the waiting happens on the first poll.
        let _ = drop_after(1, client.shutdown()).await;
        is(waiting.await.map(drop).map_err(|error| error.kind()), Err(ErrorKind::Cancelled))?;
        fails(&self.mutex, ErrorKind::Cancelled).await?;
        guard.extend().await.map_err(|error| error.to_string())?;
        release(guard, Released::Held).await
    }

    /// What a release of a lock says that is gone: where requests may be sent twice, the first may have deleted it.
    fn gone(&self) -> Released {
        if self.stage.plan.repeats { Released::Unclear } else { Released::AlreadyGone }
    }
}

async fn lock(mutex: &Mutex) -> Result<Guard, String> {
    mutex.lock().await.map_err(|error| error.to_string())
}

async fn fails(mutex: &Mutex, kind: ErrorKind) -> Verdict {
    is(mutex.try_lock().await.map(drop).map_err(|error| error.kind()), Err(kind))
}

async fn lost(guard: Guard, released: Released) -> Verdict {
    is(guard.extend().await.map_err(|error| error.kind()), Err(ErrorKind::Lost))?;
    is(guard.is_valid(), false)?;
    release(guard, released).await
}

async fn release(guard: Guard, expected: Released) -> Verdict {
    is(guard.release().await.map_err(|error| error.to_string()), Ok(expected))
}

async fn unlock(mutex: &Mutex, expected: Released) -> Verdict {
    is(mutex.unlock().await.map_err(|error| error.to_string()), Ok(expected))
}

fn is<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Verdict {
    if found == expected { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}")) }
}
