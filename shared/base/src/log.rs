//! Progress and log messages for people: tracing on stderr, a progress bar on a terminal, plain
//! lines elsewhere. Results never go through here: [`crate::cli`] prints them on stdout. A terminal
//! that goes away, a pipe that closes and a full disk end nothing: output that cannot be shown is
//! dropped, and the log file has it all the same.
//!
//! ```
//! use fledge_base::log::{self, Progress};
//!
//! log::init();
//! let progress = Progress::new("pictures", 100);
//! for _ in 0..100 {
//!     progress.add(1);
//! }
//! tracing::info!("done");
//! ```

use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Mutex, Once, OnceLock, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// CubeCL's log has a line of this target for each kernel that it compiles.
const COMPILATION: &str = "cubecl::compilation";

/// Targets whose `info` messages are for people; those of libraries are not (the compiler of
/// kernels prints a kernel after every pass, a hundred megabytes for a network).
const OURS: [&str; 7] = ["prep", "train", "evaluate", "sample", "shared", "throughput", "fledge_"];

/// The shortest interval between two lines of progress if stderr is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// The default template of a progress bar, in indicatif's syntax.
pub const BAR: &str = "{msg} {wide_bar} {pos}/{len} {per_sec} eta {eta}";

/// The highest rate at which bars are drawn, in Hz.
const DRAWN_HZ: u8 = 20;

fn bars() -> &'static MultiProgress {
    static BARS: OnceLock<MultiProgress> = OnceLock::new();
    BARS.get_or_init(|| {
        let screen = Screen { term: Term::buffered_stderr(), is_gone: AtomicBool::new(false) };
        let shown = io::stderr().is_terminal() && !console::is_dumb();
        MultiProgress::with_draw_target(match shown {
            true => ProgressDrawTarget::term_like_with_hz(Box::new(screen), DRAWN_HZ),
            false => ProgressDrawTarget::hidden(),
        })
    })
}

/// Runs `print`, whose output stays on the terminal above the bars.
pub fn above_bars<T>(print: impl FnOnce() -> T) -> T {
    bars().suspend(print)
}

/// The terminal as long as it is there. indicatif panics where it cannot draw.
#[derive(Debug)]
struct Screen {
    term: Term,
    is_gone: AtomicBool,
}

impl Screen {
    fn draw(&self, draw: impl FnOnce(&Term) -> io::Result<()>) -> io::Result<()> {
        if !self.is_gone.load(Ordering::Relaxed)
            && let Err(error) = draw(&self.term)
            // Another program may have told the terminal not to wait; the next picture of the bar
            // comes soon.
            && error.kind() != io::ErrorKind::WouldBlock
        {
            self.is_gone.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.term.size().1
    }

    fn height(&self) -> u16 {
        self.term.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.draw(|term| term.move_cursor_up(n))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.draw(|term| term.move_cursor_down(n))
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.draw(|term| term.move_cursor_right(n))
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.draw(|term| term.move_cursor_left(n))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.draw(|term| term.write_line(text))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(|term| term.write_str(text))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw(Term::clear_line)
    }

    fn flush(&self) -> io::Result<()> {
        self.draw(Term::flush)
    }
}

/// A copy of every log line goes here once it is set (the trainer's `train.log`).
fn copy() -> &'static Mutex<Option<std::fs::File>> {
    static COPY: Mutex<Option<std::fs::File>> = Mutex::new(None);
    &COPY
}

/// Sends a copy of every later log line, of a panic and of the error that ends the program to
/// `file`, which was opened for reading and appending.
pub fn copy_to(mut file: std::fs::File) {
    // A line that a kill or a full disk cut off must not swallow the next one.
    let mut last = [b'\n'];
    let torn = file.seek(SeekFrom::End(-1)).and_then(|_| file.read_exact(&mut last)).is_ok()
        && last != [b'\n'];
    if torn {
        let _ = file.write_all(b"\n");
    }
    // A signal handler cannot wait for the lock.
    #[cfg(unix)]
    COPY_NUMBER.store(std::os::fd::AsRawFd::as_raw_fd(&file), Ordering::SeqCst);
    *copy().lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
    hear_panics();
}

