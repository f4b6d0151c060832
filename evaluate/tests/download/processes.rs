//! The program: two at once, a killed one, exit codes, and the environment.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use shared::fs;
use shared::testing::{Scratch, wait_until};

use super::server::{Server, paced, proxy, status, whole};

/// `evaluate weights` with an empty cache folder and without proxy variables.
fn program(cache: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evaluate"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
        .env("XDG_CACHE_HOME", cache)
        .arg("weights")
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn cache(name: &str) -> Scratch {
    Scratch::new(&format!("download-cache-{name}"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Length of the smallest published file.
const BYTES: usize = 7_289;

/// Starts a download that stalls after 3,000 bytes, and waits until they are on the disk.
fn stuck(cache: &Path, server: &Server) -> Child {
    let child =
        program(cache, &["--fetch", "lpips-vgg", "--url", &server.url]).spawn().expect("start");
    let part = cache.join("fledge/weights/lpips-v0.1-vgg.pth.part");
    let arrived = || std::fs::metadata(&part).is_ok_and(|m| m.len() == 3_000);
    assert!(wait_until(arrived), "the first bytes never arrived");
    child
}

#[test]
fn the_next_process_resumes_a_killed_download() {
    let cache = cache("kill");
    let content = vec![7u8; BYTES];
    let stalled = paced(content.clone(), 3_000, Duration::ZERO, Duration::from_secs(60));
    let server =
        Server::start(vec![stalled, paced(content, usize::MAX, Duration::ZERO, Duration::ZERO)]);
    let mut child = stuck(&cache, &server);
    child.kill().expect("kill -9");
    child.wait().expect("wait");
    let list = program(&cache, &[]).output().expect("run");
    assert!(said(&list).contains("unfinished, 41 %"), "{}", said(&list));
    // The lock went with the process. All bytes arrive, and their SHA-256 is wrong.
    let second =
        program(&cache, &["--fetch", "lpips-vgg", "--url", &server.url]).output().expect("run");
    assert_eq!(second.status.code(), Some(1), "{}", said(&second));
    assert!(said(&second).contains("is another file"), "{}", said(&second));
    assert_eq!(server.ranges(), [None, Some("bytes=3000-".to_owned())]);
    assert!(!cache.join("fledge/weights/lpips-v0.1-vgg.pth").exists());
}

#[test]
fn a_second_process_does_not_touch_the_file_of_the_first() {
    let cache = cache("two");
    let server =
        Server::start(vec![paced(vec![7; BYTES], 3_000, Duration::ZERO, Duration::from_secs(60))]);
    let mut child = stuck(&cache, &server);
    let second =
        program(&cache, &["--fetch", "lpips-vgg", "--url", &server.url]).output().expect("run");
    child.kill().expect("kill");
    child.wait().expect("wait");
    assert_eq!(second.status.code(), Some(1), "{}", said(&second));
    assert!(said(&second).contains("being downloaded by another process"), "{}", said(&second));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn the_program_uses_the_proxy_of_the_environment() {
    let cache = cache("env-proxy");
    let server = Server::start(vec![whole(vec![7; BYTES])]);
    let (address, seen) = proxy(Some(server.address.clone()), 1);
    let mut command =
        program(&cache, &["--fetch", "lpips-vgg", "--mirror", "http://mirror.invalid/w"]);
    let output = command.env("http_proxy", format!("http://{address}")).output().expect("run");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = said(&output);
    for part in [
        "http://mirror.invalid/w/lpips-v0.1-vgg.pth",
        &address,
        "http_proxy",
        "another file",
        "--import",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(seen.lock().expect("lock")[0].line, "CONNECT mirror.invalid:80 HTTP/1.1");
}

#[test]
fn wrong_usage_ends_with_2_and_damage_with_3() {
    let cache = cache("codes");
    let run = |arguments: &[&str]| program(&cache, arguments).output().expect("run");
    for (arguments, expected) in [
        (&["--fetch", "nothing"][..], "nothing"),
        (&["--fetch", "all", "--url", "http://127.0.0.1:1/"], "--mirror"),
        (&["--fetch", "keras-inception"], "tools/keras_inception.py"),
        (&["--mirror", "http://127.0.0.1:1/"], "--fetch"),
        (&["--list", "nothing"], "nothing"),
        (&["--fetch", "--check"], "--check"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(expected), "{arguments:?}: {}", said(&output));
    }
    let file = cache.join("a file");
    fs::write(&file, b"no weights").expect("write");
    assert_eq!(run(&["--import", file.to_str().expect("UTF-8")]).status.code(), Some(3));
    let server = Server::start(vec![status("403 Forbidden")]);
    assert_eq!(run(&["--fetch", "--url", &server.url]).status.code(), Some(1));
    let list = run(&[]);
    assert!(list.status.success() && said(&list).contains("dinov2-vit-b-14"), "{}", said(&list));
    assert!(said(&run(&["--list", "all"])).matches("sha256").count() >= 7);
}
