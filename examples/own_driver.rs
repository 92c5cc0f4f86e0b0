//! A whole driver, for a client that is written here too: RESP over TCP, by Tokio.
//!
//! `cargo run --example own_driver` starts a `redis-server` and locks on it; with a URL it locks on that one. The
//! tests of this example run the list of cases on it that every driver has to pass.

#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::{error::Error, io, sync::Arc, time::Duration};

use redsync_core::{NodeError, Redsync, Reply, Request};
use redsync_runtime::{Link, Source, TokioRuntime, Transport, Wired};
use redsync_testkit::server::Server;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot},
};

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (url, _server) = match std::env::args().nth(1) {
        Some(url) => (url, None),
        None => {
            let server = Server::start()?;
            (server.url(), Some(server))
        }
    };
    let redsync = Redsync::builder(Arc::new(TokioRuntime::current()?)).node(open(&url)?).build()?;
    let guard = redsync.mutex("invoice:42").lock().await?;
    println!("The lock is ours for another {:?}.", guard.valid_for());
    let rival = redsync.mutex("invoice:42").tries(2).retry_delay(Duration::from_millis(10)).lock().await;
    println!("A rival is told: {}", rival.err().map_or("nothing".to_owned(), |error| error.to_string()));
    println!("Released: {:?}.", guard.release().await?);
    Ok(())
}

// ANCHOR: open
/// Makes a node of a URL such as `redis://user:password@127.0.0.1:6379`.
///
/// [`Link`] connects once and again, and knows what was certainly not sent. [`Wired`] delivers what was handed over
/// also when its caller goes away, and limits what may wait. What is left for a driver is to carry bytes.
pub(crate) fn open(url: &str) -> Result<Wired<Tcp>, BoxError> {
    let runtime = Arc::new(TokioRuntime::current()?);
    let (credentials, address) = parse(url).ok_or("not a URL such as redis://127.0.0.1:6379")?;
    let label = address.clone();
    let link = Link::new(label.clone(), Place { credentials, address }, runtime.clone());
    Ok(Wired::new(label, Tcp(link), runtime))
}
// ANCHOR_END: open

fn parse(url: &str) -> Option<(Vec<String>, String)> {
    let rest = url.strip_prefix("redis://")?;
    let (credentials, address) = rest.rsplit_once('@').unwrap_or(("", rest));
    let words = credentials.split(':').filter(|word| !word.is_empty());
    Some((words.map(str::to_owned).collect(), address.to_owned()))
}

/// Where a connection goes, and what it says first.
pub(crate) struct Place {
    credentials: Vec<String>,
    address: String,
}

/// The bytes of a request, and where its reply goes.
type Written = (Vec<u8>, oneshot::Sender<Result<Reply, NodeError>>);

/// A connection: what is sent here is written in this order, and answered in this order.
type Requests = mpsc::UnboundedSender<Written>;

// ANCHOR: source
impl Source for Place {
    type Connection = Requests;

    async fn connect(&self) -> Result<Requests, BoxError> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        let (requests, queue) = mpsc::unbounded_channel();
        tokio::spawn(run(BufReader::new(read), write, queue));
        if !self.credentials.is_empty() {
            let words = ["AUTH"].into_iter().chain(self.credentials.iter().map(String::as_str));
            exchange(&requests, encode(words.map(str::as_bytes))).await?;
        }
        Ok(requests)
    }

    fn is_closed(&self, requests: &Requests, _idle: Duration) -> bool {
        requests.is_closed()
    }
}
// ANCHOR_END: source

// ANCHOR: transport
/// Carries requests over the connection of a link.
pub(crate) struct Tcp(Link<Place>);

impl Transport for Tcp {
    async fn send(&self, request: Request) -> Result<Reply, NodeError> {
        let lent = self.0.connection().await?;
        let answer = exchange(&lent.connection, encode(request.args())).await;
        let is_broken = lent.connection.is_closed();
        lent.give_back(is_broken);
        answer
    }
}

/// Not sent if the connection has ended before; unknown if it ends while the reply is awaited.
async fn exchange(requests: &Requests, bytes: Vec<u8>) -> Result<Reply, NodeError> {
    let (send, receive) = oneshot::channel();
    requests.send((bytes, send)).map_err(|_| NodeError::not_sent("the connection is closed"))?;
    receive.await.unwrap_or_else(|_| Err(NodeError::unknown("the connection was lost")))
}
// ANCHOR_END: transport

/// Writes requests and reads replies until either fails; those that wait are told by their channels.
async fn run(
    mut read: BufReader<OwnedReadHalf>,
    mut write: OwnedWriteHalf,
    mut queue: mpsc::UnboundedReceiver<Written>,
) {
    let (waiting, mut next) = mpsc::unbounded_channel();
    let writing = async {
        while let Some((bytes, answer)) = queue.recv().await {
            // From here on it may be executed.
            if waiting.send(answer).is_err() || write.write_all(&bytes).await.is_err() {
                break;
            }
        }
    };
    let reading = async {
        // A reply that is not awaited any more is read all the same.
        while let (Ok(reply), Some(answer)) = (decode(&mut read).await, next.recv().await) {
            let _: Result<(), _> = answer.send(reply);
        }
    };
    tokio::select! {
        () = writing => {}
        () = reading => {}
    }
}

fn encode<'a>(args: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let args: Vec<_> = args.collect();
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Reads one reply, be it an error; fails with the connection.
async fn decode(read: &mut BufReader<OwnedReadHalf>) -> io::Result<Result<Reply, NodeError>> {
    let mut line = String::new();
    if read.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).ok_or(io::ErrorKind::InvalidData)?;
    let number = rest.parse::<i64>();
    Ok(match (kind, number) {
        ("+", _) => Ok(Reply::Text(rest.into())),
        ("-", _) => {
            let (code, detail) = rest.split_once(' ').unwrap_or((rest, ""));
            Err(NodeError::answered(code, detail, line.to_owned()))
        }
        (":", Ok(number)) => Ok(Reply::Integer(number)),
        ("$" | "*", Ok(..0)) => Ok(Reply::Nil),
        ("$", Ok(length)) => {
            let mut text = vec![0; usize::try_from(length).map_err(io::Error::other)? + 2];
            read.read_exact(&mut text).await?;
            text.truncate(text.len() - 2);
            Ok(Reply::Text(text))
        }
        ("*", Ok(length)) => {
            let mut items = Vec::new();
            for _ in 0..length {
                items.push(Box::pin(decode(read)).await?);
            }
            items.into_iter().collect::<Result<_, _>>().map(Reply::Array)
        }
        _ => return Err(io::ErrorKind::InvalidData.into()),
    })
}