/// The system's number of the file that has the copy; below zero while there is none.
static COPY_NUMBER: AtomicI32 = AtomicI32::new(-1);

/// The prefix of the last line of the log file if the program ended without an error.
pub const ENDED: &str = " INFO ended: ";

/// Lets the copy of the log have the error `text`, which a person sees by other means.
pub fn last_words(text: &str) {
    add(&format!("ERROR {}\n", text.replace('\n', " ")));
}

/// Notes in the copy of the log how the program ends.
pub fn ended(how: &str) {
    add(&format!("{ENDED}{how}\n"));
}

/// Adds a line to the copy alone.
fn add(line: &str) {
    // A panic may come while this thread holds the lock; another thread holds it for the time of a
    // line.
    for _ in 0..100 {
        let mut slot = match copy().try_lock() {
            Ok(slot) => slot,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
        };
        if let Some(file) = slot.as_mut() {
            // There is nobody left to tell of a full disk.
            let _ = file.write_all(line.as_bytes());
        }
        return;
    }
}

/// Notes in the copy of the log that a second signal called `name` ends the program. For a signal
/// handler: it takes no lock and allocates nothing.
pub(crate) fn ended_at_once(name: &'static str) {
    #[cfg(unix)]
    {
        let number = COPY_NUMBER.load(Ordering::SeqCst);
        if number >= 0 {
            for part in [ENDED, "at once by a second ", name, "; what was not saved is lost\n"] {
                // SAFETY: the text lives for the whole program. Where the file is closed, which it
                // is not before the end, the system refuses.
                let _ = unsafe { libc::write(number, part.as_ptr().cast(), part.len()) };
            }
        }
    }
    #[cfg(not(unix))]
    let _ = name;
}

/// Has every panic noted in the copy of the log, too.
fn hear_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            last_words(&info.to_string());
            before(info);
        }));
    });
}

