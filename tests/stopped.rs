//! A holder that sleeps past the end of its lock: it learns that the lock is lost before anything of it succeeds, and what
//! it writes with its old fencing number is refused.
//!
//! Each test plays both parts: it starts itself as the worker, in a process of its own, and stops and continues that.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests state what they expect"
)]

use std::{
    env,
    io::{self, BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use redsync_core::{ErrorKind, Guard, GuardError, LockToken, Mutex, Redsync, Released};
use redsync_testkit::server::Servers;
use redsync_tests::{Driver, for_each_driver};
use rustix::{
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid},
    time::{ClockId, clock_gettime},
};
use tokio::runtime::Runtime;

for_each_driver! {
    a_worker_that_slept_learns_that_its_lock_is_lost_and_its_write_is_refused,
    a_worker_that_was_stopped_in_the_midst_of_its_calls_learns_it_too,
}

const NAME: &str = "report:7";
const TTL: Duration = Duration::from_millis(700);
const WORKER: &str = "REDSYNC_TEST_STOPPED_WORKER";
/// How long a token waits for its worker to start.
const WAIT: Duration = Duration::from_secs(60);
/// What the worker's own lines begin with, among those of the test program.
const MARK: &str = "worker: ";

/// What the lock protects: it remembers the greatest number, and refuses who comes with a smaller one.
#[derive(Debug, Default)]
struct Resource {
    greatest: u64,
}

impl Resource {
    fn write(&mut self, fence: u64) -> bool {
        let is_accepted = fence >= self.greatest;
        self.greatest = self.greatest.max(fence);
        is_accepted
    }
}

fn a_worker_that_slept_learns_that_its_lock_is_lost_and_its_write_is_refused(driver: Driver) {
    if let Some(redsync) = Part::worker(driver) {
        return redsync.run(sleep_and_wake);
    }
    for rival_holds in [true, false] {
        let site = Site::start(driver);
        let mut worker =
            site.worker("a_worker_that_slept_learns_that_its_lock_is_lost_and_its_write_is_refused");
        let mut resource = Resource::default();
        let token = site.hand_over();
        worker.say(&token.to_compact());
        let fence = worker.number("holds ");
        assert!(Some(fence) > token.fence() && resource.write(fence), "it holds the lock");
        worker.stop();
        let rival = site.lock();
        assert!(resource.write(rival.fence().expect("fenced")), "a rival has it since");
        let mut rival = Some(rival);
        if !rival_holds {
            site.release(rival.take());
        }
        worker.resume();
        worker.say("go on");
        // The last word is from its release, which deletes nothing of the rival's.
        assert_eq!(worker.line(), "valid false, extend Expired, hand over Expired, valid false");
        assert_eq!(worker.line(), "released AlreadyGone");
        let late = worker.number("writes ");
        assert!(late == fence && !resource.write(late), "{late} after {}", resource.greatest);
        worker.end();
        site.release(rival);
    }
}

/// The worker's part.
async fn sleep_and_wake(redsync: Redsync) {
    let token = LockToken::from_compact(hear().trim()).expect("whole");
    let guard = mutex(&redsync).adopt(&token).await.expect("the only one");
    tell(&format!("holds {}", guard.fence().expect("fenced")));
    // Here it is stopped. What it hears when it goes on is that the job may be done.
    hear();
    let valid = guard.is_valid();
    let extended = guard.extend().await.expect_err("its time was over").kind();
    let fence = guard.fence().expect("fenced");
    let error: GuardError = guard.hand_over(WAIT).await.expect_err("it is not ours");
    let kind = error.kind();
    let guard = error.into_guard();
    tell(&format!("valid {valid}, extend {extended:?}, hand over {kind:?}, valid {}", guard.is_valid()));
    let released = guard.release().await.expect("all servers answer");
    assert!(matches!(released, Released::AlreadyGone), "{released:?}");
    tell(&format!("released {released:?}"));
    tell(&format!("writes {fence}"));
}

/// Here it is stopped anywhere: before, between and after the requests of an extension, and on its way back.
fn a_worker_that_was_stopped_in_the_midst_of_its_calls_learns_it_too(driver: Driver) {
    if let Some(redsync) = Part::worker(driver) {
        return redsync.run(extend_until_lost);
    }
    for round in 0..4 {
        let site = Site::start(driver);
        let mut worker = site.worker("a_worker_that_was_stopped_in_the_midst_of_its_calls_learns_it_too");
        let fence = worker.number("holds ");
        thread::sleep(Duration::from_millis(20) + Duration::from_micros(137) * round);
        worker.stop();
        let rival = site.lock();
        let got = now();
        assert!(rival.fence() > Some(fence));
        let resumed = now();
        worker.resume();
        assert!(worker.number("last valid at ") < got, "valid beside a rival");
        let (last_success, count) = (worker.number("last extension began at "), worker.number("extensions "));
        assert!(last_success < resumed, "an extension after that");
        let ending = worker.line();
        let endings =
            ["Expired", "Lost"].map(|why| format!("ended by {why}, valid false, released AlreadyGone"));
        assert!(endings.contains(&ending), "{ending}");
        println!("{driver:?}, after {count} extensions: {ending}");
        worker.end();
        site.release(Some(rival));
    }
}

/// The worker's part. Moments are taken before what they are about, so that none is too late.
async fn extend_until_lost(redsync: Redsync) {
    let guard = mutex(&redsync).lock().await.expect("free");
    tell(&format!("holds {}", guard.fence().expect("fenced")));
    let (mut last_valid, mut last_success, mut count) = (now(), now(), 0);
    let ended = loop {
        let begun = now();
        if let Err(error) = guard.extend().await {
            break error.kind();
        }
        let looked = now();
        if guard.is_valid() {
            (last_valid, last_success, count) = (looked, begun, count + 1);
        }
    };
    tell(&format!("last valid at {last_valid}"));
    tell(&format!("last extension began at {last_success}"));
    tell(&format!("extensions {count}"));
    let valid = guard.is_valid();
    // What was lost is not had again.
    assert_eq!(guard.extend().await.expect_err("lost").kind(), ErrorKind::Expired);
    let released = guard.release().await.expect("all servers answer");
    tell(&format!("ended by {ended:?}, valid {valid}, released {released:?}"));
}

fn mutex(redsync: &Redsync) -> Mutex {
    redsync.mutex(NAME).ttl(TTL).fenced().tries(10_000).retry_delay(Duration::from_millis(5))
}

/// Counts nanoseconds of a clock that all processes of a machine share.
fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let [seconds, nanos] = [now.tv_sec, now.tv_nsec].map(|part| u64::try_from(part).expect("not negative"));
    seconds * 1_000_000_000 + nanos
}

