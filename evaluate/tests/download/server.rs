//! A local server whose every answer is laid down by a test, a proxy, and what the tests ask them for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evaluate::client::Client;
use evaluate::download::{Download, DownloadError, Got};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};
use shared::fs;
use shared::testing::wait_until;

/// Tries that follow each other at once.
pub(crate) const NO_PAUSES: [Duration; 3] = [Duration::ZERO; 3];

/// Bytes that a slow server sends between two pauses.
const PIECE: usize = 30_000;

/// Who vouches for the server under TLS. Made by `certificates/make.sh`.
pub(crate) const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/download/certificates/authority.pem");

/// What the server does with one request, given the first byte that is asked for.
pub(crate) type Answer = Box<dyn Fn(usize) -> Reply + Send>;

/// What the server sends.
#[derive(Default)]
pub(crate) struct Reply {
    head: String,
    body: Vec<u8>,
    /// Between pieces of the body.
    pause: Duration,
    /// Behind the body, before the connection is closed.
    hold: Duration,
}

/// A request as far as the tests look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// `GET /path HTTP/1.1`.
    pub(crate) line: String,
    /// The value of the header of this name.
    pub(crate) range: Option<String>,
    /// The same.
    pub(crate) proxy_authorization: Option<String>,
}

/// Serves one answer a connection, then stops listening. Notes the requests it saw.
pub(crate) struct Server {
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// Of a file.
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Listens on a free port.
    pub(crate) fn start(answers: Vec<Answer>) -> Self {
        Self::listen("http", "127.0.0.1", answers, |stream| stream)
    }

    /// The same under TLS, as `localhost`, with a certificate that only [`AUTHORITY`] vouches for.
    pub(crate) fn start_tls(answers: Vec<Answer>) -> Self {
        let chain = vec![CertificateDer::from_pem_slice(include_bytes!("certificates/server.pem")).expect("certificate")];
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("certificates/server.key")).expect("key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .expect("configuration");
        let config = Arc::new(config);
        let wrap = move |stream| StreamOwned::new(ServerConnection::new(Arc::clone(&config)).expect("connection"), stream);
        Self::listen("https", "localhost", answers, wrap)
    }

    fn listen<S: Read + Write + Send + 'static>(
        scheme: &str,
        host: &str,
        answers: Vec<Answer>,
        wrap: impl Fn(TcpStream) -> S + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address").to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for answer in answers {
                let Ok((stream, _)) = listener.accept() else { return };
                let seen = Arc::clone(&seen);
                let stream = wrap(stream);
                std::thread::spawn(move || serve(stream, &answer, &seen));
            }
        });
        let port = address.rsplit(':').next().expect("port");
        Self { url: format!("{scheme}://{host}:{port}/file.pth"), address, requests }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("lock").clone()
    }

    /// The Range headers so far.
    pub(crate) fn ranges(&self) -> Vec<Option<String>> {
        self.requests().into_iter().map(|request| request.range).collect()
    }
}

fn serve(mut stream: impl Read + Write, answer: &Answer, seen: &Mutex<Vec<Request>>) {
    let request = read(&mut stream);
    let range = request.range.as_deref();
    let from = range.and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()).unwrap_or(0);
    seen.lock().expect("lock").push(request);
    let reply = answer(from);
    // The client may have gone: that is what some tests are about.
    let _ = stream.write_all(reply.head.as_bytes());
    for piece in reply.body.chunks(PIECE) {
        let _ = stream.write_all(piece);
        std::thread::sleep(reply.pause);
    }
    let _ = stream.flush();
    std::thread::sleep(reply.hold);
}