struct AboveBars;

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = crate::cli::name::spoken(&text);
        if let Some(file) = copy().lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // A full disk must not stop the line on the terminal.
            let _ = file.write_all(line.as_bytes());
        }
        // Never an error: tracing would tell of it on stderr, with a panic where that is gone.
        let _ = above_bars(|| io::stderr().write_all(line.as_bytes()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().flush();
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

/// Sets up logging on stderr: `info` and above of fledge and `warn` of its libraries, or what the
/// variable `FLEDGE_LOG` says: a level for fledge (`FLEDGE_LOG=debug`), or directives as `tracing`
/// knows them (`FLEDGE_LOG=info,cubecl_cuda=trace`). Calling it again does nothing.
pub fn init() {
    // Looked at before it can go away.
    crate::stdout::is_terminal();
    let filter = filter(&std::env::var("FLEDGE_LOG").unwrap_or_default());
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(AboveBars)
        .with_target(false)
        .with_ansi(false)
        .without_time();
    // Without the hint every line of every library would be asked about.
    let only =
        filter_fn(|meta| meta.target() == COMPILATION).with_max_level_hint(LevelFilter::INFO);
    let kernels = Compilations::default().with_filter(only);
    // The only failure is that a subscriber is set already.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).with(kernels).try_init();
}

fn filter(asked: &str) -> EnvFilter {
    let level: LevelFilter = match asked.parse() {
        Ok(level) if !asked.is_empty() => level,
        _ => match EnvFilter::try_new(asked) {
            Ok(filter) if !asked.is_empty() => return filter,
            _ => LevelFilter::INFO,
        },
    };
    let below = level.min(LevelFilter::WARN);
    // Not every launch that follows from a failed one: whoever reads the result is told.
    let ours = OURS.map(|name| format!("{name}={level}")).join(",");
    EnvFilter::new(format!("{below},{ours},cubecl_runtime::logging=off"))
}

/// The note printed with the first kernel that is compiled.
static ABOUT_COMPILATION: OnceLock<String> = OnceLock::new();

/// Has the compiling of kernels shown: a line with `about` at the first, then at most one every ten
/// seconds with their number.
pub fn announce_compilation(about: String) {
    // A second call says the same.
    let _ = ABOUT_COMPILATION.set(about);
}

/// Counts the kernels that are compiled. It writes its lines itself: an event within an event is
/// lost.
#[derive(Debug, Default)]
struct Compilations {
    state: Mutex<Option<Counted>>,
}

#[derive(Debug)]
struct Counted {
    kernels: u64,
    started: Instant,
    last: Instant,
}

impl Compilations {
    /// Counts one more at the time `now`; the line to show, if it is time for one.
    fn count(&self, now: Instant, about: &str) -> Option<String> {
        let mut state = self.state.lock().ok()?;
        let Some(counted) = state.as_mut() else {
            *state = Some(Counted { kernels: 1, started: now, last: now });
            return Some(format!(
                "compiling kernels for this device: the first steps wait for them; {about}"
            ));
        };
        counted.kernels += 1;
        if now - counted.last < PLAIN_INTERVAL {
            return None;
        }
        counted.last = now;
        Some(format!(
            "compiling kernels: {} so far, since {:.0} s",
            counted.kernels,
            (now - counted.started).as_secs_f64()
        ))
    }
}

impl<S: tracing::Subscriber> Layer<S> for Compilations {
    fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
        if let Some(about) = ABOUT_COMPILATION.get()
            && let Some(line) = self.count(Instant::now(), about)
        {
            // A closed stderr must not stop the work.
            let _ = AboveBars.write_all(format!(" INFO {line}\n").as_bytes());
        }
    }
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
    /// The number of items done before this process started.
    before: u64,
    started: Instant,
    last: Instant,
}

impl Progress {
    /// Starts a bar (or plain lines) over `total` items.
    #[must_use]
    pub fn new(title: impl Into<String>, total: u64) -> Self {
        Self::resumed(title, total, 0, BAR)
    }

    /// The same where `done` of the items were done before, which says nothing about the time that
    /// the others take. `template` is how a terminal shows it, in indicatif's words; `{msg}` is the
    /// title until [`Progress::describe`] changes it.
    #[must_use]
    pub fn resumed(title: impl Into<String>, total: u64, done: u64, template: &str) -> Self {
        let title = title.into();
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = bars().add(ProgressBar::new(total).with_style(style).with_position(done));
            bar.reset_eta();
            bar.set_message(title.clone());
            bar
        });
        let now = Instant::now();
        Self {
            bar,
            plain: Mutex::new(Plain { done, before: done, started: now, last: now }),
            title,
            total,
        }
    }

    /// Returns true if a terminal shows a bar, so that [`Progress::describe`] has an effect.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.bar.is_some()
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
            let rate = (plain.done - plain.before) as f64 / plain.started.elapsed().as_secs_f64();
            let left = self.total.saturating_sub(plain.done) as f64 / rate;
            tracing::info!(
                "{}: {}/{} ({rate:.1}/s, {left:.0} s left)",
                self.title,
                plain.done,
                self.total
            );
        }
    }

    /// Changes the text before the bar.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiling_is_told_at_once_and_then_every_ten_seconds() {
        let (compilations, start) = (Compilations::default(), Instant::now());
        let count =
            |second| compilations.count(start + Duration::from_secs(second), "kept in ~/.cache");
        assert!(count(0).expect("the first line").ends_with("kept in ~/.cache"));
        assert_eq!(count(1), None);
        assert_eq!(count(9), None);
        assert_eq!(count(12).expect("a line"), "compiling kernels: 4 so far, since 12 s");
        assert_eq!(count(13), None);
    }

    #[test]
    fn libraries_are_quieter_than_fledge() {
        let text = |asked: &str| filter(asked).to_string();
        assert!(text("").contains("train=info") && text("").contains("warn"), "{}", text(""));
        assert!(
            text("debug").contains("shared=debug") && !text("debug").contains("off,debug"),
            "{}",
            text("debug")
        );
        assert!(
            text("error").contains("train=error") && !text("error").contains("warn"),
            "{}",
            text("error")
        );
        assert_eq!(
            text("info,cubecl_cuda=trace"),
            EnvFilter::new("info,cubecl_cuda=trace").to_string()
        );
        // Nonsense says as much as nothing.
        assert_eq!(text("=,="), text(""));
    }
}
