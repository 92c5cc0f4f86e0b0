//! Scenes with locks that change hands.

use std::time::Duration;

use futures_util::future::join;
use redsync_core::{Delay, ErrorKind, Guard, LockToken, Mutex, Released};

use super::{INSTANT, Scenery, Verdict, is, lock, release, set_weather};
use crate::{
    memory::Loss,
    simulation::{network::Weather, server::Server},
};

/// How long the scenes last in which a token expires, and in which what goes on in the background is tried again.
pub(super) const IN_THE_QUEUE: Duration = Duration::from_millis(30);
/// How long the scene lasts in which a lock is almost over: its TTL, and the time that a server is waited for.
pub(super) const AT_THE_LAST_MOMENT: Duration = Duration::from_millis(100);
/// How long two may take who have to make room for each other again and again.
pub(super) const AGAIN_AND_AGAIN: Duration = Duration::from_millis(100);
/// How many characters at the end of a generated value are others when the lock was adopted.
const CHANGES: usize = 16;
/// How long tokens wait otherwise.
const WAIT: Duration = Duration::from_secs(60);
/// Every server in reach answers at once, and the others are heard for so long.
const NODE_TIMEOUT: Duration = Duration::from_micros(200);

impl Scenery {
    pub(super) async fn a_lock_travels(self) -> Verdict {
        let mutex = self.mutex();
        let token = self.hand_over(mutex.clone(), WAIT).await?;
        let worker = self.somebodys(mutex.name());
        let guard = adopt(&worker, &token).await?;
        is(guard.fence() > token.fence(), token.fence().is_some())?;
        not_adopted(&mutex, &token, ErrorKind::AlreadyAdopted).await?;
        guard.extend().await.map_err(|error| error.to_string())?;
        release(guard, Released::Held).await?;
        not_adopted(&worker, &token, ErrorKind::Expired).await?;
        // Nobody but who adopts it has the lock while it waits, and then everybody can.
        release(lock(&mutex).await?, Released::Held).await
    }

    /// A server that hangs does not use up what is left of the validity, and one that has lost the lock gets it again.
    pub(super) async fn a_lock_is_handed_over_at_the_last_moment(self) -> Verdict {
        let mutex = self.mutex().ttl(AT_THE_LAST_MOMENT / 2).node_timeout(AT_THE_LAST_MOMENT / 4);
        let guard = lock(&mutex).await?;
        self.stage.wait(guard.valid_for() - AT_THE_LAST_MOMENT / 8).await;
        let servers: Vec<_> = self.stage.servers.iter().filter(|server| !server.is_away()).collect();
        if let [server, _, ..] = servers[..] {
            server.node().execute(&["DEL", guard.name()]).map_err(|error| error.to_string())?;
        }
        let token = guard.hand_over(WAIT).await.map_err(|error| error.to_string())?;
        self.stage.wait(INSTANT).await;
        let has_it = |server: &&Server| server.node().get(token.name()).as_deref() == Some(token.value());
        is(servers.iter().all(has_it), true)?;
        release(adopt(&self.somebodys(token.name()), &token).await?, Released::Held).await
    }

    pub(super) async fn a_lock_is_handed_back(self) -> Verdict {
        let mutex = self.mutex();
        let token = self.hand_over(mutex.clone(), WAIT).await?;
        let worker = self.somebodys(mutex.name());
        for _ in 0..2 {
            let guard = adopt(&worker, &token).await?;
            guard.hand_back(&token).await.map_err(|error| error.to_string())?;
            self.stage.wait(INSTANT).await;
        }
        let guard = adopt(&worker, &token).await?;
        // The lock goes on, and the token that it came from is none for it.
        let second = guard.hand_over(WAIT).await.map_err(|error| error.to_string())?;
        self.stage.wait(INSTANT).await;
        not_adopted(&worker, &token, ErrorKind::AlreadyAdopted).await?;
        release(adopt(&worker, &second).await?, Released::Held).await
    }

