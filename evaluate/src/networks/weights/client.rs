//! HTTP client: proxies and certificates from the environment, and timeouts.
//!
//! | variable | meaning |
//! |---|---|
//! | `HTTPS_PROXY`, `HTTP_PROXY` | proxy for `https://` and `http://`, optionally with `USER:PASSWORD@` |
//! | `ALL_PROXY` | proxy for both, if the variable above is not set |
//! | `NO_PROXY` | hosts reached directly, with their subdomains, separated by commas; `*` for all |
//! | `SSL_CERT_FILE` | trusted certificates (PEM) in place of Mozilla's, for a proxy that intercepts TLS |
//!
//! A proxy is `http://`, `https://`, `socks5h://` (the proxy resolves host names) or `socks5://`
//! (this machine does). The lower-case form of a variable takes precedence.

use std::time::Duration;

use shared::cli::UsageError;
use shared::fs;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};

/// Timeout of connecting and of every read.
pub const SILENCE: Duration = Duration::from_secs(30);

/// Bytes of the largest file of certificates that is read; Mozilla's have 0.2 MB.
const CERTIFICATES_LIMIT: u64 = 64 << 20;

/// An HTTP client.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    way: String,
}

impl Client {
    /// A client for `url` with the environment of this process.
    ///
    /// # Errors
    /// When a variable names a proxy or a file that cannot be used.
    pub fn from_env(url: &str) -> Result<Self, UsageError> {
        Self::new(url, SILENCE, &|name| std::env::var(name).ok())
    }

    /// A client for `url` with the timeout `silence`; `variable` returns the value of a variable if
    /// it is set.
    ///
    /// # Errors
    /// When a variable names a proxy or a file that cannot be used.
    pub fn new(
        url: &str,
        silence: Duration,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, UsageError> {
        let either = |name: &str| {
            let both = [name.to_lowercase(), name.to_owned()];
            both.into_iter().find_map(|name| {
                Some((variable(&name).filter(|value| !value.trim().is_empty())?, name))
            })
        };
        let scheme = if url.starts_with("http://") { "HTTP_PROXY" } else { "HTTPS_PROXY" };
        let (proxy, way) = match either(scheme).or_else(|| either("ALL_PROXY")) {
            None => (None, "without a proxy".into()),
            Some((value, name)) => {
                let proxy =
                    proxy(&value, &name, either("NO_PROXY").map(|(hosts, _)| hosts).as_deref())?;
                let shown = format!(
                    "{}://{}:{}",
                    proxy.protocol().to_string().to_lowercase(),
                    proxy.host(),
                    proxy.port()
                );
                let way = match url.parse().is_ok_and(|uri| proxy.is_no_proxy(&uri)) {
                    true => format!("without the proxy {shown}, as NO_PROXY says"),
                    false => format!("through the proxy {shown} ({name})"),
                };
                (Some(proxy), way)
            }
        };
        let mut tls = TlsConfig::builder();
        if let Some((path, name)) = either("SSL_CERT_FILE") {
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates(&path, &name)?));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(silence))
            .timeout_recv_response(Some(silence))
            .timeout_per_read(Some(silence))
            .proxy(proxy)
            .tls_config(tls.build());
        Ok(Self { agent: config.build().into(), way })
    }

    /// The agent that sends requests.
    #[must_use]
    pub(crate) const fn agent(&self) -> &Agent {
        &self.agent
    }

    /// The route to the server in words, with the proxy but without its password.
    #[must_use]
    pub fn way(&self) -> &str {
        &self.way
    }
}

/// The proxy that variable `name` describes; the hosts of `no_proxy` bypass it.
fn proxy(value: &str, name: &str, no_proxy: Option<&str>) -> Result<Proxy, UsageError> {
    // The value may contain a password, so it is not shown.
    let unusable = |_| {
        UsageError(format!("the variable {name} is not a proxy address: expected http://HOST:PORT"))
    };
    let parsed = Proxy::new(value.trim()).map_err(unusable)?;
    let mut builder = Proxy::builder(parsed.protocol()).host(parsed.host()).port(parsed.port());
    if let Some(user) = parsed.username() {
        builder = builder.username(user);
    }
    if let Some(password) = parsed.password() {
        builder = builder.password(password);
    }
    // `ureq` matches the host alone; other programs include its subdomains.
    for host in
        no_proxy.unwrap_or_default().split(',').map(str::trim).filter(|host| !host.is_empty())
    {
        let bare = host.trim_start_matches('*').trim_start_matches('.');
        builder = if bare.is_empty() {
            builder.no_proxy("*")
        } else {
            builder.no_proxy(bare).no_proxy(&format!(".{bare}"))
        };
    }
    builder.build().map_err(unusable)
}

