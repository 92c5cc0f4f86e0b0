//! [`RabbitMq`]: a RabbitMQ of the test's own.

use std::{
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpStream},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{
    port,
    watchdog::{Watchdog, end},
};

/// Debian puts a script in the PATH that starts it as another user, and only with the directories of the system.
const PROGRAMS: [&str; 2] = ["/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server"];
const READY_WITHIN: Duration = Duration::from_secs(90);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);
const POLL_EVERY: Duration = Duration::from_millis(20);
const CONNECTION_HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";

/// A RabbitMQ with its data; killed when dropped.
#[derive(Debug)]
pub struct RabbitMq {
    ports: Ports,
    /// Where Erlang's nodes look each other up; it would start one for the whole machine otherwise.
    names: Child,
    run: Option<Run>,
    dir: TempDir,
    args: String,
}

/// From a start to the next stop.
#[derive(Debug)]
struct Run {
    watchdog: Option<Watchdog>,
    broker: Child,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    amqp: u16,
    nodes: u16,
    names: u16,
}

impl RabbitMq {
    /// Starts an empty one, and waits until it serves.
    ///
    /// # Errors
    ///
    /// When there is no such program, or it does not serve within 90 s; with its log then.
    pub fn start() -> io::Result<Self> {
        Self::with("")
    }

    /// With further arguments for Erlang, such as `-rabbit consumer_timeout 1000`.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn with(args: &str) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("redsync-rabbitmq-").tempdir()?;
        let ports = Ports { amqp: port::free()?, nodes: port::free()?, names: port::free()? };
        fs::write(dir.path().join("rabbitmq.conf"), format!("listeners.tcp.1 = 127.0.0.1:{}\n", ports.amqp))?;
        fs::write(dir.path().join("env.conf"), "")?;
        let names = start_names(ports.names)?;
        let mut server = Self { ports, names, run: None, dir, args: args.to_owned() };
        server.restart()?;
        Ok(server)
    }

    /// Its port of 127.0.0.1, which stays the same over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// Where clients find it.
    #[must_use]
    pub fn url(&self) -> String {
        Self::url_of(self.port())
    }

    /// Where clients find one that listens at this port of 127.0.0.1, or what stands before it.
    #[must_use]
    pub fn url_of(port: u16) -> String {
        format!("amqp://127.0.0.1:{port}")
    }

    /// Stops it in order, and returns once it is gone. After a minute it is killed.
    ///
    /// # Errors
    ///
    /// When it cannot be told to.
    pub fn stop(&mut self) -> io::Result<()> {
        let Some(mut run) = self.run.take() else { return Ok(()) };
        kill_process(Pid::from_child(&run.broker), Signal::TERM)?;
        let deadline = Instant::now() + STOPPED_WITHIN;
        while run.broker.try_wait()?.is_none() && Instant::now() < deadline {
            thread::sleep(POLL_EVERY);
        }
        Ok(())
    }

    /// Ends it as a crash does (SIGKILL), and returns once it is gone.
    pub fn kill(&mut self) {
        self.run = None;
    }

    /// Starts it again with its data, on the same port. One that still runs is killed before.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        let broker = self.spawn()?;
        let pids = [broker.id(), self.names.id()];
        let mut run = Run { watchdog: None, broker };
        run.watchdog = Some(Watchdog::over(self.dir.path(), &pids)?);
        let deadline = Instant::now() + READY_WITHIN;
        while !serves(self.port()) {
            let ended = run.broker.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                return Err(io::Error::other(format!("RabbitMQ does not serve: {ended:?}\n{}", self.log())));
            }
            thread::sleep(POLL_EVERY);
        }
        self.run = Some(run);
        Ok(())
    }

    fn spawn(&self) -> io::Result<Child> {
        let (dir, Ports { nodes, names, .. }) = (self.dir.path(), self.ports);
        let output = fs::File::options().create(true).append(true).open(dir.join("log"))?;
        let program =
            PROGRAMS.into_iter().find(|program| Path::new(program).exists()).unwrap_or("rabbitmq-server");
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
            .stdout(output.try_clone()?)
            .stderr(output)
            // Ctrl-C at the terminal is for the test, which then ends the server as always.
            .process_group(0)
            .spawn()
            .map_err(|error| {
                let install = "Debian: apt-get install rabbitmq-server";
                io::Error::new(error.kind(), format!("RabbitMQ cannot be started ({install}): {error}"))
            })
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        self.kill();
        end(&mut self.names);
    }
}

impl Drop for Run {
    /// Kills the broker before its watchdog, which knows it by its id, and reaps it after.
    fn drop(&mut self) {
        let _ = self.broker.kill();
        self.watchdog = None;
        end(&mut self.broker);
    }
}

fn start_names(port: u16) -> io::Result<Child> {
    Command::new("epmd")
        .args(["-address", "127.0.0.1", "-port", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("epmd, which comes with Erlang: {error}")))
}

/// Whether a broker greets here: it sends a frame that begins with a 1.
fn serves(port: u16) -> bool {
    let greeted = || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(&CONNECTION_HEADER)?;
        let mut first = [0];
        stream.read_exact(&mut first)?;
        Ok::<_, io::Error>(first == [1])
    };
    greeted().unwrap_or(false)
}
