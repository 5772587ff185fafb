//! Looks for texts that end the process, or that a parse cannot be stopped in: `hostile_texts [SECONDS [SEED [LANGUAGE]]]` gives
//! each language that many seconds of processor time (where the system says so; else of the clock). Invariant: the texts are
//! parsed in a process of their own, so that one that ends it costs that process; the text is on disk before it is parsed.

#![allow(clippy::print_stdout, reason = "an example says what it found")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use fimble_document::Text;
use fimble_syntax::{Language, ParseBudget, SyntaxTree, all, by_language_id, by_path};

/// Time for one parse, and what it may take at most.
const BUDGET: Duration = Duration::from_millis(200);
const LATEST: Duration = Duration::from_secs(2);

/// Longest text, in bytes.
const MAX_BYTES: usize = 200_000;

/// Texts that scanners keep in their states, or that parsers look far ahead for.
const PIECES: &[&str] = &[
    "<<\"",
    "<<'",
    "<<`",
    "<<~A\n",
    "<<-A\n",
    "<<A\n",
    "<<<A\n",
    "<<<'A'\n",
    "A\n",
    "%w(",
    "%q<",
    "%(#{",
    "\"#{",
    "#{",
    "f\"{",
    "f'''{",
    "rb'",
    "$\"{",
    "$@\"{",
    "$\"\"\"{",
    "\"\"\"",
    "'''",
    "`${",
    "R\"x(",
    "r#\"",
    "br##\"",
    "[=[",
    "--[[",
    "]]",
    "- ",
    "? ",
    "a: ",
    "a:\n ",
    "\n",
    "\n ",
    "\n  ",
    "\n\t",
    "\r",
    "\r\n",
    "> ",
    "1. ",
    "* ",
    "+ ",
    "```\n",
    "~~~",
    "# ",
    "<a>",
    "</a>",
    "<p>",
    "<li>",
    "<br",
    "/>",
    "<script>",
    "<style>",
    "<!--",
    "-->",
    "<![CDATA[",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    "List<",
    "\\",
    "\\\n",
    "\t",
    " ",
    "a ? b : ",
    "a, ",
    "x = ",
    "if a {",
    "if a:",
    "def f",
    "class A",
    "function(){",
    "/*",
    "*/",
    "//",
    "#",
    "case x in\n",
    "$(",
    "${",
    "((",
    "[[ ",
    "@(",
    "?(",
    "!(",
    "do ",
    "end",
    "begin",
    "&a ",
    "*a",
    "!!a ",
    "|\n",
    "|2-\n",
    ">+\n",
    "---\n",
    "...\n",
    "%TAG",
    "@",
    "$",
    "\"",
    "'",
    "`",
    ";",
    ":",
    "::",
    "=>",
    "->",
    "..",
    "0",
    "1e",
    "0x",
    "\u{ffff}",
    "ä",
    "🙂",
    "\u{feff}",
    "\u{2028}",
    "xxxxxxxxxxxxxxxx",
    "<?php ",
    "?>",
    "__END__",
    "=begin\n",
    "=end\n",
    "type ",
    "async ",
    "match x:\n",
    "fn a<",
    "where ",
    "unsafe ",
    "#\"\"\"",
    "##\"",
    "\"\\(",
    "\"${",
    "\"\"\"${",
    "s\"${",
    "r'''",
    "'''${",
    "$$",
    "$a$",
    "/*/*",
    "<<EOF\n",
    "<<-EOT\n",
    "EOT\n",
    "%{ if a }",
    "define a\n",
    "endef\n",
    "ifeq (a,",
    "{#if a}",
    "{#each a as b}",
    "{/if}",
    "{:else}",
    "{@html ",
    "{{",
    "</script>",
    "</style>",
    "<script lang=\"ts\">",
    "<a b={",
    "given a: b",
    "case a =>\n",
    "a: List[",
    "Map<a, ",
    "RUN ",
    "FROM a\n",
    "SELECT (",
    "BEGIN ",
];

