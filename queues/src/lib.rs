//! Jobs go through real brokers, between real processes that are killed, and a history shows what happened to them.
//!
//! One process publishes: it takes a lock of the job's name with one driver and hands it over with the job. Others work:
//! they adopt it with the other driver. Meanwhile workers are killed and brokers restarted; see [`Scenario`] for what is
//! tried, and [`check`] for what has to hold. [`server`] starts the brokers, also for other tests.

pub mod server;

#[cfg(feature = "run")]
mod broker;
#[cfg(feature = "run")]
pub mod check;
#[cfg(feature = "run")]
mod crew;
#[cfg(feature = "run")]
mod history;
#[cfg(feature = "run")]
mod inbox;
#[cfg(feature = "run")]
mod outbox;
#[cfg(feature = "run")]
mod publish;
#[cfg(feature = "run")]
mod report;
#[cfg(feature = "run")]
mod scenario;
#[cfg(feature = "run")]
mod stage;
#[cfg(feature = "run")]
mod story;
#[cfg(feature = "run")]
mod trouble;
#[cfg(feature = "run")]
mod worker;

#[cfg(feature = "run")]
pub use self::{
    broker::Broker,
    history::{Entry, What},
    report::{HEAD, Report},
    scenario::{Load, Scenario, run, run_load},
    worker::{WORKER, work},
};

/// Whatever ends a run early.
#[cfg(feature = "run")]
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Makes a test of each scenario, for this broker.
#[cfg(feature = "run")]
#[macro_export]
macro_rules! tests {
    ($broker:ident: $($test:ident => $scenario:ident,)*) => {
        $(
            #[test]
            fn $test() {
                let program = ::std::path::Path::new(env!("CARGO_BIN_EXE_redsync-queues"));
                let report = $crate::run($crate::Scenario::$scenario, $crate::Broker::$broker, program);
                let report = report.expect("it comes to an end");
                println!("{}\n{report}", $crate::HEAD);
                assert!(report.violations.is_empty(), "{}", report.violations.join("\n"));
            }
        )*
    };
    ($broker:ident) => {
        $crate::tests! { $broker:
            the_job_of_a_worker_that_is_killed_is_done_by_another => Killed,
            a_job_that_fails_goes_back_with_its_lock_and_is_adopted_again => Failing,
            a_lock_whose_publishing_nobody_heard_of_has_one_side_or_none => Unknown,
            a_token_that_expires_in_the_queue_is_for_the_policy_to_judge => Expired,
            jobs_go_through_kills_and_restarts => Rough,
            without_trouble_every_job_is_done_once => Calm,
        }
    };
}
