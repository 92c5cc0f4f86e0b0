//! [`Proxy`]: stands before a server and makes go wrong what a server does not by itself.

use std::{
    collections::BTreeMap,
    io::{self, BufReader, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::Duration,
};

use super::{ServerError, frame};

/// Stands before a server on a port of its own, and passes on commands and replies.
///
/// Rules apply to the commands of one name, on every connection, until [`relieve`](Self::relieve). It serves one
/// command of a connection after the other, and replies only: no pushes. Connections end with it.
///
/// ```
/// use redsync_testkit::server::{Client, Proxy, Server};
/// use std::time::Duration;
///
/// let server = Server::start()?;
/// let proxy = Proxy::start(server.port())?;
/// let mut client = Client::connect(proxy.port(), Duration::from_secs(2))?;
/// proxy.refuse("GET", "LOADING Redis is loading the dataset in memory");
/// assert!(client.command(&["GET", "key"])?.text().is_some_and(|text| text.starts_with("LOADING")));
/// # Ok::<(), redsync_testkit::server::ServerError>(())
/// ```
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

/// A command with its arguments, as it goes over the wire.
pub type Args = Vec<Vec<u8>>;

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when commands that are held back may go on, or have nowhere to go any more.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// By command name in capitals.
    rules: BTreeMap<String, Rule>,
    seen: BTreeMap<String, usize>,
    /// Of the clients and the server, so that they can be cut.
    connections: Vec<TcpStream>,
    /// Counts the cuts, so that a command that was held back over one is lost with its connection.
    cuts: usize,
    is_held: bool,
    delay: Duration,
    is_closed: bool,
}

#[derive(Clone, Debug)]
enum Rule {
    Refuse(String),
    LoseRequest,
    LoseReply,
    Translate(fn(Args) -> Args),
}

impl Proxy {
    /// Starts to serve on a free port of 127.0.0.1 before the server at `port`.
    ///
    /// # Errors
    ///
    /// Fails when no port can be had.
    pub fn start(port: u16) -> Result<Self, ServerError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (own, shared) = (listener.local_addr()?.port(), Arc::<Shared>::default());
        let weak = Arc::downgrade(&shared);
        thread::spawn(move || accept(&listener, port, &weak));
        Ok(Self { port: own, shared })
    }

    /// Returns the proxy's own port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the proxy's own address, such as `redis://127.0.0.1:17001`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Answers commands of this name with an error, such as `OOM command not allowed`, without passing them on.
    pub fn refuse(&self, command: &str, error: &str) {
        self.rule(command, Rule::Refuse(error.to_owned()));
    }

    /// Cuts the connection over which a command of this name comes, without passing it on.
    pub fn lose_requests(&self, command: &str) {
        self.rule(command, Rule::LoseRequest);
    }

    /// Passes commands of this name on, and cuts the connection when the reply is there.
    pub fn lose_replies(&self, command: &str) {
        self.rule(command, Rule::LoseReply);
    }

    /// Passes on other commands in the place of those of this name, as a server that knows more would execute them.
    pub fn translate(&self, command: &str, into: fn(Args) -> Args) {
        self.rule(command, Rule::Translate(into));
    }

    /// Takes in every command and passes none on, as a network does that swallows packets; what has come by the time
    /// of [`relieve`](Self::relieve) is passed on then, and what was cut off meanwhile is lost.
    pub fn hold(&self) {
        self.shared.state().is_held = true;
    }

    /// Passes every command on only after so long.
    pub fn delay(&self, delay: Duration) {
        self.shared.state().delay = delay;
    }

    /// Takes back all rules, and goes on with what was held back.
    pub fn relieve(&self) {
        let mut state = self.shared.state();
        state.rules.clear();
        (state.is_held, state.delay) = (false, Duration::ZERO);
        self.shared.changed.notify_all();
    }

    /// Cuts every connection; new ones are served.
    pub fn cut(&self) {
        self.shared.state().cut();
        self.shared.changed.notify_all();
    }

    /// Returns how many commands of this name have come.
    #[must_use]
    pub fn seen(&self, command: &str) -> usize {
        self.shared.state().seen.get(&command.to_uppercase()).copied().unwrap_or_default()
    }

    fn rule(&self, command: &str, rule: Rule) {
        self.shared.state().rules.insert(command.to_uppercase(), rule);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.is_closed = true;
        state.cut();
        drop(state);
        self.shared.changed.notify_all();
        // Wakes the thread that waits for connections, so that it ends.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a command for as long as the proxy was told to, and says whether its connection is still there.
    fn keep(&self) -> bool {
        let state = self.state();
        let (cuts, delay) = (state.cuts, state.delay);
        drop(state);
        thread::sleep(delay);
        let is_waiting = |state: &mut State| state.is_held && state.cuts == cuts;
        let state = self.changed.wait_while(self.state(), is_waiting).unwrap_or_else(PoisonError::into_inner);
        state.cuts == cuts
    }
}

impl State {
    fn cut(&mut self) {
        self.cuts += 1;
        for connection in self.connections.drain(..) {
            // It may have been closed by the other side already.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    fn look_up(&mut self, args: &Args) -> Option<Rule> {
        let name = args.first().map(|name| String::from_utf8_lossy(name).to_uppercase()).unwrap_or_default();
        let rule = self.rules.get(&name).cloned();
        *self.seen.entry(name).or_default() += 1;
        rule
    }
}

fn accept(listener: &TcpListener, port: u16, shared: &Weak<Shared>) {
    for client in listener.incoming().map_while(Result::ok) {
        let Some(shared) = shared.upgrade().filter(|shared| !shared.state().is_closed) else { return };
        thread::spawn(move || {
            // Either side has gone, or a rule has cut the connection; both ends are closed then.
            let _ = serve(client, port, &shared);
        });
    }
}

fn serve(client: TcpStream, port: u16, shared: &Shared) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    for connection in [&client, &server] {
        connection.set_nodelay(true)?;
        shared.state().connections.push(connection.try_clone()?);
    }
    let result = pass_on(&client, &server, shared);
    client.shutdown(Shutdown::Both).and(server.shutdown(Shutdown::Both)).and(result)
}

fn pass_on(mut client: &TcpStream, mut server: &TcpStream, shared: &Shared) -> io::Result<()> {
    let (mut commands, mut replies) = (BufReader::new(client), BufReader::new(server));
    while let Some(args) = frame::read_command(&mut commands)? {
        if !shared.keep() {
            return Ok(());
        }
        let rule = shared.state().look_up(&args);
        let args = match &rule {
            Some(Rule::Refuse(error)) => {
                client.write_all(format!("-{error}\r\n").as_bytes())?;
                continue;
            }
            Some(Rule::LoseRequest) => return Ok(()),
            Some(Rule::Translate(into)) => into(args),
            Some(Rule::LoseReply) | None => args,
        };
        server.write_all(&frame::command(&args))?;
        let reply = frame::read_reply(&mut replies)?;
        if matches!(rule, Some(Rule::LoseReply)) {
            return Ok(());
        }
        client.write_all(&reply)?;
    }
    Ok(())
}