/// Numbers that look random (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    fn piece(&mut self, lines: &[String]) -> String {
        if self.below(4) == 0 && !lines.is_empty() {
            lines[self.below(lines.len())].clone()
        } else {
            PIECES[self.below(PIECES.len())].to_owned()
        }
    }

    /// A text that has grown by repeating what it has.
    fn text(&mut self, lines: &[String]) -> String {
        let mut text = String::new();
        for _ in 0..=self.below(12) {
            let piece = match self.below(3) {
                0 => self.piece(lines),
                1 => format!("{}{}", self.piece(lines), self.piece(lines)),
                _ => format!("{}{}{}", self.piece(lines), self.piece(lines), self.piece(lines)),
            };
            let n_times = match self.below(5) {
                0 | 1 => 1,
                2 => self.below(8),
                3 => self.below(400),
                _ => 1 << self.below(14),
            };
            if text.len() + piece.len() * n_times < MAX_BYTES {
                text.push_str(&piece.repeat(n_times));
            }
        }
        if self.below(3) == 0 && text.len() * 4 < MAX_BYTES {
            text = text.repeat(1 + self.below(4));
        }
        text
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |index: usize, default: u64| args.get(index).and_then(|arg| arg.parse().ok()).unwrap_or(default);
    let (seconds, seed) = (number(0, 10), number(1, 1));
    if let (Some(name), Some(file)) = (args.get(2), args.get(3)) {
        let language = by_language_id(name).expect("a language");
        parse_texts(language, Duration::from_secs(seconds), seed, Path::new(file));
        return ExitCode::SUCCESS;
    }
    let only = args.get(2);
    let mut n_bad = 0;
    for language in all().iter().filter(|language| only.is_none_or(|only| only == language.name())) {
        let file = std::env::temp_dir().join(format!("hostile-{}-{seed}.txt", language.name()));
        let (began, mut left) = (Instant::now(), seconds);
        let mut seed = seed;
        // A process that ended is followed by another with other numbers, until the time is over.
        while left > 0 {
            let status = Command::new(std::env::current_exe().expect("a path"))
                .args([left.to_string(), seed.to_string(), language.name().to_owned()])
                .arg(&file)
                .status()
                .expect("it starts");
            if status.success() {
                break;
            }
            n_bad += 1;
            let kept = file.with_extension(format!("{n_bad}.bad"));
            let _ = std::fs::copy(&file, &kept);
            println!("{}: {status}: {}", language.name(), kept.display());
            seed = seed.wrapping_add(1_000_003);
            left = seconds.saturating_sub(began.elapsed().as_secs());
        }
        let _ = std::fs::remove_file(&file);
    }
    println!("{n_bad} processes ended by a text");
    if n_bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Parses texts until the time is over, each fresh, then edited, then with something put into it.
fn parse_texts(language: &'static Language, time: Duration, seed: u64, file: &Path) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let lines = sample_lines(language);
    let (start, mut n_texts, mut slowest, mut n_stopped) = (Clock::start(), 0_u64, Duration::ZERO, 0_u64);
    while start.elapsed() < time {
        let content = random.text(&lines);
        let text = Text::new(&content);
        let insertion = random.piece(&lines).repeat(1 << random.below(10));
        let at = text.floor_char_boundary(random.below(content.len() + 1));
        std::fs::write(file, format!("{content}\0{at}\0{insertion}")).expect("it can be written");
        let budget = ParseBudget { time: Some(BUDGET), cancelled: &|| false };
        let began = Clock::start();
        let parsed = SyntaxTree::parse(language, &text, None, &budget);
        let mut took = began.elapsed();
        if let Ok(tree) = &parsed {
            assert_eq!(tree.has_errors(), tree.n_errors() > 0, "an error is not counted");
            let began = Clock::start();
            let _ = tree.splice_check(&text, at..at, &insertion, &budget);
            took = took.max(began.elapsed());
        }
        n_stopped += u64::from(parsed.is_err());
        if took > LATEST {
            let kept = file.with_extension(format!("{n_texts}.slow"));
            let _ = std::fs::copy(file, &kept);
            println!("{}: {took:.1?} for {} bytes: {}", language.name(), content.len(), kept.display());
        }
        slowest = slowest.max(took);
        n_texts += 1;
    }
    let peak = peak_memory().map(|bytes| format!(", at most {} MB", bytes >> 20)).unwrap_or_default();
    println!("{}: {n_texts} texts, {n_stopped} refused, slowest {slowest:.1?}{peak}", language.name());
}

fn sample_lines(language: &Language) -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/languages");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files
        .filter(|path| by_path(&path.to_string_lossy()).is_some_and(|found| found == language))
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .flat_map(|text| text.lines().map(|line| format!("{line}\n")).collect::<Vec<_>>())
        .collect()
}

/// Processor time of this thread since a moment: other work on the machine does not count.
struct Clock {
    processor: Option<Duration>,
    wall: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { processor: processor_time(), wall: Instant::now() }
    }

    fn elapsed(&self) -> Duration {
        match (self.processor, processor_time()) {
            (Some(then), Some(now)) => now.saturating_sub(then),
            _ => self.wall.elapsed(),
        }
    }
}

/// Source: the first number of `schedstat`, in nanoseconds (proc_pid_schedstat of the kernel's documentation).
fn processor_time() -> Option<Duration> {
    let numbers = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    numbers.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// Bytes that this process had at most. Source: proc_pid_status(5).
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
}
