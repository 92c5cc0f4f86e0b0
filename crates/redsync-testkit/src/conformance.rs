//! What every driver has to pass: one list of cases, of which [`conformance!`](macro@crate::conformance) makes one test
//! each.
//!
//! ```
//! use std::sync::Arc;
//! use redsync_core::{BoxFuture, Node, Runtime};
//! # use redsync_testkit::conformance::InMemory;
//!
//! struct MyDriver;
//!
//! impl redsync_testkit::conformance::Driver for MyDriver {
//!     fn block_on(case: BoxFuture<'_, ()>) {
//! #       InMemory::block_on(case);
//!         // such as tokio::runtime::Runtime::new().unwrap().block_on(case)
//!     }
//!
//!     fn runtime() -> Arc<dyn Runtime> {
//! #       InMemory::runtime()
//!         // such as Arc::new(TokioRuntime::current().unwrap())
//!     }
//!
//!     async fn open(url: &str) -> Arc<dyn Node> {
//! #       unimplemented(url)
//!         // such as Arc::new(MyNode::open(url).unwrap())
//!     }
//! }
//! # fn unimplemented(_: &str) -> Arc<dyn Node> { panic!("not called") }
//!
//! redsync_testkit::conformance!(MyDriver);
//! # fn main() {}
//! ```
//!
//! The cases start servers of their own, see [`server`](crate::server).

mod bench;
mod in_memory;
mod lab;
mod real;

#[doc(hidden)]
pub mod connections;
#[doc(hidden)]
pub mod extending;
#[doc(hidden)]
pub mod fencing;
#[doc(hidden)]
pub mod rejections;
#[doc(hidden)]
pub mod releasing;
#[doc(hidden)]
pub mod scripts;
#[doc(hidden)]
pub mod taking;
#[doc(hidden)]
pub mod travelling;
#[doc(hidden)]
pub mod values;
#[doc(hidden)]
pub mod waiting;

use std::{future::Future, sync::Arc};

use redsync_core::{BoxFuture, Node, Runtime};

pub use self::{bench::Bench, in_memory::InMemory, lab::Lab};

/// What the cases need to know of a driver.
pub trait Driver {
    /// Runs one case to its end on the driver's runtime.
    fn block_on(case: BoxFuture<'_, ()>);

    /// Returns the runtime adapter; asked for inside of [`block_on`](Self::block_on).
    fn runtime() -> Arc<dyn Runtime>;

    /// Opens a node with a connection of its own at a URL such as `redis://user:password@127.0.0.1:6379`.
    fn open(url: &str) -> impl Future<Output = Arc<dyn Node>> + Send;

    /// Prepares a server for one case: a real one, unless the driver brings its own.
    #[doc(hidden)]
    fn bench() -> Box<dyn Bench>
    where
        Self: Sized + 'static,
    {
        Box::new(real::Real::<Self>::start())
    }
}

/// Runs one case.
#[doc(hidden)]
pub fn run<D: Driver + 'static>(case: fn(&Lab) -> BoxFuture<'_, ()>) {
    D::block_on(Box::pin(async {
        let lab = Lab::new(D::bench(), D::runtime());
        lab.to_its_end(case(&lab)).await;
    }));
}

