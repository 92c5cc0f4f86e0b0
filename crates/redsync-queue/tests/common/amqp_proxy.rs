//! [`Proxy`]: stands before a broker, holds back what either side sends, and cuts connections.

use std::net::Ipv4Addr;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Passes on bytes, on a port of its own, until it is told otherwise.
pub struct Proxy {
    port: u16,
    rules: watch::Sender<Rules>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Default)]
struct Rules {
    holds_requests: bool,
    holds_replies: bool,
    cuts: usize,
}

impl Proxy {
    /// Before the broker at this port.
    pub async fn start(broker: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let (rules, rule) = watch::channel(Rules::default());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, broker, rule.clone()));
            }
        });
        Self { port, rules, task }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What clients send is held back from now on.
    pub fn hold_requests(&self) {
        self.rules.send_modify(|rules| rules.holds_requests = true);
    }

    /// What the broker sends is held back from now on.
    pub fn hold_replies(&self) {
        self.rules.send_modify(|rules| rules.holds_replies = true);
    }

    /// Cuts every connection, and what is held back is lost with it. New ones are served.
    pub fn cut(&self) {
        self.rules.send_modify(|rules| *rules = Rules { cuts: rules.cuts + 1, ..Rules::default() });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(client: TcpStream, broker: u16, mut rules: watch::Receiver<Rules>) {
    let Ok(broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, broker)).await else { return };
    let cuts = rules.borrow_and_update().cuts;
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let (requests, replies) = (rules.clone(), rules.clone());
    tokio::select! {
        () = pass_on(from_client, to_broker, requests, |rules| rules.holds_requests) => {}
        () = pass_on(from_broker, to_client, replies, |rules| rules.holds_replies) => {}
        _ = rules.wait_for(|rules| rules.cuts > cuts) => {}
    }
}

async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut rules: watch::Receiver<Rules>,
    holds: fn(&Rules) -> bool,
) {
    let cuts = rules.borrow_and_update().cuts;
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let may_go_on = |rules: &Rules| rules.cuts > cuts || !holds(rules);
        let is_cut = !rules.wait_for(may_go_on).await.is_ok_and(|rules| rules.cuts == cuts);
        if is_cut || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
