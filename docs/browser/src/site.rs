//! [`Site`]: the files of a directory by HTTP, as a web server has them.

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::{
    fs,
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Serves the files of a directory on a free port of this machine, until it is dropped.
pub(crate) struct Site {
    address: String,
    serving: JoinHandle<()>,
}

impl Site {
    pub(crate) async fn serve(directory: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}/", listener.local_addr()?);
        let serving = tokio::spawn(accept(listener, directory.to_owned()));
        Ok(Self { address, serving })
    }

    /// With the slash at its end.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn accept(listener: TcpListener, directory: PathBuf) {
    while let Ok((stream, _)) = listener.accept().await {
        let directory = directory.clone();
        // A browser that goes away in the midst of an answer is none of our business.
        tokio::spawn(async move { drop(answer(stream, &directory).await) });
    }
}

/// One request on each connection.
async fn answer(stream: TcpStream, directory: &Path) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    stream.read_line(&mut request).await?;
    let mut header = String::new();
    while stream.read_line(&mut header).await? > 0 && !header.trim().is_empty() {
        header.clear();
    }
    let (status, kind, body) = match fs::read(directory.join(path(&request))).await {
        Ok(body) => ("200 OK", kind(path(&request)), body),
        // Browsers ask for it on behalf of pages that name none.
        Err(_) if path(&request) == "favicon.ico" => ("204 No Content", "image/x-icon", Vec::new()),
        Err(_) => ("404 Not Found", "text/plain", b"not here".to_vec()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.flush().await
}

/// What stands between the slash and the question mark of `GET /path?query HTTP/1.1`.
fn path(request: &str) -> &str {
    let target = request.split(' ').nth(1).unwrap_or("/");
    let path = target.split(['?', '#']).next().unwrap_or_default().trim_start_matches('/');
    if path.is_empty() { "index.html" } else { path }
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_a_file() {
        let cases = [
            ("GET / HTTP/1.1\r\n", "index.html"),
            ("GET /a/b.css HTTP/1.1\r\n", "a/b.css"),
            ("GET /a.html?search=fence HTTP/1.1\r\n", "a.html"),
            ("", "index.html"),
        ];
        for (request, expected) in cases {
            assert_eq!(path(request), expected, "{request}");
        }
    }
}