fn tell(text: &str) {
    // The test program may have begun a line of its own.
    println!("\n{MARK}{text}");
    io::stdout().flush().expect("the other part reads");
}

fn hear() -> String {
    let mut line = String::new();
    io::stdin().read_line(&mut line).expect("the other part writes");
    line
}

/// The worker, as it sees itself.
struct Part {
    driver: Driver,
    urls: String,
}

impl Part {
    /// Nothing where this process was not started as the worker.
    fn worker(driver: Driver) -> Option<Self> {
        env::var(WORKER).ok().map(|urls| Self { driver, urls })
    }

    fn run<F: Future<Output = ()>>(self, part: fn(Redsync) -> F) {
        Runtime::new().expect("threads").block_on(async {
            let urls = self.urls.split(' ').map(str::to_owned).collect();
            part(self.driver.connect(urls).await.expect("valid URLs")).await;
        });
    }
}

/// The servers, and a rival of the worker.
struct Site {
    driver: Driver,
    runtime: Runtime,
    servers: Servers,
    redsync: Redsync,
}

impl Site {
    fn start(driver: Driver) -> Self {
        let runtime = Runtime::new().expect("threads");
        let servers = Servers::start(3).expect("a server binary");
        let redsync = runtime.block_on(driver.connect(servers.urls())).expect("valid URLs");
        Self { driver, runtime, servers, redsync }
    }

    /// Starts this program as the worker of the test of this name.
    fn worker(&self, test: &str) -> Worker {
        let mut child = Command::new(env::current_exe().expect("a path"))
            .args(["--exact", &format!("{}::{test}", self.driver.module()), "--nocapture"])
            .env(WORKER, self.servers.urls().join(" "))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdin = child.stdin.take().expect("a pipe");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Worker { child, stdin, lines }
    }

    fn hand_over(&self) -> LockToken {
        self.runtime.block_on(self.lock().hand_over(WAIT)).expect("reachable")
    }

    /// Takes the lock for longer than a test lasts.
    fn lock(&self) -> Guard {
        self.runtime.block_on(mutex(&self.redsync).ttl(WAIT).lock()).expect("free in time")
    }

    fn release(&self, guard: Option<Guard>) {
        if let Some(guard) = guard {
            assert!(guard.is_valid());
            self.runtime.block_on(guard.extend()).expect("undisturbed");
            assert_eq!(self.runtime.block_on(guard.release()).expect("reachable"), Released::Held);
        }
    }
}

/// The worker, as the other part sees it; it is killed when this is dropped.
struct Worker {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    fn line(&mut self) -> String {
        let mut own = self.lines.by_ref().map_while(Result::ok);
        own.find_map(|line| line.strip_prefix(MARK).map(str::to_owned)).expect("it goes on")
    }

    fn number(&mut self, what: &str) -> u64 {
        let line = self.line();
        let number = line.strip_prefix(what).and_then(|number| number.parse().ok());
        number.unwrap_or_else(|| panic!("{what} is not what it said: {line}"))
    }

    fn say(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").expect("it reads");
    }

    /// Stops the process, and returns once it stands still.
    fn stop(&self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::STOP).expect("it runs");
        let watched = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(pid), watched).expect("it is ours");
        assert!(status.is_some_and(|status| status.stopped()), "it has ended");
    }

    fn resume(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).expect("it is stopped");
    }

    fn end(mut self) {
        assert!(self.child.wait().expect("it is ours").success());
    }
}

impl Drop for Worker {
    /// Both fail only where it has ended and was reaped.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
