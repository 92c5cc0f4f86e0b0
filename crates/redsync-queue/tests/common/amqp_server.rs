//! [`Server`]: a RabbitMQ of the test's own, on free ports of 127.0.0.1, with its data in a temporary directory.

use std::{
    fs,
    hash::{BuildHasher, Hasher, RandomState},
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Debian puts a script in the PATH that starts it as another user, and only with the directories of the system.
const PROGRAMS: [&str; 2] = ["/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server"];
const READY_WITHIN: Duration = Duration::from_secs(90);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);
const POLL_EVERY: Duration = Duration::from_millis(20);
const CONNECTION_HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";
/// Kills what it is told to, and removes the data, when the test's process has ended in whatever way: servers in statics
/// are not dropped.
const WATCHDOG: &str =
    "read -r _; kill -9 $1 $2; for _ in 1 2 3 4 5 6 7 8 9; do kill -0 $1 && sleep 0.2; done; rm -rf \"$0\"";

/// A RabbitMQ with its data; killed when dropped.
pub struct Server {
    ports: Ports,
    /// Where Erlang's nodes look each other up; it would start one for the whole machine otherwise.
    names: Child,
    run: Option<Run>,
    dir: TempDir,
    args: String,
}

/// From a start to the next stop.
struct Run {
    broker: Child,
    watchdog: Child,
}

#[derive(Clone, Copy)]
struct Ports {
    amqp: u16,
    nodes: u16,
    names: u16,
}

impl Server {
    /// Starts an empty one, and waits until it serves.
    pub fn start() -> Self {
        Self::with("")
    }

    /// With further arguments for Erlang, such as `-rabbit consumer_timeout 1000`.
    pub fn with(args: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("redsync-rabbitmq-").tempdir().expect("a directory");
        let ports = Ports { amqp: free_port(), nodes: free_port(), names: free_port() };
        let config = format!("listeners.tcp.1 = 127.0.0.1:{}\n", ports.amqp);
        fs::write(dir.path().join("rabbitmq.conf"), config).expect("writable");
        fs::write(dir.path().join("env.conf"), "").expect("writable");
        let names = Command::new("epmd")
            .args(["-address", "127.0.0.1", "-port", &ports.names.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("epmd comes with Erlang");
        let mut server = Self { ports, names, run: None, dir, args: args.to_owned() };
        server.restart();
        server
    }

    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    pub fn url(&self) -> String {
        url(self.port())
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        let Some(mut run) = self.run.take() else { return };
        kill_process(Pid::from_child(&run.broker), Signal::TERM).expect("our own");
        let deadline = Instant::now() + STOPPED_WITHIN;
        while run.broker.try_wait().expect("our own").is_none() && Instant::now() < deadline {
            thread::sleep(POLL_EVERY);
        }
        run.end();
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut run) = self.run.take() {
            run.end();
        }
    }

    /// Starts it again with its data, on the same port.
    pub fn restart(&mut self) {
        self.kill();
        let broker = self.spawn();
        let pids = [broker.id().to_string(), self.names.id().to_string()];
        let mut run = Run { watchdog: watch(self.dir.path(), &pids), broker };
        let deadline = Instant::now() + READY_WITHIN;
        while !serves(self.port()) {
            let ended = run.broker.try_wait().expect("our own");
            if ended.is_some() || Instant::now() > deadline {
                run.end();
                panic!("RabbitMQ does not serve: {ended:?}\n{}", self.log());
            }
            thread::sleep(POLL_EVERY);
        }
        self.run = Some(run);
    }

    fn spawn(&self) -> Child {
        let (dir, Ports { nodes, names, .. }) = (self.dir.path(), self.ports);
        let output = fs::File::options().create(true).append(true).open(dir.join("log")).expect("writable");
        let program = PROGRAMS.into_iter().find(|program| Path::new(program).exists()).unwrap_or(PROGRAMS[1]);
        Command::new(program)
            .current_dir(dir)
            .env("HOME", dir)
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", names.to_string())
            .env("RABBITMQ_NODENAME", format!("redsync-{nodes}@localhost"))
            .env("RABBITMQ_DIST_PORT", nodes.to_string())
            .env("RABBITMQ_MNESIA_BASE", dir.join("data"))
            .env("RABBITMQ_LOG_BASE", dir.join("logs"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_CONFIG_FILE", dir.join("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", dir.join("env.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", dir.join("plugins"))
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                format!(
                    "-noinput -kernel inet_dist_use_interface {{127,0,0,1}} +S 1:1 +sbwt none {}",
                    self.args
                ),
            )
            // Its script then becomes Erlang's machine, whose process id is the child's.
            .env("RABBITMQ_ALLOW_INPUT", "1")
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file"))
            .stderr(output)
            // Ctrl-C at the terminal is for the test, which then ends the server as always.
            .process_group(0)
            .spawn()
            .expect("RabbitMQ can be started (Debian: apt-get install rabbitmq-server)")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        end(&mut self.names);
    }
}

impl Run {
    /// Kills the broker before its watchdog, which knows it by its id, and reaps it after.
    fn end(&mut self) {
        let _ = self.broker.kill();
        end(&mut self.watchdog);
        end(&mut self.broker);
    }
}

/// The URL of a broker that listens here.
pub fn url(port: u16) -> String {
    format!("amqp://127.0.0.1:{port}")
}

fn watch(dir: &Path, pids: &[String; 2]) -> Child {
    Command::new("/bin/sh")
        .args(["-c", WATCHDOG])
        .arg(dir)
        .args(pids)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a shell")
}

/// Both fail only when it has been reaped already.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Whether a broker greets here: it sends a frame that begins with a 1.
fn serves(port: u16) -> bool {
    let greeted = || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(&CONNECTION_HEADER)?;
        let mut first = [0];
        stream.read_exact(&mut first)?;
        Ok::<_, std::io::Error>(first == [1])
    };
    greeted().unwrap_or(false)
}

/// Below those that the kernel gives to outgoing connections, so that it is still free for a restart.
fn free_port() -> u16 {
    let draw = || 10_000 + u16::try_from(RandomState::new().build_hasher().finish() % 22_000).expect("small");
    std::iter::repeat_with(draw)
        .take(100)
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .expect("a free port")
}
