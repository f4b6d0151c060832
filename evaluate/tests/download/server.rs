//! A local server with scripted answers, a proxy, and the downloads of the tests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evaluate::networks::weights::client::Client;
use evaluate::networks::weights::download::{Download, DownloadError, Got};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};
use shared::testing::{Scratch, wait_until};

/// Retries without pauses.
pub(crate) const NO_PAUSES: [Duration; 3] = [Duration::ZERO; 3];

/// Bytes that a slow server sends between two pauses.
const PIECE: usize = 30_000;

/// The authority behind the server's TLS certificate, made by `certificates/make.sh`.
pub(crate) const AUTHORITY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/download/certificates/authority.pem");

/// The reply to a request, given the first byte of its range.
pub(crate) type Answer = Box<dyn Fn(usize) -> Reply + Send>;

/// A reply of the server.
#[derive(Default)]
pub(crate) struct Reply {
    head: String,
    body: Vec<u8>,
    /// Pause between pieces of the body.
    pause: Duration,
    /// Pause after the body, before the connection is closed.
    hold: Duration,
}

/// The parts of a request that the tests check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// `GET /path HTTP/1.1`.
    pub(crate) line: String,
    /// The header `range`.
    pub(crate) range: Option<String>,
    /// The header `proxy-authorization`.
    pub(crate) proxy_authorization: Option<String>,
}

/// Sends one answer per connection, then stops listening. Records the requests.
pub(crate) struct Server {
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// The address of its file.
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Listens on a free port.
    pub(crate) fn start(answers: Vec<Answer>) -> Self {
        Self::listen("http", "127.0.0.1", answers, |stream| stream)
    }

    /// Like [`Self::start`] under TLS, as `localhost`, with a certificate of [`AUTHORITY`].
    pub(crate) fn start_tls(answers: Vec<Answer>) -> Self {
        let chain = vec![
            CertificateDer::from_pem_slice(include_bytes!("certificates/server.pem"))
                .expect("certificate"),
        ];
        let key =
            PrivateKeyDer::from_pem_slice(include_bytes!("certificates/server.key")).expect("key");
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
                .expect("configuration");
        let config = Arc::new(config);
        let wrap = move |stream| {
            StreamOwned::new(
                ServerConnection::new(Arc::clone(&config)).expect("connection"),
                stream,
            )
        };
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
    let from =
        range.and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()).unwrap_or(0);
    seen.lock().expect("lock").push(request);
    let reply = answer(from);
    // In some tests the client is gone.
    let _ = stream.write_all(reply.head.as_bytes());
    for piece in reply.body.chunks(PIECE) {
        let _ = stream.write_all(piece);
        std::thread::sleep(reply.pause);
    }
    let _ = stream.flush();
    std::thread::sleep(reply.hold);
}

fn read(stream: &mut impl Read) -> Request {
    let lines: Vec<String> = BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
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

/// A proxy that opens tunnels, one after the other, to `target` whatever the host, or refuses all
/// without one. Returns its address and the recorded requests.
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
                let _ = client.write_all(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
                );
                continue;
            };
            let mut server = TcpStream::connect(target).expect("connect");
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").expect("answer");
            let (mut up_from, mut up_to) =
                (client.try_clone().expect("clone"), server.try_clone().expect("clone"));
            std::thread::spawn(move || std::io::copy(&mut up_from, &mut up_to));
            let _ = std::io::copy(&mut server, &mut client);
            let _ = client.shutdown(std::net::Shutdown::Both);
        }
    });
    (address, requests)
}

/// The file of the tests.
pub(crate) fn content() -> Vec<u8> {
    (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Its SHA-256.
pub(crate) fn sha256() -> String {
    Sha256::digest(content()).iter().map(|b| format!("{b:02x}")).collect()
}

/// Honours ranges, and cuts the connection after `sent` bytes of the body.
pub(crate) fn resumable(content: Vec<u8>, sent: usize) -> Answer {
    paced(content, sent, Duration::ZERO, Duration::ZERO)
}

/// Like [`resumable`] with a pause after each piece, and `hold` before the connection is closed.
pub(crate) fn paced(content: Vec<u8>, sent: usize, pause: Duration, hold: Duration) -> Answer {
    Box::new(move |from| {
        let rest = &content[from..];
        let status = if from == 0 { "200 OK" } else { "206 Partial Content" };
        let range =
            format!("content-range: bytes {from}-{}/{}\r\n", content.len() - 1, content.len());
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{}connection: close\r\n\r\n",
            rest.len(),
            if from > 0 { &range } else { "" }
        );
        Reply { head, body: rest[..sent.min(rest.len())].to_vec(), pause, hold }
    })
}

/// Sends the whole file, whatever the range.
pub(crate) fn whole(content: Vec<u8>) -> Answer {
    Box::new(move |_| Reply {
        head: format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            content.len()
        ),
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

/// Redirects to `location`.
pub(crate) fn redirect(location: String) -> Answer {
    Box::new(move |_| Reply {
        head: format!(
            "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ),
        ..Reply::default()
    })
}

/// The destination of a download, in a folder that does not exist yet.
pub(crate) struct Destination {
    path: PathBuf,
    _scratch: Scratch,
}

impl Deref for Destination {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for Destination {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

/// The destination of the test `name`.
pub(crate) fn destination(name: &str) -> Destination {
    let scratch = Scratch::new(&format!("download-{name}"));
    Destination { path: scratch.path("weights/file.pth"), _scratch: scratch }
}

/// A client without the environment of this process.
pub(crate) fn client(url: &str) -> Client {
    Client::new(url, Duration::from_secs(30), &|_| None).expect("client")
}

/// Downloads [`content`] through `client`. The lock of an earlier download may be released late: a
/// process that another test starts holds this process's open files until it runs its own program.
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
