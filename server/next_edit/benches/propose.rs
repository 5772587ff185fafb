//! What a search for proposals costs in a file of 5,000 lines, the check of each proposal included and the parse of the text not.
//! Invariant: the files are the same on every machine; figures are printed and none is compared.
//!
//! `cargo bench -p fimble-next-edit`

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use fimble_document::{Document, PositionEncoding, PositionRange, TextChange};
use fimble_next_edit::{EditHistory, OpenFile, Request, propose};
use fimble_syntax::{ParseBudget, SyntaxTree, by_language_id};

/// Lines of the file.
const N_LINES: usize = 5_000;
/// Places that are edited, for each kind of edit.
const N_PLACES: usize = 60;

/// A language with one function. `N` is its number, `P` the one before, and `K` that of a group of functions.
const LANGUAGES: [(&str, &str); 3] = [
    (
        "python",
        "def handle_N(request, limit):\n    total = 0\n    for item in request.items_K:\n        if item.size > limit:\n            \
         total += item.size\n    trace_K(\"handled N\", total)\n    return handle_P(total, limit)\n\n\n",
    ),
    (
        "rust",
        "fn handle_N(request: &Request, limit: usize) -> usize {\n    let mut total = 0;\n    for item in &request.items_K {\n        \
         if item.size > limit {\n            total += item.size;\n        }\n    }\n    trace_K(\"handled N\", total);\n    \
         handle_P(total, limit)\n}\n\n",
    ),
    (
        "typescript",
        "function handle_N(request: Request, limit: number): number {\n  let total = 0;\n  for (const item of request.items_K) {\n    \
         if (item.size > limit) {\n      total += item.size;\n    }\n  }\n  trace_K(\"handled N\", total);\n  \
         return handle_P(total, limit);\n}\n\n",
    ),
];

/// Functions of one group.
const GROUP: usize = 40;

/// A kind of edit: old text and new text in one function, for as many functions in a row as there are numbers.
const EDITS: [(&str, &str, &str, usize); 6] = [
    ("a local name", "request", "message", 1),
    ("a function", "handle_N", "process_N", 1),
    ("parameters", "limit", "total, limit", 1),
    ("two arguments", "\", total)", "\", total, 2)", 2),
    ("two fields", ".items_K", ".entries", 2),
    ("nothing follows", "handled", "done", 1),
];

/// A text for the function of a number.
fn numbered(text: &str, number: usize) -> String {
    let text = text.replace('N', &number.to_string()).replace('K', &(number / GROUP).to_string());
    text.replace('P', &number.saturating_sub(1).to_string())
}

struct Place {
    document: Document,
    history: EditHistory,
    cursor: usize,
}

/// The text after the edits at one place.
fn edited(text: &str, number: usize, (old, new, n_edits): (&str, &str, usize)) -> Place {
    let mut document = Document::new(text, 0);
    let mut history = EditHistory::new();
    let mut cursor = 0;
    for number in number..number + n_edits {
        let content = document.text().to_string();
        let named = |text: &str| numbered(text, number);
        let function = content.find(&format!("handle_{number}(")).unwrap_or(0);
        let start = function + content[function..].find(&named(old)).unwrap_or(0);
        let before = document.text().clone();
        let position = |offset| before.position(offset, PositionEncoding::Utf8);
        let range = PositionRange { start: position(start), end: position(start + named(old).len()) };
        let change = TextChange::Part { range, text: named(new) };
        let at = Duration::from_secs(10 * number as u64);
        let version = document.version() + 1;
        let _ = document.apply(version, &[change], PositionEncoding::Utf8, |after, edit| {
            history.record("file", &before, &edit, after, at);
        });
        cursor = start + named(new).len();
    }
    Place { document, history, cursor }
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout();
    let mut all = Vec::new();
    for (language, function) in LANGUAGES {
        let n_functions = N_LINES / function.lines().count();
        let text: String = (0..n_functions).map(|number| numbered(function, number)).collect();
        let Some(language) = by_language_id(language) else { continue };
        writeln!(out, "{}: {} lines", language.name(), text.lines().count())?;
        for (name, old, new, n_edits) in EDITS {
            let mut times = Vec::new();
            let mut n_found = 0;
            for place in 0..N_PLACES {
                let number = place * 7919 % (n_functions - n_edits);
                let place = edited(&text, number, (old, new, n_edits));
                let budget = ParseBudget::unlimited();
                let Ok(tree) = SyntaxTree::parse(language, place.document.text(), None, &budget) else {
                    continue;
                };
                let file = OpenFile { document: "file", text: place.document.text(), tree: Some(&tree) };
                let request = Request {
                    files: &[file],
                    current: 0,
                    cursor: place.cursor,
                    is_at_rest: true,
                    is_refused: &|_| false,
                    history: &place.history,
                    cancelled: &|| false,
                };
                let started = Instant::now();
                n_found += usize::from(!black_box(propose(&request)).is_empty());
                times.push(started.elapsed().as_secs_f64() * 1e3);
            }
            all.extend(times.iter().copied());
            let (median, most) = (quantile(&mut times, 50), quantile(&mut times, 95));
            writeln!(
                out,
                "  {name}: {median:.2} ms, {most:.2} ms in 95 of 100; {n_found} of {N_PLACES} found"
            )?;
        }
    }
    let (median, most) = (quantile(&mut all, 50), quantile(&mut all, 95));
    writeln!(out, "all: {median:.2} ms in the median, {most:.2} ms at most in 95 of 100")
}

fn quantile(times: &mut [f64], share: usize) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[(times.len() * share / 100).min(times.len() - 1)]
}