    /// Somebody else may have the lock by then, and hand it back in his turn.
    pub(super) async fn a_hand_back_is_not_heard_of(self) -> Verdict {
        let token = self.hand_over(self.mutex(), WAIT).await?;
        let guard = adopt(&self.mutex().node_timeout(NODE_TIMEOUT), &token).await?;
        set_weather(&self.desk, Weather { replies: Loss::Broken, ..Weather::default() });
        let handed_back = guard.hand_back(&token).await;
        set_weather(&self.desk, Weather::default());
        let error = handed_back.err().ok_or("a hand-back succeeded without a reply")?;
        is(error.kind(), ErrorKind::Unreachable)?;
        let other = adopt(&self.somebodys(token.name()), &token).await?;
        release(error.into_guard(), Released::Unclear).await?;
        other.hand_back(&token).await.map_err(|error| error.to_string())?;
        self.stage.wait(IN_THE_QUEUE).await;
        release(adopt(&self.somebodys(token.name()), &token).await?, Released::Held).await
    }

    pub(super) async fn a_token_expires(self) -> Verdict {
        let wait = IN_THE_QUEUE / 3;
        // A lock that is handed over lasts for its own TTL at least.
        let token = self.hand_over(self.mutex.clone().ttl(wait), wait).await?;
        self.stage.wait(wait * 9 / 10).await;
        match self.stage.pick(3) {
            0 => return release(adopt(&self.mutex, &token).await?, Released::Held).await,
            1 => return self.an_expired_guard_is_not_handed_back(token, wait).await,
            _ => {}
        }
        self.stage.wait(IN_THE_QUEUE - wait).await;
        not_adopted(&self.mutex, &token, ErrorKind::Expired).await?;
        let guard = lock(&self.mutex).await?;
        not_adopted(&self.mutex, &token, ErrorKind::Taken).await?;
        release(guard, Released::Held).await
    }

    /// What stands there by then may be a rival's, and the token's value be good again by his doing.
    async fn an_expired_guard_is_not_handed_back(self, token: LockToken, ttl: Duration) -> Verdict {
        let guard = adopt(&self.mutex.clone().ttl(ttl), &token).await?;
        self.stage.wait(IN_THE_QUEUE - ttl).await;
        let rival = lock(&self.mutex).await?;
        let handed_back = guard.hand_back(&token).await;
        let error = handed_back.err().ok_or("a guard was handed back after its validity")?;
        is(error.kind(), ErrorKind::Expired)?;
        rival.hand_back(&token).await.map_err(|error| error.to_string())?;
        self.stage.wait(INSTANT).await;
        let released = error.into_guard().release().await;
        released.map_err(|error| error.to_string())?;
        release(adopt(&self.somebodys(token.name()), &token).await?, Released::Held).await
    }

