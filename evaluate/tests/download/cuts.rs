//! Downloads from faulty servers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use evaluate::networks::weights::client::Client;
use evaluate::networks::weights::download::{DownloadError, Got};
use shared::cli::one_line;
use shared::fs;

use super::server::{
    Server, content, destination, get, get_by, paced, redirect, resumable, status, whole,
};

fn part_of(path: &Path) -> PathBuf {
    path.with_file_name("file.pth.part")
}

#[test]
fn a_cut_connection_is_resumed_where_it_was_cut() {
    let path = destination("cut");
    let server = Server::start(vec![
        resumable(content(), 100_000),
        resumable(content(), 0),
        resumable(content(), 70_000),
        resumable(content(), usize::MAX),
    ]);
    get(&server.url, &path).expect("download");
    assert_eq!(fs::read(&path).expect("read"), content());
    assert!(!part_of(&path).exists());
    let ranges = server.ranges();
    assert_eq!(ranges.len(), 4);
    assert_eq!(ranges[0], None);
    assert_eq!(ranges[3].as_deref(), Some("bytes=170000-"));
}

#[test]
fn a_killed_download_resumes() {
    let path = destination("killed");
    fs::create_folder(path.parent().expect("parent")).expect("folder");
    fs::write(part_of(&path), &content()[..123_456]).expect("write");
    let server = Server::start(vec![resumable(content(), usize::MAX)]);
    get(&server.url, &path).expect("download");
    assert_eq!(fs::read(&path).expect("read"), content());
    assert_eq!(server.ranges(), [Some("bytes=123456-".to_owned())]);
}

#[test]
fn a_download_starts_over_if_the_server_ignores_the_range() {
    let path = destination("ignores");
    let server = Server::start(vec![resumable(content(), 50_000), whole(content())]);
    get(&server.url, &path).expect("download");
    assert_eq!(fs::read(&path).expect("read"), content());
}

#[test]
fn wrong_bytes_are_not_kept() {
    let mut wrong = content();
    wrong[7] ^= 1;
    let path = destination("wrong");
    let server = Server::start(vec![whole(wrong)]);
    let error = get(&server.url, &path).expect_err("wrong bytes were accepted");
    assert!(matches!(error, DownloadError::WrongBytes { .. }), "{error}");
    assert!(!path.exists() && !part_of(&path).exists());
    let server = Server::start(vec![whole([content(), vec![0; 200_000]].concat())]);
    assert!(matches!(get(&server.url, &path), Err(DownloadError::WrongBytes { .. })));
    assert!(!path.exists() && !part_of(&path).exists());
}

#[test]
fn a_refusal_is_not_retried() {
    let path = destination("refuses");
    let server = Server::start(vec![status("404 Not Found"), whole(content())]);
    assert!(matches!(get(&server.url, &path), Err(DownloadError::Refused { status: 404, .. })));
    assert_eq!(server.ranges().len(), 1);
}

#[test]
fn a_busy_server_is_retried() {
    let path = destination("busy");
    let server = Server::start(vec![status("503 Service Unavailable"), whole(content())]);
    get(&server.url, &path).expect("download");
}

#[test]
fn without_a_server_the_error_names_the_url_and_what_is_kept() {
    let path = destination("none");
    let server = Server::start(vec![resumable(content(), 1000)]);
    let error = get(&server.url, &path).expect_err("nobody answers");
    let text = one_line(&error);
    assert!(text.contains(&server.url) && text.contains("1000 of 300000"), "{text}");
    assert!(text.contains("without a proxy"), "{text}");
    assert_eq!(fs::read(part_of(&path)).expect("read").len(), 1000);
}

#[test]
fn a_complete_file_is_not_fetched_and_a_damaged_one_is_replaced() {
    let path = destination("already");
    let server = Server::start(vec![whole(content()), whole(content())]);
    assert_eq!(get(&server.url, &path).expect("download"), Got::Fetched);
    assert_eq!(get(&server.url, &path).expect("again"), Got::Already);
    assert_eq!(server.requests().len(), 1);
    fs::write(&path, &content()[1..]).expect("write");
    assert_eq!(get(&server.url, &path).expect("damaged"), Got::Fetched);
    assert_eq!(fs::read(&path).expect("read"), content());
}

#[test]
fn a_redirect_to_another_host_keeps_the_range() {
    let path = destination("redirect");
    let storage =
        Server::start(vec![resumable(content(), 90_000), resumable(content(), usize::MAX)]);
    // Another name of this machine counts as another host.
    let signed = storage.url.replace("127.0.0.1", "localhost") + "?signature=a%2Fb";
    let server = Server::start(vec![redirect(signed.clone()), redirect(signed)]);
    get(&server.url, &path).expect("download");
    assert_eq!(fs::read(&path).expect("read"), content());
    assert_eq!(server.ranges(), [None, Some("bytes=90000-".to_owned())]);
    assert_eq!(storage.ranges(), [None, Some("bytes=90000-".to_owned())]);
    assert!(
        storage.requests()[1].line.contains("/file.pth?signature=a%2Fb"),
        "{:?}",
        storage.requests()
    );
}

#[test]
fn circular_redirects_end() {
    let path = destination("circle");
    let circle = Server::start((0..100).map(|_| redirect("/again".into())).collect());
    let error = get(&circle.url, &path).expect_err("a circle");
    assert!(one_line(&error).contains("too many redirects"), "{}", one_line(&error));
}

#[test]
fn a_slow_server_is_awaited_and_a_silent_one_retried() {
    let (path, silence, pause) =
        (destination("slow"), Duration::from_secs(2), Duration::from_millis(250));
    // Silent after the first of ten pieces; then slower than the timeout in all, but faster between
    // two pieces.
    let silent = paced(content(), 30_000, Duration::ZERO, 15 * silence);
    let server = Server::start(vec![silent, paced(content(), usize::MAX, pause, Duration::ZERO)]);
    let client = Client::new(&server.url, silence, &|_| None).expect("client");
    get_by(&client, &server.url, &path).expect("download");
    assert_eq!(fs::read(&path).expect("read"), content());
    assert_eq!(server.ranges(), [None, Some("bytes=30000-".to_owned())]);
}

#[test]
fn an_invalid_address_is_not_retried() {
    let path = destination("address");
    let error = get("no address at all", &path).expect_err("no address");
    assert!(one_line(&error).contains("no address at all"), "{}", one_line(&error));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_reported() {
    let path = destination("full");
    fs::create_folder(path.parent().expect("parent")).expect("folder");
    // A file that can be opened and never takes a byte.
    std::os::unix::fs::symlink("/dev/full", part_of(&path)).expect("link");
    let server = Server::start(vec![whole(content())]);
    let error = get(&server.url, &path).expect_err("a full disk");
    let text = one_line(&error);
    let said =
        matches!(error, DownloadError::NoRoom { .. }) || text.contains("No space left on device");
    assert!(said && text.contains("file.pth"), "{text}");
    assert!(!path.exists());
}