/// The certificates in the file `path`, the value of variable `name`.
fn certificates(path: &str, name: &str) -> Result<Vec<Certificate<'static>>, UsageError> {
    let unusable = |why: String| UsageError(format!("the variable {name} names {path}, {why}"));
    let pem = fs::read_bounded(path, CERTIFICATES_LIMIT)
        .map_err(|e| unusable(format!("which cannot be read: {}", e.source)))?;
    let items = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let found: Vec<_> = items.collect();
    match found.is_empty() {
        true => Err(unusable("which contains no certificate (PEM)".into())),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(url: &str, variables: &[(&str, &str)]) -> Result<Client, UsageError> {
        Client::new(url, SILENCE, &|name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn way(url: &str, variables: &[(&str, &str)]) -> String {
        client(url, variables).expect("client").way().to_owned()
    }

    #[test]
    fn the_proxy_of_the_scheme_precedes_all_proxy_and_its_password_is_not_shown() {
        let both =
            [("HTTPS_PROXY", "http://anna:secret@proxy:3128"), ("ALL_PROXY", "socks5://socks")];
        assert_eq!(
            way("https://a.example/x", &both),
            "through the proxy http://proxy:3128 (HTTPS_PROXY)"
        );
        assert_eq!(
            way("http://a.example/x", &both),
            "through the proxy socks5://socks:1080 (ALL_PROXY)"
        );
        assert_eq!(
            way("https://a.example/x", &[("HTTP_PROXY", "http://proxy")]),
            "without a proxy"
        );
        let small = [("HTTPS_PROXY", "http://large"), ("https_proxy", "http://small")];
        assert_eq!(
            way("https://a.example/x", &small),
            "through the proxy http://small:80 (https_proxy)"
        );
        assert_eq!(way("https://a.example/x", &[("HTTPS_PROXY", " ")]), "without a proxy");
    }

    #[test]
    fn a_host_in_no_proxy_and_its_subdomains_are_reached_directly() {
        let under = |url: &str, no_proxy: &str| {
            way(url, &[("HTTPS_PROXY", "http://p"), ("no_proxy", no_proxy)])
        };
        for no_proxy in
            ["example.org", ".example.org", "*.example.org", "other, example.org ,more", "*"]
        {
            for host in ["example.org", "a.example.org"] {
                assert!(
                    under(&format!("https://{host}/x"), no_proxy).starts_with("without"),
                    "{host} under {no_proxy}"
                );
            }
        }
        for no_proxy in ["example.com", "b.example.org", ""] {
            assert!(
                under("https://a.example.org/x", no_proxy).starts_with("through"),
                "{no_proxy}"
            );
        }
        assert!(under("https://badexample.org/x", "example.org").starts_with("through"));
    }

    #[test]
    fn a_variable_that_cannot_be_used_is_named_without_its_value() {
        let error = client("https://a/x", &[("HTTPS_PROXY", "gopher://anna:secret@p")])
            .expect_err("gopher")
            .to_string();
        assert!(error.contains("HTTPS_PROXY") && !error.contains("secret"), "{error}");
        let error = client("https://a/x", &[("SSL_CERT_FILE", "/nowhere.pem")])
            .expect_err("absent")
            .to_string();
        assert!(error.contains("SSL_CERT_FILE") && error.contains("/nowhere.pem"), "{error}");
        let scratch = shared::testing::Scratch::new("client");
        let path = scratch.path("empty.pem");
        fs::write(&path, b"-----BEGIN NOTHING-----\n").expect("write");
        let error = client("https://a/x", &[("SSL_CERT_FILE", path.to_str().expect("UTF-8"))])
            .expect_err("empty")
            .to_string();
        assert!(error.contains("no certificate"), "{error}");
    }
}
