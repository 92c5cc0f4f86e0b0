//! [`Proxy`]: stands before a broker, holds back or loses what is sent, and cuts connections.

use std::{io, net::Ipv4Addr};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Passes on bytes, on a port of its own, until it is told otherwise.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    rules: watch::Sender<Rules>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rules {
    requests: Rule,
    replies: Rule,
    cuts: usize,
}

/// What becomes of what one side sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Rule {
    #[default]
    Pass,
    Hold,
    Lose,
}

impl Proxy {
    /// Before the broker at this port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When there is no free port.
    pub async fn start(broker: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (rules, rule) = watch::channel(Rules::default());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, broker, rule.clone()));
            }
        });
        Ok(Self { port, rules, task })
    }

    /// Its own port of 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What clients send is held back from now on.
    pub fn hold_requests(&self) {
        self.rules.send_modify(|rules| rules.requests = Rule::Hold);
    }

    /// What the broker sends is held back from now on.
    pub fn hold_replies(&self) {
        self.rules.send_modify(|rules| rules.replies = Rule::Hold);
    }

    /// What the broker sends is lost from now on.
    pub fn lose_replies(&self) {
        self.rules.send_modify(|rules| rules.replies = Rule::Lose);
    }

    /// Both sides are heard again, and what was held back as well.
    pub fn relieve(&self) {
        self.rules.send_modify(|rules| *rules = Rules { cuts: rules.cuts, ..Rules::default() });
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

/// Whichever side ends first takes both connections along.
async fn serve(client: TcpStream, broker: u16, mut rules: watch::Receiver<Rules>) {
    let Ok(broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, broker)).await else { return };
    let cuts = rules.borrow_and_update().cuts;
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let (requests, replies) = (rules.clone(), rules.clone());
    tokio::select! {
        () = pass_on(from_client, to_broker, requests, |rules| rules.requests) => {}
        () = pass_on(from_broker, to_client, replies, |rules| rules.replies) => {}
        _ = rules.wait_for(|rules| rules.cuts > cuts) => {}
    }
}

async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut rules: watch::Receiver<Rules>,
    rule: fn(&Rules) -> Rule,
) {
    let cuts = rules.borrow_and_update().cuts;
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let may_go_on = |rules: &Rules| rules.cuts > cuts || rule(rules) != Rule::Hold;
        let Ok(now) = rules.wait_for(may_go_on).await.map(|now| *now) else { return };
        if now.cuts > cuts {
            return;
        }
        let passed = buffer.get(..length).unwrap_or_default();
        if rule(&now) == Rule::Pass && to.write_all(passed).await.is_err() {
            return;
        }
    }
}
