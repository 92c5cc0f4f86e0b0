//! [`RabbitMq`]: a RabbitMQ of the test's own.

use std::{
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpStream},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use redsync_testkit::server::free_port;
use tempfile::TempDir;

use super::{
    run::{Run, Start},
    watchdog::end,
};

/// Debian puts a script in the PATH that starts it as another user, and only with the directories of the system.
const PROGRAMS: [&str; 2] = ["/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server"];
const READY_WITHIN: Duration = Duration::from_secs(90);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);
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
        let ports = Ports { amqp: free_port()?, nodes: free_port()?, names: free_port()? };
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
        self.run.take().map_or(Ok(()), |run| run.stop(STOPPED_WITHIN))
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
        let (port, dir) = (self.port(), self.dir.path());
        let mut run = Run::over(self.spawn()?, dir, &[self.names.id()])?;
        let why = match run.wait_until(|| serves(port), READY_WITHIN)? {
            Start::Ready => {
                self.run = Some(run);
                return Ok(());
            }
            Start::Ended(status) => format!("it has ended with {status}"),
            Start::Late => format!("not within {READY_WITHIN:?}"),
        };
        Err(io::Error::other(format!("RabbitMQ does not serve: {why}\n{}", self.log())))
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
