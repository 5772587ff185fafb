//! Windows and engine processes that are killed at random while text is typed: every request is answered once, and nothing is left.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fimble_model::ModelError;
use fimble_shared::host;
use fimble_shared::{Attachment, SharedModel};

use crate::support::*;

/// Names the part that a process of this test plays, and the folder.
const PART: &str = "FIMBLE_TEST_PART";
const FOLDER: &str = "FIMBLE_TEST_FOLDER";

const N_KILLS: usize = 1000;
const N_WINDOWS: usize = 3;
/// The engine process ends so long after its last window.
const IDLE: Duration = Duration::from_millis(500);

/// Equal seeds give equal numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn child(part: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kills::a_process_of_the_test_below", "--nocapture"]);
    command
        .env(PART, part)
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Nothing by itself: the processes of the test below are this test with a part to play.
#[test]
fn a_process_of_the_test_below() {
    let (Ok(part), Some(folder)) = (std::env::var(PART), std::env::var_os(FOLDER)) else { return };
    match part.as_str() {
        "engine" => be_engine(Path::new(&folder)),
        _ => be_window(Path::new(&folder)),
    }
}

fn be_engine(folder: &Path) {
    host::run(options(folder, &Arc::default(), IDLE)).unwrap();
}

/// The file by which a window has the test start an engine process, so that it is a child of the test.
fn wish(folder: &Path) -> PathBuf {
    folder.join("start")
}

/// Types until the input ends. Says what it asks, and what the answer is and from whom.
fn be_window(folder: &Path) {
    let wish = wish(folder);
    let starter = move || fs::write(&wish, "");
    let window = Attachment::new(place_in(folder), || Ok(identity()), Arc::new(starter));
    let ended = Arc::new(Mutex::new(false));
    let theirs = Arc::clone(&ended);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        *theirs.lock().unwrap() = true;
    });
    let mut model: Option<SharedModel> = None;
    // What `println!` writes is caught by the test harness.
    let say = |line: &str| std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
    for n in 0.. {
        if *ended.lock().unwrap() {
            return say("end");
        }
        say(&format!("ask {n}"));
        if model.as_ref().is_none_or(SharedModel::has_ended) {
            model = window.open("small", Some("/w")).ok();
        }
        let outcome = match &model {
            Some(model) => ask(model, &format!("say:{n} and more")),
            None => Err(ModelError::Unavailable("there is none".to_owned())),
        };
        match outcome {
            Ok(generation) => {
                assert_eq!(generation.text, format!("{n} and more"));
                say(&format!("engine {n}"));
            }
            // The model in this process answers.
            Err(ModelError::Unavailable(_)) => say(&format!("window {n}")),
            Err(error) => say(&format!("error {n} {error}")),
        }
    }
}

/// A window, and what it said.
struct Window {
    process: Child,
    reader: std::thread::JoinHandle<Vec<String>>,
}

impl Window {
    fn start(folder: &Path, n_answers: &Arc<Mutex<usize>>) -> Self {
        let mut process =
            child("window", folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let n_answers = Arc::clone(n_answers);
        let reader = std::thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            lines
                .inspect(|line| *n_answers.lock().unwrap() += usize::from(line.starts_with("engine")))
                .collect()
        });
        Self { process, reader }
    }

    /// Checks that each request was answered once, and counts who answered. A killed window may have asked once more.
    fn check(mut self, was_killed: bool, counts: &mut BTreeMap<String, usize>) {
        self.process.wait().unwrap();
        let lines = self.reader.join().unwrap();
        let parts =
            |line: &String| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.to_owned()));
        let mut open = None;
        for (word, rest) in lines.iter().filter_map(parts).filter(|(word, _)| {
            // The rest is the harness's.
            ["ask", "engine", "window", "error"].contains(&word.as_str())
        }) {
            if word == "ask" {
                assert_eq!(open, None, "answered before the next is asked");
                open = Some(rest);
                *counts.entry(word).or_default() += 1;
            } else {
                assert_eq!(open.take(), Some(rest), "answered once: {word}");
                *counts.entry(word).or_default() += 1;
            }
        }
        if !was_killed {
            assert_eq!(open, None);
            assert!(lines.iter().any(|line| line == "end"), "{lines:?}");
        }
    }
}

/// The engine processes that windows had started.
#[derive(Default)]
struct Engines {
    children: Mutex<Vec<Child>>,
    is_over: AtomicBool,
}

impl Engines {
    /// Starts what windows wish for.
    fn serve(&self, folder: &Path) {
        while !self.is_over.load(Ordering::SeqCst) {
            if fs::remove_file(wish(folder)).is_ok() {
                let child = child("engine", folder).spawn().unwrap();
                self.children.lock().unwrap().push(child);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Kills those that run. Returns how many did.
    fn kill(&self) -> usize {
        let mut children = self.children.lock().unwrap();
        let killed = children.drain(..).map(|mut child| {
            let runs = child.try_wait().unwrap().is_none();
            child.kill().unwrap();
            child.wait().unwrap();
            usize::from(runs)
        });
        killed.sum()
    }

    /// Whether all of them have ended by themselves.
    fn have_ended(&self) -> bool {
        self.children.lock().unwrap().iter_mut().all(|child| child.try_wait().unwrap().is_some())
    }
}

#[test]
fn a_thousand_kills_lose_no_request_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let engines = Arc::new(Engines::default());
    let (theirs, path) = (Arc::clone(&engines), folder.path().to_owned());
    let server = std::thread::spawn(move || theirs.serve(&path));
    let mut random = Random(0x5eed_1234);
    let n_answers = Arc::default();
    let start = || Window::start(folder.path(), &n_answers);
    let mut windows: Vec<Window> = (0..N_WINDOWS).map(|_| start()).collect();
    let mut counts = BTreeMap::new();
    let mut n_engines_killed = 0;
    let mut killed = 0;
    while killed < N_KILLS {
        // Some answers come before the next kill, but not always whole ones.
        let before = *n_answers.lock().unwrap();
        wait_until("the engine process is there again", || *n_answers.lock().unwrap() > before);
        std::thread::sleep(Duration::from_micros(random.below(3000)));
        if random.below(4) == 0 {
            let chosen = usize::try_from(random.below(N_WINDOWS as u64)).unwrap();
            let mut window = std::mem::replace(&mut windows[chosen], start());
            window.process.kill().unwrap();
            window.check(true, &mut counts);
            killed += 1;
        } else {
            let n = engines.kill();
            killed += n;
            n_engines_killed += n;
        }
    }
    for window in &mut windows {
        drop(window.process.stdin.take());
    }
    windows.into_iter().for_each(|window| window.check(false, &mut counts));
    let count = |word: &str| counts.get(word).copied().unwrap_or_default();
    assert_eq!(count("error"), 0, "{counts:?}");
    // On Windows an engine process waits for the name of a killed one, so that several may be killed between two answers.
    let least_answers = if cfg!(windows) { N_KILLS / 2 } else { N_KILLS };
    assert!(
        n_engines_killed > N_KILLS / 2 && count("engine") >= least_answers,
        "{n_engines_killed}, {counts:?}"
    );
    assert!(count("window") > 0, "kills met requests: {counts:?}");
    wait_until("the engine process ends", || engines.have_ended());
    engines.is_over.store(true, Ordering::SeqCst);
    server.join().unwrap();
    assert!(!place_in(folder.path()).files().socket.exists());
}
