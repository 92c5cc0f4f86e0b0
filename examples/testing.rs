//! Testing code that takes locks: on a node in memory and a clock of its own, an hour passes in no time, and servers fail
//! when they are told to.
//!
//! `cargo run --example testing` plays what tests of yours would assert. The tests themselves are in the chapter on testing.

#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::{
    error::Error,
    future::pending,
    time::{Duration, Instant},
};

use redsync_core::{ErrorKind, Loss, Redsync, Runtime as _};
use redsync_testkit::{memory::MemoryNode, virtual_time::VirtualRuntime};

type BoxError = Box<dyn Error + Send + Sync>;

const HOUR: Duration = Duration::from_secs(3600);

/// The code that is to be tested. It is handed its locks, so that a test can hand it others.
async fn send_invoice(redsync: &Redsync, number: u32) -> Result<(), redsync_core::Error> {
    let guard = redsync.mutex(format!("invoice:{number}")).ttl(HOUR).try_lock().await?;
    // Here it calls the post office.
    guard.release().await?;
    Ok(())
}

fn main() -> Result<(), BoxError> {
    let begun = Instant::now();
    let world = VirtualRuntime::new(7); // the same seed, the same run
    let start = world.now();
    let node = MemoryNode::new(world.shared());
    let redsync = Redsync::builder(world.shared()).node(node.clone()).build()?;

    node.set("invoice:42", "of another instance", Some(HOUR));
    let error = world.block_on(send_invoice(&redsync, 42)).err().ok_or("it is another's")?;
    assert_eq!(error.kind(), ErrorKind::Taken);
    println!("taken: the invoice is left alone: {error}");

    world.advance(HOUR + Duration::from_secs(1));
    world.block_on(send_invoice(&redsync, 42))?;
    println!("an hour later: the other instance has died, and the invoice is sent");

    node.stop();
    let error = world.block_on(send_invoice(&redsync, 42)).err().ok_or("the server is down")?;
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    println!("down: {error}");
    node.start();

    let loss = world.block_on(async {
        let guard = redsync.mutex("index").lock().await?;
        node.pause();
        let lost = guard.keep(pending::<()>()).await.err().ok_or("nobody extends it")?;
        guard.leave();
        Ok::<_, BoxError>(lost.loss())
    })?;
    assert_eq!(loss, Loss::Expiring);
    println!("hanging: the work is stopped, since its lock is lost: {loss}");

    let (virtually, really) = (world.now().since(start), begun.elapsed());
    println!("{virtually:.0?} have passed for the code, and {really:.1?} for you");
    Ok(())
}
