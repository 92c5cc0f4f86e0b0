//! What locks tell the [`metrics`](https://docs.rs/metrics) facade, for whichever exporter the application has installed.
//!
//! Names and labels are stable. The lock's name is not among the labels: names are often made of ids, and each would be a time
//! series of its own, for ever. Which lock it was stands in the events of `tracing`.
//!
//! Locks that are [resumed](crate::Redsync::resume), or extended and unlocked by their value, show in what nodes are asked only,
//! since nothing is known here about how long they are held.

use ::metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

use crate::meter;

/// Locks that were taken; `by` is `lock` or `adopt`.
pub const ACQUIRED: &str = "redsync_acquired_total";
/// Calls that have ended without a lock; `kind` is that of the [error](crate::ErrorKind) in `snake_case`, or `dropped` where
/// the future was dropped, as time-outs around it do.
pub const REFUSED: &str = "redsync_refused_total";
/// Locks that were lost while this process had them, each counted once; `reason` is the [`Loss`](crate::Loss) in `snake_case`.
/// What nobody is told does not count: that the release of a guard which was dropped finds its lock gone.
pub const LOST: &str = "redsync_lost_total";
/// Calls that wait for a lock now.
pub const WAITING: &str = "redsync_waiting_calls";
/// Locks that this process has now. One whose time is over counts until its guard is given back or dropped.
pub const HELD: &str = "redsync_held_locks";
/// How long calls have waited for a lock, in seconds; `outcome` is `acquired` or `refused`.
pub const WAIT_SECONDS: &str = "redsync_wait_seconds";
/// How long locks were held by this process, in seconds, at most until their validity ended; `ending` is `released`,
/// `handed_over`, `handed_back`, `left` or `lost`. A guard that an error has given back was timed when it was given away first.
pub const HELD_SECONDS: &str = "redsync_held_seconds";
/// How long a node took to answer a request, also with an error, in seconds; `node` is its [label](crate::Node::label).
pub const ANSWER_SECONDS: &str = "redsync_node_answer_seconds";
/// Requests that a node has not answered yet.
pub const UNANSWERED: &str = "redsync_node_unanswered_requests";
/// Requests that have failed at a node; `kind` is the [`NodeErrorKind`](crate::NodeErrorKind) in `snake_case`, or
/// `unanswered` where there was no answer up to a TTL after the call.
pub const NODE_ERRORS: &str = "redsync_node_errors_total";

/// Upper bounds of buckets for the histograms, in seconds: from a round trip within a rack to a job of an hour.
pub const BUCKETS: [f64; 18] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0,
    600.0, 3600.0,
];

/// One of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it counts.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it counts, in a sentence.
    pub help: &'static str,
}

/// How a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Something that happens.
    Counter,
    /// How much there is now.
    Gauge,
    /// How long something takes, in seconds.
    Seconds,
}

/// All of them.
pub const ALL: [Metric; 10] = [
    Metric::new(ACQUIRED, Kind::Counter, &["by"], "Locks that were taken."),
    Metric::new(REFUSED, Kind::Counter, &["kind"], "Calls that have ended without a lock."),
    Metric::new(LOST, Kind::Counter, &["reason"], "Locks that were lost while this process had them."),
    Metric::new(WAITING, Kind::Gauge, &[], "Calls that wait for a lock now."),
    Metric::new(HELD, Kind::Gauge, &[], "Locks that this process has now."),
    Metric::new(WAIT_SECONDS, Kind::Seconds, &["outcome"], "How long calls have waited for a lock."),
    Metric::new(HELD_SECONDS, Kind::Seconds, &["ending"], "How long locks were held by this process."),
    Metric::new(ANSWER_SECONDS, Kind::Seconds, &["node"], "How long a node took to answer a request."),
    Metric::new(UNANSWERED, Kind::Gauge, &["node"], "Requests that a node has not answered yet."),
    Metric::new(NODE_ERRORS, Kind::Counter, &["node", "kind"], "Requests that have failed at a node."),
];

impl Metric {
    const fn new(
        name: &'static str,
        kind: Kind,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind, labels, help }
    }
}

/// Tells the installed recorder what each metric is, and its unit. Call it once, after the recorder was installed.
///
/// Counters begin at zero by it, except for those of nodes: whoever reads them from time to time, like Prometheus, takes a
/// counter that is not there yet for unknown, and so the first lock that is lost for no rise.
pub fn describe() {
    for Metric { name, kind, help, .. } in ALL {
        match kind {
            Kind::Counter => describe_counter!(name, Unit::Count, help),
            Kind::Gauge => describe_gauge!(name, Unit::Count, help),
            Kind::Seconds => describe_histogram!(name, Unit::Seconds, help),
        }
    }
    meter::begin_counters();
}