/// Makes a module `conformance` with one test for each case, see [`conformance`](mod@crate::conformance).
///
/// Takes a type that implements [`conformance::Driver`](crate::conformance::Driver), and needs a scope in which
/// no other module is called `conformance`.
#[macro_export]
macro_rules! conformance {
    ($driver:ty) => {
        mod conformance {
            use super::*;

            $crate::conformance_tests! {
                $driver:
                taking::a_free_lock_is_taken_with_its_value_and_ttl,
                taking::a_taken_lock_is_refused_and_left_alone,
                taking::a_lock_is_free_again_when_its_ttl_is_over,
                taking::of_many_contenders_one_wins,
                taking::the_longest_and_the_shortest_ttl_are_kept,
                taking::the_same_fixed_value_is_refused_as_such,
                extending::an_extension_lengthens_the_ttl_and_never_shortens_it,
                extending::an_extension_of_a_missing_lock_is_told_and_creates_nothing,
                extending::an_extension_of_a_lock_in_other_hands_is_told_and_changes_nothing,
                extending::an_extension_can_set_a_missing_lock_anew,
                releasing::a_released_lock_is_gone_and_can_be_taken_again,
                releasing::a_missing_lock_is_no_error_to_release,
                releasing::a_lock_in_other_hands_is_left_alone,
                releasing::another_connection_releases_by_value,
                releasing::a_dropped_guard_releases,
                releasing::a_server_with_a_command_for_it_is_asked_by_that,
                waiting::a_lock_is_had_as_soon_as_its_holder_releases_it,
                waiting::a_lock_is_had_as_soon_as_any_client_deletes_it,
                waiting::a_lock_is_had_as_soon_as_it_expires,
                waiting::a_lock_is_had_in_spite_of_a_restart_while_it_is_waited_for,
                waiting::a_user_who_may_not_watch_keys_polls,
                waiting::a_key_is_watched_until_it_changes,
                values::values_of_any_text_arrive_unchanged,
                values::a_value_of_a_hundred_kilobytes_arrives_unchanged,
                values::names_of_any_text_are_keys,
                scripts::scripts_go_by_digest_and_as_text_after_a_flush,
                scripts::a_user_who_may_not_run_scripts_is_told_so,
                scripts::a_user_who_may_not_set_keys_is_told_so,
                scripts::a_key_of_another_type_is_taken_and_left_alone,
                scripts::an_extension_or_release_of_another_type_is_rejected,
                rejections::a_read_only_replica_is_told_and_works_once_it_is_a_master,
                rejections::a_server_that_is_loading_is_told_and_works_afterwards,
                rejections::a_server_that_cannot_save_is_told_and_works_afterwards,
                rejections::a_server_out_of_memory_is_told_and_works_afterwards,
                rejections::a_lock_is_extended_and_released_without_memory,
                rejections::other_words_of_refusal_are_told_too,
                rejections::an_error_that_redis_does_not_know_proves_nothing,
                travelling::a_token_is_adopted_once_and_the_second_is_told,
                travelling::a_lock_that_is_handed_back_is_adopted_again,
                travelling::a_token_whose_lock_is_gone_or_taken_is_told_so,
                travelling::a_release_removes_what_the_lock_was_adopted_from_as_well,
                travelling::an_adoption_that_failed_leaves_the_token_with_its_ttl,
                travelling::an_adoption_that_was_dropped_leaves_the_token_good,
                travelling::an_adoption_whose_reply_was_lost_is_executed_once_and_succeeds,
                travelling::a_key_of_another_type_is_not_adopted_and_left_alone,
                travelling::a_counter_of_another_type_keeps_a_token_as_it_was,
                travelling::a_token_that_is_not_adopted_in_time_ends_by_itself,
                travelling::a_fixed_value_is_rotated_and_comes_back,
                travelling::a_journey_goes_on_when_the_server_forgets_the_scripts,
                travelling::a_script_that_is_unknown_is_told_so_and_did_nothing,
                fencing::numbers_rise_from_holder_to_holder_and_through_the_queue,
                fencing::a_counter_outlasts_its_lock_by_a_day_and_is_renewed_with_it,
                fencing::a_server_that_is_behind_is_raised_before_it_counts,
                fencing::a_server_that_lost_its_data_gets_lock_and_counter_when_the_lock_is_handed_over,
                fencing::a_fenced_acquire_whose_reply_was_lost_is_executed_once,
                fencing::a_fenced_lock_is_taken_in_spite_of_lost_replies,
                fencing::a_repeated_acquire_tells_the_number_again,
                fencing::the_same_fixed_value_is_refused_as_such_with_a_number_too,
                fencing::a_counter_of_another_type_is_told_and_no_lock_is_set,
                fencing::a_renewal_is_told_of_a_counter_of_another_type_and_changes_nothing,
                fencing::a_user_without_the_right_to_the_time_is_told_so,
                fencing::a_user_without_the_right_to_the_counter_is_told_so,
                fencing::counters_lie_in_the_slots_of_their_locks,
                connections::a_lost_request_is_unknown_and_is_not_sent_again,
                connections::a_lost_reply_is_unknown_and_was_executed_once,
                connections::a_lost_reply_of_a_script_is_unknown_and_it_was_executed_once,
                connections::a_lock_is_taken_and_given_back_in_spite_of_lost_replies,
                connections::a_lost_connection_comes_back_by_itself,
                connections::a_server_that_comes_later_is_found,
                connections::a_server_killed_in_mid_command_leaves_it_unknown,
                connections::a_server_restarted_empty_is_used_again,
                connections::a_paused_server_delays_its_reply_and_nothing_else,
                connections::calls_return_by_their_deadline_while_the_server_is_paused,
                connections::a_dropped_call_is_executed,
                connections::each_of_many_requests_gets_its_own_reply,
                connections::the_label_and_the_errors_keep_secrets,
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($driver:ty: $($group:ident::$case:ident,)*) => {
        $(
            #[test]
            fn $case() {
                $crate::conformance::run::<$driver>(|lab| Box::pin($crate::conformance::$group::$case(lab)));
            }
        )*
    };
}
