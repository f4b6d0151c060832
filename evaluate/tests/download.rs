//! The download against a local server that cuts the connection, serves wrong bytes, ignores Range, or refuses.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evaluate::download::{Download, DownloadError};
use sha2::{Digest, Sha256};
use shared::cli::one_line;
use shared::fs;

const NO_PAUSES: [Duration; 3] = [Duration::ZERO; 3];

/// What the server does with one request, given the first byte that is asked for.
type Answer = Box<dyn Fn(usize) -> Reply + Send>;

struct Reply {
    head: String,
    body: Vec<u8>,
}

/// Serves one answer a connection, then stops listening. Notes the Range headers it saw.
struct Server {
    url: String,
    ranges: Arc<Mutex<Vec<Option<String>>>>,
}

impl Server {
    fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let url = format!("http://{}/file.pth", listener.local_addr().expect("address"));
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&ranges);
        std::thread::spawn(move || {
            for answer in answers {
                let Ok((stream, _)) = listener.accept() else { return };
                serve(stream, &answer, &seen);
            }
        });
        Self { url, ranges }
    }

    fn ranges(&self) -> Vec<Option<String>> {
        self.ranges.lock().expect("lock").clone()
    }
}

fn serve(mut stream: TcpStream, answer: &Answer, seen: &Mutex<Vec<Option<String>>>) {
    let mut range = None;
    let mut lines = BufReader::new(stream.try_clone().expect("clone")).lines();
    while let Some(Ok(line)) = lines.next() {
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("range: ") {
            range = Some(value.to_owned());
        }
    }
    let from = range.as_deref().and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()).unwrap_or(0);
    seen.lock().expect("lock").push(range);
    let reply = answer(from);
    // The client may have gone: that is what some tests are about.
    let _ = stream.write_all(reply.head.as_bytes()).and_then(|()| stream.write_all(&reply.body));
}

fn content() -> Vec<u8> {
    (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Honours Range, and cuts the connection after `sent` bytes of the body.
fn resumable(content: Vec<u8>, sent: usize) -> Answer {
    Box::new(move |from| {
        let rest = &content[from..];
        let status = if from == 0 { "200 OK" } else { "206 Partial Content" };
        let range = format!("content-range: bytes {from}-{}/{}\r\n", content.len() - 1, content.len());
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{}connection: close\r\n\r\n",
            rest.len(),
            if from > 0 { &range } else { "" }
        );
        Reply { head, body: rest[..sent.min(rest.len())].to_vec() }
    })
}

/// Sends everything, whatever range is asked for.
fn whole(content: Vec<u8>) -> Answer {
    Box::new(move |_| Reply {
        head: format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", content.len()),
        body: content.clone(),
    })
}

fn status(line: &'static str) -> Answer {
    Box::new(move |_| Reply {
        head: format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        body: Vec::new(),
    })
}

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("fledge-download-{}-{name}", std::process::id()));
    fs::remove(&folder).expect("clear");
    folder.join("weights").join("file.pth")
}

fn get(url: &str, path: &Path, bytes: u64) -> Result<(), DownloadError> {
    let sha256: String = Sha256::digest(content()).iter().map(|b| format!("{b:02x}")).collect();
    Download { url, path, sha256: &sha256, bytes, pauses: &NO_PAUSES }.run()
}

fn part_of(path: &Path) -> PathBuf {
    path.with_file_name("file.pth.part")
}

#[test]
fn a_cut_connection_is_resumed_where_it_was_cut() {
    let path = scratch("cut");
    let server = Server::start(vec![
        resumable(content(), 100_000),
        resumable(content(), 0),
        resumable(content(), 70_000),
        resumable(content(), usize::MAX),
    ]);
    get(&server.url, &path, 300_000).expect("download");
    assert_eq!(fs::read(&path).expect("read"), content());
    assert!(!part_of(&path).exists());
    let ranges = server.ranges();
    assert_eq!(ranges.len(), 4);
    assert_eq!(ranges[0], None);
    assert_eq!(ranges[3].as_deref(), Some("bytes=170000-"));
}

#[test]
fn a_killed_download_goes_on_with_what_is_there() {
    let path = scratch("killed");
    fs::create_folder(path.parent().expect("parent")).expect("folder");
    fs::write(part_of(&path), &content()[..123_456]).expect("write");
    let server = Server::start(vec![resumable(content(), usize::MAX)]);
    get(&server.url, &path, 300_000).expect("download");
    assert_eq!(fs::read(&path).expect("read"), content());
    assert_eq!(server.ranges(), [Some("bytes=123456-".to_owned())]);
}

#[test]
fn a_server_that_ignores_range_is_taken_from_the_beginning() {
    let path = scratch("ignores");
    let server = Server::start(vec![resumable(content(), 50_000), whole(content())]);
    get(&server.url, &path, 300_000).expect("download");
    assert_eq!(fs::read(&path).expect("read"), content());
}

#[test]
fn wrong_bytes_are_not_kept() {
    let mut wrong = content();
    wrong[7] ^= 1;
    let path = scratch("wrong");
    let server = Server::start(vec![whole(wrong)]);
    let error = get(&server.url, &path, 300_000).expect_err("wrong bytes were accepted");
    assert!(matches!(error, DownloadError::WrongBytes { .. }), "{error}");
    assert!(!path.exists() && !part_of(&path).exists());
    let server = Server::start(vec![whole([content(), vec![0; 200_000]].concat())]);
    assert!(matches!(get(&server.url, &path, 300_000), Err(DownloadError::WrongBytes { .. })));
    assert!(!path.exists() && !part_of(&path).exists());
}

#[test]
fn a_server_that_refuses_is_not_asked_again() {
    let path = scratch("refuses");
    let server = Server::start(vec![status("404 Not Found"), whole(content())]);
    assert!(matches!(get(&server.url, &path, 300_000), Err(DownloadError::Refused { status: 404, .. })));
    assert_eq!(server.ranges().len(), 1);
}

#[test]
fn a_busy_server_is_asked_again() {
    let path = scratch("busy");
    let server = Server::start(vec![status("503 Service Unavailable"), whole(content())]);
    get(&server.url, &path, 300_000).expect("download");
}

#[test]
fn without_a_server_the_error_names_the_url_and_what_is_kept() {
    let path = scratch("none");
    let server = Server::start(vec![resumable(content(), 1000)]);
    let error = get(&server.url, &path, 300_000).expect_err("nobody answers");
    let text = one_line(&error);
    assert!(text.contains(&server.url) && text.contains("1000 of 300000"), "{text}");
    assert_eq!(fs::read(part_of(&path)).expect("read").len(), 1000);
}