    /// The validity of its lock is over by the time that it comes through, or its first request has freed the lock without a
    /// word; and somebody else has made the token good again.
    pub(super) async fn a_late_release_leaves_a_token(self) -> Verdict {
        let (mutex, ttl) = (self.mutex(), AT_THE_LAST_MOMENT / 2);
        let token = self.hand_over(mutex.clone(), WAIT).await?;
        let guard = adopt(&mutex.ttl(ttl).node_timeout(NODE_TIMEOUT), &token).await?;
        self.stage.wait(ttl * 4 / 5).await;
        let is_released = self.stage.once_in(2);
        let replies = if is_released { Loss::Broken } else { Loss::Never };
        set_weather(&self.desk, Weather { is_refused: !is_released, replies, ..Weather::default() });
        drop(guard);
        self.stage.wait(INSTANT).await;
        set_weather(&self.desk, Weather { is_refused: true, ..Weather::default() });
        // A server that does not know the script has turned the release away, and nobody has heard of that.
        let is_free = self.stage.servers.iter().all(|server| server.node().get(token.name()).is_none());
        self.stage.wait(if is_released && is_free { Duration::ZERO } else { ttl / 4 }).await;
        let others = self.stage.desks().into_iter().find(|desk| desk.number != self.desk.number);
        let other =
            others.as_ref().unwrap_or(&self.desk).client.mutex(token.name()).node_timeout(NODE_TIMEOUT);
        let handed_back = match other.lock().await {
            Ok(rival) => rival.hand_back(&token).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        set_weather(&self.desk, Weather::default());
        handed_back?;
        self.stage.wait(ttl * 19 / 20).await;
        release(adopt(&self.somebodys(token.name()), &token).await?, Released::Held).await
    }

    /// Also where each hears of the other's part before he hears of his own.
    pub(super) async fn two_adopt_at_once(self) -> Verdict {
        let token = self.hand_over(self.mutex(), WAIT).await?;
        let delay = if self.stage.once_in(2) { NODE_TIMEOUT / 4 } else { Duration::ZERO };
        self.slow_down(delay);
        let [one, other] = [self.somebodys(token.name()), self.somebodys(token.name())]
            .map(|mutex| mutex.tries(100).retry_delay(Delay::Between(INSTANT, 1000 * INSTANT)));
        let (one, other) = join(one.adopt(&token), other.adopt(&token)).await;
        self.slow_down(Duration::ZERO);
        let (held, refused) = if one.is_ok() { (one, other) } else { (other, one) };
        is(refused.map(drop).map_err(|error| error.kind()), Err(ErrorKind::AlreadyAdopted))?;
        // What the other one has had for a moment is set back.
        self.stage.wait(delay + INSTANT).await;
        release(held.map_err(|error| error.to_string())?, Released::Held).await
    }

    /// Where what is set back comes after what is asked next, that is no sign of anybody else.
    pub(super) async fn a_rival_makes_room(self) -> Verdict {
        let token = self.hand_over(self.mutex(), WAIT).await?;
        let servers: Vec<_> = self.stage.servers.iter().filter(|server| !server.is_away()).collect();
        let mutex = self.somebodys(token.name());
        if let [.., _, shared] = servers[..] {
            let lineage =
                token.value().get(..token.value().len().saturating_sub(CHANGES)).unwrap_or_default();
            shared.node().set(token.name(), &format!("{lineage}{:0CHANGES$x}", 7), Some(WAIT));
            self.slow_down(NODE_TIMEOUT / 4);
            let mutex = mutex.tries(100).retry_delay(INSTANT);
            let makes_room = async {
                self.stage.wait(NODE_TIMEOUT * 2).await;
                shared.node().set(token.name(), token.value(), Some(WAIT));
            };
            let (adopted, ()) = join(mutex.adopt(&token), makes_room).await;
            self.slow_down(Duration::ZERO);
            self.stage.wait(NODE_TIMEOUT).await;
            return release(adopted.map_err(|error| error.to_string())?, Released::Held).await;
        }
        release(adopt(&mutex, &token).await?, Released::Held).await
    }

    /// Has each message of everybody take up to so long.
    fn slow_down(&self, delay: Duration) {
        self.stage.desks().iter().for_each(|desk| set_weather(desk, Weather { delay, ..Weather::default() }));
    }

    /// Where a server hangs, the token's value may come to stand there when everything else is over, until its TTL is as
    /// well.
    fn mutex(&self) -> Mutex {
        if !self.stage.servers.iter().any(Server::is_paused) {
            return self.mutex.clone();
        }
        let name = self.mutex.name().replace("day:", "night:");
        self.desk.client.mutex(name).tries(1).extend_tries(1).release_tries(1)
    }

    /// Under a generated value, a label or a fixed value, with a fence or without.
    async fn hand_over(&self, mutex: Mutex, wait: Duration) -> Result<LockToken, String> {
        let mutex = mutex.node_timeout(NODE_TIMEOUT);
        let mutex = if self.stage.once_in(2) { mutex.fenced() } else { mutex };
        let mutex = if self.stage.once_in(3) { mutex.label("day") } else { mutex };
        let guard = lock(&mutex).await?;
        let token = guard.hand_over(wait).await.map_err(|error| error.to_string())?;
        // What is still on its way arrives before the token does.
        self.stage.wait(INSTANT).await;
        Ok(token)
    }

    /// The lock of this name, as some process has it.
    fn somebodys(&self, name: &str) -> Mutex {
        let desks = self.stage.desks();
        let desk = desks.get(self.stage.index(desks.len())).unwrap_or(&self.desk);
        desk.client.mutex(name).tries(1).extend_tries(1).release_tries(1).node_timeout(NODE_TIMEOUT)
    }
}

async fn adopt(mutex: &Mutex, token: &LockToken) -> Result<Guard, String> {
    mutex.adopt(token).await.map_err(|error| error.to_string())
}

async fn not_adopted(mutex: &Mutex, token: &LockToken, kind: ErrorKind) -> Verdict {
    is(mutex.adopt(token).await.map(drop).map_err(|error| error.kind()), Err(kind))
}
