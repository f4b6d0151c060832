//! Downloads through proxies.

use std::time::Duration;

use evaluate::networks::weights::client::Client;
use evaluate::networks::weights::download::DownloadError;
use shared::cli::one_line;
use shared::fs;

use super::server::{
    AUTHORITY, Server, content, destination, get, get_by, proxy, resumable, whole,
};

fn client_under(url: &str, variables: &[(&str, String)]) -> Client {
    let variable =
        |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone());
    Client::new(url, Duration::from_secs(30), &variable).expect("client")
}

#[test]
fn a_proxy_gets_host_and_password_and_a_cut_download_resumes_through_it() {
    let path = destination("proxy");
    let server =
        Server::start(vec![resumable(content(), 100_000), resumable(content(), usize::MAX)]);
    let (address, seen) = proxy(Some(server.address.clone()), 2);
    // No such host exists: only the proxy resolves it.
    let url = "http://weights.invalid/file.pth";
    let client = client_under(url, &[("HTTP_PROXY", format!("http://anna:s%40crt@{address}"))]);
    get_by(&client, url, &path).expect("download");
    assert_eq!(fs::read(&path).expect("read"), content());
    assert_eq!(server.ranges(), [None, Some("bytes=100000-".to_owned())]);
    let seen = seen.lock().expect("lock");
    assert_eq!(seen[0].line, "CONNECT weights.invalid:80 HTTP/1.1");
    // anna:s@crt in base 64.
    assert_eq!(seen[0].proxy_authorization.as_deref(), Some("Basic YW5uYTpzQGNydA=="));
}

#[test]
fn a_host_in_no_proxy_is_reached_directly() {
    let path = destination("no-proxy");
    let server = Server::start(vec![whole(content())]);
    // Nothing listens at this proxy's address.
    let variables = [
        ("ALL_PROXY", "http://127.0.0.1:1".to_owned()),
        ("NO_PROXY", "example.org, 127.0.0.1".to_owned()),
    ];
    get_by(&client_under(&server.url, &variables), &server.url, &path).expect("download");
    assert_eq!(fs::read(&path).expect("read"), content());
}

#[test]
fn a_proxy_that_refuses_is_named_without_its_password() {
    let path = destination("refusing-proxy");
    let (address, _) = proxy(None, 10);
    let url = "https://weights.invalid/file.pth";
    let client = client_under(url, &[("https_proxy", format!("http://anna:secret@{address}"))]);
    let text = one_line(&get_by(&client, url, &path).expect_err("refused"));
    for part in [url, "through the proxy", &address, "https_proxy", "407"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn an_unknown_certificate_is_not_trusted_and_the_error_names_the_variable() {
    let path = destination("untrusted");
    let server = Server::start_tls(vec![whole(content()), whole(content())]);
    let error = get(&server.url, &path).expect_err("not trusted");
    assert!(matches!(error, DownloadError::Untrusted { .. }), "{error:?}");
    assert!(
        one_line(&error).contains("SSL_CERT_FILE") && one_line(&error).contains("UnknownIssuer"),
        "{}",
        one_line(&error)
    );
    // There was no retry: the second answer is a whole file.
    assert!(server.requests().len() <= 1 && !path.exists());
}

#[test]
fn an_intercepting_proxy_is_trusted_by_its_certificate_file() {
    let path = destination("intercepted");
    let server =
        Server::start_tls(vec![resumable(content(), 100_000), resumable(content(), usize::MAX)]);
    let (address, seen) = proxy(Some(server.address.clone()), 2);
    let url = "https://weights.invalid/file.pth";
    let variables =
        [("HTTPS_PROXY", format!("http://{address}")), ("SSL_CERT_FILE", AUTHORITY.to_owned())];
    get_by(&client_under(url, &variables), url, &path).expect("download");
    assert_eq!(fs::read(&path).expect("read"), content());
    assert_eq!(server.ranges(), [None, Some("bytes=100000-".to_owned())]);
    assert_eq!(seen.lock().expect("lock")[0].line, "CONNECT weights.invalid:443 HTTP/1.1");
}
