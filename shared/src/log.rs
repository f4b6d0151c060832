//! What a person sees while a program works: tracing on stderr, a progress bar on a terminal, plain lines elsewhere.
//! Results never go through here: they are printed on stdout.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Where no terminal is, a line of progress is printed at most this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

fn bars() -> &'static MultiProgress {
    static BARS: OnceLock<MultiProgress> = OnceLock::new();
    BARS.get_or_init(MultiProgress::new)
}

/// A copy of every log line goes here once it is set (the trainer's `train.log`).
fn copy() -> &'static Mutex<Option<std::fs::File>> {
    static COPY: Mutex<Option<std::fs::File>> = Mutex::new(None);
    &COPY
}

/// Sends a copy of every later log line to `file`, which was opened for appending.
pub fn copy_to(file: std::fs::File) {
    if let Ok(mut slot) = copy().lock() {
        *slot = Some(file);
    }
}

struct AboveBars;

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Ok(mut slot) = copy().lock()
            && let Some(file) = slot.as_mut()
        {
            // A full disk must not stop the line on the terminal.
            let _ = file.write_all(bytes);
        }
        bars().suspend(|| io::stderr().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

/// Sets up logging on stderr: `info` and above, or what the variable `FLEDGE_LOG` says (`FLEDGE_LOG=debug`).
/// Calling it again does nothing.
pub fn init() {
    let filter = EnvFilter::try_from_env("FLEDGE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(AboveBars)
        .with_target(false)
        .with_ansi(false)
        .without_time();
    // The only failure is that a subscriber is set already.
    let _ = subscriber.try_init();
}

/// Progress of a long piece of work with a known number of items.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    plain: Mutex<Plain>,
    title: String,
    total: u64,
}

#[derive(Debug)]
struct Plain {
    done: u64,
    started: Instant,
    last: Instant,
}

impl Progress {
    /// Starts a bar (or plain lines) over `total` items.
    #[must_use]
    pub fn new(title: impl Into<String>, total: u64) -> Self {
        let title = title.into();
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec} eta {eta}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = bars().add(ProgressBar::new(total).with_style(style));
            bar.set_message(title.clone());
            bar
        });
        let now = Instant::now();
        Self { bar, plain: Mutex::new(Plain { done: 0, started: now, last: now }), title, total }
    }

    /// Counts `n` more items as done; may be called from any thread.
    pub fn add(&self, n: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(n);
            return;
        }
        let Ok(mut plain) = self.plain.lock() else { return };
        plain.done += n;
        if plain.last.elapsed() >= PLAIN_INTERVAL {
            plain.last = Instant::now();
            let rate = plain.done as f64 / plain.started.elapsed().as_secs_f64();
            let left = self.total.saturating_sub(plain.done) as f64 / rate;
            tracing::info!("{}: {}/{} ({rate:.1}/s, {left:.0} s left)", self.title, plain.done, self.total);
        }
    }

    /// Changes what stands before the bar.
    pub fn describe(&self, text: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(text);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