fn read(stream: &mut impl Read) -> Request {
    let lines: Vec<String> = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let header = |name: &str| {
        lines.iter().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    Request {
        line: lines.first().cloned().unwrap_or_default(),
        range: header("range"),
        proxy_authorization: header("proxy-authorization"),
    }
}

/// A proxy that opens one tunnel after the other, each to `target` whatever host is asked for, or refuses all if there is none.
/// What it was asked for is noted.
pub(crate) fn proxy(target: Option<String>, tunnels: usize) -> (String, Arc<Mutex<Vec<Request>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address").to_string();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    std::thread::spawn(move || {
        for _ in 0..tunnels {
            let Ok((mut client, _)) = listener.accept() else { return };
            seen.lock().expect("lock").push(read(&mut client));
            let Some(target) = &target else {
                let _ = client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
                continue;
            };
            let mut server = TcpStream::connect(target).expect("connect");
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").expect("answer");
            let (mut up_from, mut up_to) = (client.try_clone().expect("clone"), server.try_clone().expect("clone"));
            std::thread::spawn(move || std::io::copy(&mut up_from, &mut up_to));
            let _ = std::io::copy(&mut server, &mut client);
            let _ = client.shutdown(std::net::Shutdown::Both);
        }
    });
    (address, requests)
}

/// What is downloaded.
pub(crate) fn content() -> Vec<u8> {
    (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Its SHA-256.
pub(crate) fn sha256() -> String {
    Sha256::digest(content()).iter().map(|b| format!("{b:02x}")).collect()
}

/// Honours Range, and cuts the connection after `sent` bytes of the body.
pub(crate) fn resumable(content: Vec<u8>, sent: usize) -> Answer {
    paced(content, sent, Duration::ZERO, Duration::ZERO)
}

/// The same with a pause behind each piece, and `hold` before the connection is closed.
pub(crate) fn paced(content: Vec<u8>, sent: usize, pause: Duration, hold: Duration) -> Answer {
    Box::new(move |from| {
        let rest = &content[from..];
        let status = if from == 0 { "200 OK" } else { "206 Partial Content" };
        let range = format!("content-range: bytes {from}-{}/{}\r\n", content.len() - 1, content.len());
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{}connection: close\r\n\r\n",
            rest.len(),
            if from > 0 { &range } else { "" }
        );
        Reply { head, body: rest[..sent.min(rest.len())].to_vec(), pause, hold }
    })
}

/// Sends everything, whatever range is asked for.
pub(crate) fn whole(content: Vec<u8>) -> Answer {
    Box::new(move |_| Reply {
        head: format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", content.len()),
        body: content.clone(),
        ..Reply::default()
    })
}

/// A status without a body.
pub(crate) fn status(line: &'static str) -> Answer {
    Box::new(move |_| Reply {
        head: format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        ..Reply::default()
    })
}

/// Sends on to another place.
pub(crate) fn redirect(location: String) -> Answer {
    Box::new(move |_| Reply {
        head: format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        ..Reply::default()
    })
}

/// An empty place for a file of this test.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("fledge-download-{}-{name}", std::process::id()));
    fs::remove(&folder).expect("clear");
    folder.join("weights").join("file.pth")
}

/// A client that no variable of this process leads astray.
pub(crate) fn client(url: &str) -> Client {
    Client::new(url, Duration::from_secs(30), &|_| None).expect("client")
}

/// Downloads [`content`] through `client`. A lock that an earlier download had is given up a moment later where another test was starting
/// a process just then, which has whatever is open here until it runs its own program.
pub(crate) fn get_by(client: &Client, url: &str, path: &Path) -> Result<Got, DownloadError> {
    let (sha256, bytes) = (sha256(), content().len() as u64);
    let download = Download { url, path, sha256: &sha256, bytes, pauses: &NO_PAUSES, client };
    let mut got = download.run();
    wait_until(|| {
        let is_busy = matches!(got, Err(DownloadError::Busy { .. }));
        if is_busy {
            got = download.run();
        }
        !is_busy
    });
    got
}

/// Downloads [`content`].
pub(crate) fn get(url: &str, path: &Path) -> Result<Got, DownloadError> {
    get_by(&client(url), url, path)
}
