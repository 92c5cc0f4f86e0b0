//! A proxy that passes bytes on, holds replies back, and cuts connections.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
};

/// Stands before a server on a port of its own.
pub(crate) struct Proxy {
    port: u16,
    is_silent: Arc<AtomicBool>,
    cuts: watch::Sender<u64>,
}

impl Proxy {
    /// Before the server at `port` of 127.0.0.1.
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let own = listener.local_addr().expect("it is bound").port();
        let (is_silent, (cuts, seen)) = (Arc::<AtomicBool>::default(), watch::channel(0));
        let shared = Arc::clone(&is_silent);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, port, Arc::clone(&shared), seen.clone()));
            }
        });
        Self { port: own, is_silent, cuts }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Loses what the server says from now on, and passes on what it is told.
    pub(crate) fn lose_replies(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
    }

    /// Passes on again what the server says.
    pub(crate) fn pass_replies(&self) {
        self.is_silent.store(false, Ordering::SeqCst);
    }

    /// Cuts every connection; new ones are served, with replies.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
        self.pass_replies();
    }
}

async fn serve(
    client: TcpStream,
    port: u16,
    is_silent: Arc<AtomicBool>,
    mut cuts: watch::Receiver<u64>,
) -> io::Result<()> {
    cuts.mark_unchanged();
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let never = AtomicBool::new(false);
    // Whichever ends first takes both connections along.
    tokio::select! {
        ended = pass_on(from_client, to_server, &never) => ended,
        ended = pass_on(from_server, to_client, &is_silent) => ended,
        _ = cuts.changed() => Ok(()),
    }
}

async fn pass_on(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    is_silent: &AtomicBool,
) -> io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        if !is_silent.load(Ordering::SeqCst) {
            to.write_all(&bytes[..count]).await?;
        }
    }
}
