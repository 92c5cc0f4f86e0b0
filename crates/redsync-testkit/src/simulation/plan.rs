//! [`Plan`]: what kind of world a seed makes.

use std::{fmt, sync::Arc, time::Duration};

use redsync_core::{Moment, Node};

use super::network::Path;

/// The longest TTL of a lock that is held.
pub(super) const TTL: Duration = Duration::from_secs(2);
/// The longest TTL in use while servers may lose their data: that of a lock which was handed over.
const LONGEST: Duration = Duration::from_millis(3000);
/// What is left of it for the wait, after drift and twice the longest node time-out.
const WAIT: Duration = Duration::from_millis(2300);
/// How long a server that has lost data stays away. By its own clock and everybody's else, that is longer than any
/// TTL in use.
pub(super) const QUARANTINE: Duration = Duration::from_millis(2 * 2000);

/// The earliest moment when a lock that is valid until then can have been asked for. What a server has lost since may
/// be that lock.
pub(super) fn asked_at(valid_until: Moment, longest_ttl: Duration) -> Moment {
    valid_until.minus(longest_ttl.saturating_add(longest_ttl / 50))
}

/// What to simulate.
#[derive(Clone, Default)]
pub struct Settings {
    /// An assumption to break on purpose.
    pub broken: Option<Broken>,
    /// What stands between the locks and the network, such as a [`Node`] of your own that delegates to another.
    pub through: Option<Layer>,
}

/// Makes what the locks use as a node, out of the way to a server.
pub type Layer = Arc<dyn Fn(Path) -> Arc<dyn Node> + Send + Sync>;

/// An assumption of the promises that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Servers that have lost their data come back at once.
    Data,
    /// Clocks differ by more than the drift factor allows.
    Clocks,
    /// Rivals hold the same value and messages take longer than the node time-out.
    SlowTwins,
}

/// What a world is like.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) servers: usize,
    /// How many of them have to grant a lock.
    pub(super) quorum: usize,
    pub(super) processes: u32,
    /// Tasks for each process, which share its client.
    pub(super) tasks: u32,
    /// How many locks each task tries to take or to adopt.
    pub(super) rounds: u32,
    /// How many troubles there are.
    pub(super) troubles: u32,
    /// Whether callers mostly use one and the same fixed value.
    ///
    /// The promises about such values assume that a delete arrives before the TTL is over, so that messages are
    /// quicker than the callers' node time-out here.
    pub(super) of_one_mind: bool,
    /// Whether clients may send requests twice, as cluster connections do. With values that rivals use too that is
    /// beyond what is promised.
    pub(super) repeats: bool,
    /// Whether callers fix values that nobody else uses, over and over, and go on by value. A late delete of one call must
    /// not hit what the next one has set.
    pub(super) reuses: bool,
    /// The TTL of locks, of which some last for a quarter only where values are not used again.
    pub(super) ttl: Duration,
    /// The most that a message takes when nothing is wrong.
    pub(super) calm: Duration,
    /// Whether no server loses its data, so that neither TTLs nor wall clocks matter for what is promised.
    pub(super) keeps_data: bool,
    /// The longest that a lock waits to be adopted which was handed over.
    pub(super) wait: Duration,
    /// The most by which a wall clock is ahead or behind, in milliseconds.
    pub(super) wall_error: u64,
    /// What every call is given that has a deadline.
    pub(super) deadline: Duration,
    /// The most tries of a call.
    pub(super) tries: u64,
    /// The most by which a clock gains or loses, in parts of a million.
    pub(super) clock_error: u64,
    /// The most that a slow message takes.
    pub(super) slow: Duration,
    /// The most that a server stands still.
    pub(super) pause: Duration,
    /// Whether the wall clocks of processes are set forward and back.
    pub(super) steps_wall_clocks: bool,
    /// How long a server that has lost its data stays away.
    pub(super) quarantine: Duration,
}

impl Plan {
    /// The longest TTL of any key.
    pub(super) fn longest_ttl(&self) -> Duration {
        LONGEST.saturating_sub(WAIT) + self.wait
    }

    pub(super) fn new(seed: u64, settings: &Settings) -> Self {
        let ms = Duration::from_millis;
        let (servers, quorum) = crew(seed);
        let is_broken = |broken| settings.broken == Some(broken);
        let of_one_mind = (seed / 5).is_multiple_of(3) || is_broken(Broken::SlowTwins);
        let hasty = of_one_mind && !is_broken(Broken::SlowTwins);
        let reuses = !of_one_mind && (seed / 15) % 4 == 1;
        let keeps_data = (seed / 7).is_multiple_of(3) && !is_broken(Broken::Data);
        Self {
            servers,
            quorum,
            processes: 3,
            tasks: 2,
            rounds: 24,
            troubles: 38,
            of_one_mind,
            repeats: !of_one_mind && (seed / 15).is_multiple_of(4),
            reuses,
            // A delete may have to wait until a lock of half the TTL is almost over.
            ttl: if of_one_mind && (seed / 30).is_multiple_of(2) { TTL / 2 } else { TTL },
            calm: if (seed / 2).is_multiple_of(2) { ms(0) } else { ms(2) },
            keeps_data,
            wait: if keeps_data { WAIT * 2 } else { WAIT },
            // Where counters may be lost, clocks agree better than the time between a holder that they were lost by and
            // the next one who asks a server that has lost them: a quarantine less a TTL.
            wall_error: if keeps_data { 300_000 } else { 400 },
            // Some calls outlast the keys that they have set.
            deadline: if reuses { TTL * 6 } else { ms(1500) },
            tries: if reuses { 20 } else { 3 },
            // Two clocks may differ by twice that, which is within the drift factor of one in a hundred.
            clock_error: if is_broken(Broken::Clocks) { 40_000 } else { 4_500 },
            slow: if hasty { ms(90) } else { ms(450) },
            // With a slow message on top it is still less than the TTL, after which the past of a value is forgotten.
            pause: if hasty {
                ms(100)
            } else if reuses {
                ms(1400)
            } else {
                ms(1800)
            },
            // Where a counter was lost, a clock that is set back would let numbers fall.
            steps_wall_clocks: keeps_data,
            quarantine: if is_broken(Broken::Data) { ms(0) } else { QUARANTINE },
        }
    }
}

/// How many servers there are, and how many make a quorum: mostly the least majority of an odd number.
fn crew(seed: u64) -> (usize, usize) {
    let count = [1, 3, 3, 5, 3].get(usize::try_from(seed % 5).unwrap_or(0)).copied().unwrap_or(3);
    match (seed / 60) % 6 {
        // As many servers as make an even number stand no more than one less.
        0 => (count + 1, count.div_ceil(2) + 1),
        1 => (count, (count / 2 + 2).min(count)),
        _ => (count, count / 2 + 1),
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let through = self.through.is_some();
        f.debug_struct("Settings").field("broken", &self.broken).field("through", &through).finish()
    }
}
