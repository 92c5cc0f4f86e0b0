//! [`Proxy`]: stands before a server and makes go wrong what a server does not by itself.

use std::{
    collections::BTreeMap,
    io::{self, BufReader, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread,
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
struct Shared(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// By command name in capitals.
    rules: BTreeMap<String, Rule>,
    seen: BTreeMap<String, usize>,
    /// Of the clients and the server, so that they can be cut.
    connections: Vec<TcpStream>,
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

    /// Takes back all rules.
    pub fn relieve(&self) {
        self.shared.state().rules.clear();
    }

    /// Cuts every connection; new ones are served.
    pub fn cut(&self) {
        self.shared.state().cut();
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
        // Wakes the thread that waits for connections, so that it ends.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn cut(&mut self) {
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
