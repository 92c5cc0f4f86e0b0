//! Tokio as a runtime, also from threads that are outside of it.
#![cfg(feature = "tokio")]

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use futures_channel::oneshot;
use redsync_core::Runtime;
use redsync_runtime::{TokioRuntime, deliver, locate};

#[test]
fn there_is_no_runtime_outside_of_tokio() {
    let message = TokioRuntime::current().unwrap_err().to_string();
    assert!(message.contains("Tokio runtime"), "{message}");
    assert_eq!(locate().is_ok(), cfg!(feature = "smol"));
}

#[tokio::test]
async fn inside_of_tokio_a_spawned_task_runs_on_tokio() {
    let (send, receive) = oneshot::channel();
    locate().unwrap().spawn(Box::pin(async move {
        send.send(tokio::runtime::Handle::try_current().is_ok()).unwrap();
    }));
    assert!(receive.await.unwrap());
}

#[tokio::test]
async fn a_thread_outside_of_tokio_can_spawn_and_sleep() {
    let runtime = TokioRuntime::current().unwrap();
    let (send, receive) = oneshot::channel();
    let start = runtime.now();
    let outside = thread::spawn(move || {
        let sleep = runtime.sleep_until(runtime.now().plus(Duration::from_millis(20)));
        let after = runtime.clone();
        runtime.spawn(Box::pin(async move {
            sleep.await;
            send.send(after.now()).unwrap();
        }));
    });
    let end = receive.await.unwrap();
    assert!(end.since(start) >= Duration::from_millis(20));
    outside.join().unwrap();
}

#[tokio::test]
async fn sleeping_until_a_moment_that_has_passed_takes_no_time() {
    let runtime = TokioRuntime::current().unwrap();
    let mut sleep = runtime.sleep_until(runtime.now());
    assert!(futures_util::poll!(&mut sleep).is_ready());
}

#[test]
fn spawning_on_a_runtime_that_was_shut_down_drops_the_task_and_does_not_panic() {
    let gone = tokio::runtime::Runtime::new().unwrap();
    let runtime = TokioRuntime::from(gone.handle().clone());
    gone.shutdown_background();
    let (send, receive) = mpsc::channel::<()>();
    runtime.spawn(Box::pin(async move { send.send(()).unwrap() }));
    assert_eq!(receive.recv(), Err(mpsc::RecvError));
}

#[test]
fn a_task_is_spawned_where_the_caller_is_now_when_the_captured_runtime_is_gone() {
    let gone = tokio::runtime::Runtime::new().unwrap();
    let runtime = TokioRuntime::from(gone.handle().clone());
    gone.shutdown_background();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (send, receive) = oneshot::channel();
        runtime.spawn(Box::pin(async move { send.send(()).unwrap() }));
        receive.await.unwrap();
    });
}

#[tokio::test]
async fn what_is_dropped_after_its_first_poll_is_delivered() {
    let runtime = Arc::new(TokioRuntime::current().unwrap());
    let (start, started) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let mut call = deliver(
        runtime,
        Box::pin(async move {
            started.await.unwrap();
            end.send(()).unwrap();
        }),
    );
    assert!(futures_util::poll!(&mut call).is_pending());
    drop(call);
    start.send(()).unwrap();
    ended.await.unwrap();
}

#[tokio::test]
async fn random_bits_differ_from_call_to_call() {
    let runtime = TokioRuntime::current().unwrap();
    assert_ne!(runtime.random(), runtime.random());
}
