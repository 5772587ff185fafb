//! Whether a text was written by people, judged by its content alone. Invariant: what files of languages without a
//! grammar look like is text; columns of figures, encoded bytes and what programs print are not.

/// Texts of fewer lines are too short to judge, and too short to harm.
const FEWEST_LINES: usize = 12;
/// Lines that are looked at.
const MOST_LINES: usize = 400;
/// An unbroken run of letters and digits over this many bytes is no name.
const LONGEST_WORD: usize = 56;
/// Separators that tables have in each line.
const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];

/// The kind of data in a text that people do not type; none if they do.
pub(crate) fn data_kind(text: &str) -> Option<&'static str> {
    let is_control = |ch: char| ch.is_control() && !matches!(ch, '\n' | '\r' | '\t' | '\u{c}');
    if text.contains(is_control) {
        return Some("it holds control characters");
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(MOST_LINES).collect();
    if lines.len() < FEWEST_LINES {
        return None;
    }
    let most = |is: &dyn Fn(&str) -> bool, percent: usize| {
        lines.iter().filter(|line| is(line)).count() * 100 >= lines.len() * percent
    };
    if most(&is_encoded, 50) {
        return Some("it holds encoded data");
    }
    if most(
        &|line| line.starts_with(|first: char| first.is_ascii_digit() || first == '-') && has_figures(line),
        80,
    ) {
        return Some("its lines are records");
    }
    if is_table(&lines) {
        return Some("it is a table");
    }
    let (mut letters, mut others) = (0_usize, 0_usize);
    for ch in lines.iter().flat_map(|line| line.chars()).filter(|ch| !ch.is_whitespace()) {
        if ch.is_alphabetic() || ch == '_' { letters += 1 } else { others += 1 }
    }
    (letters * 3 < others).then_some("it holds figures")
}

/// A line that is one long word, or mostly.
fn is_encoded(line: &str) -> bool {
    let is_code = |ch: char| !(ch.is_ascii_alphanumeric() || matches!(ch, '+' | '/' | '='));
    let longest = line.split(is_code).map(str::len).max().unwrap_or_default();
    longest > LONGEST_WORD && longest * 4 > line.trim().len() * 3
}

/// Two runs of digits at least: a time, or columns.
fn has_figures(line: &str) -> bool {
    line.split(|ch: char| !ch.is_ascii_digit()).filter(|run| !run.is_empty()).count() >= 2
}

/// Lines of equally many fields, none of which ends as statements do.
fn is_table(lines: &[&str]) -> bool {
    SEPARATORS.iter().any(|separator| {
        let n_fields = |line: &str| line.matches(*separator).count();
        let first = n_fields(lines[0]);
        let n_alike =
            lines.iter().filter(|line| n_fields(line) == first && !line.starts_with([' ', '\t'])).count();
        first >= 2 && n_alike * 100 >= lines.len() * 95
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_writes_is_text() {
        let kotlin = "class Store(private val rows: List<Row>) {\n    fun find(id: Long): Row? {\n        return rows.firstOrNull { it.id == id }\n    }\n}\n".repeat(4);
        let sql = "create table orders (\n    id bigint primary key,\n    customer text not null,\n    total numeric(10, 2)\n);\n\ninsert into orders values (1, 'Ada', 10.00);\ninsert into orders values (2, 'Grace', 12.50);\n".repeat(3);
        let proto =
            "message Order {\n  int64 id = 1;\n  string customer = 2;\n  repeated Line lines = 3;\n}\n\n"
                .repeat(4);
        let vue = "<template>\n  <ul>\n    <li v-for=\"item in items\" :key=\"item.id\">{{ item.name }}</li>\n  </ul>\n</template>\n<script>\nexport default { props: ['items'] }\n</script>\n".repeat(2);
        let assembly =
            "main:\n    push rbp\n    mov rbp, rsp\n    mov eax, 0\n    pop rbp\n    ret\n".repeat(3);
        let make = "all: first second\n\nfirst: first.c\n\tcc -o first first.c\n\nsecond: second.c\n\tcc -o second second.c\n".repeat(3);
        let prose = "The store keeps what was ordered.\nWho asks for it gets a copy, and no lock is held.\n"
            .repeat(8);
        for text in [kotlin, sql, proto, vue, assembly, make, prose, "a,b,c\n1,2,3\n".to_owned()] {
            assert_eq!(data_kind(&text), None, "{text}");
        }
    }

    #[test]
    fn what_nobody_types_is_data() {
        let table = (0..20).map(|n| format!("row{n},{},north\n", n * 7)).collect::<String>();
        let tabs = (0..20).map(|n| format!("name{n}\tvalue\tcolour\n")).collect::<String>();
        let log = (0..20)
            .map(|n| format!("2024-01-{n:02} 10:11:12 INFO store: took in an order\n"))
            .collect::<String>();
        let figures = (0..20).map(|n| format!("{n}.25 {n}.5 {n}.75\n")).collect::<String>();
        let vectors = (0..20).map(|n| format!("v {n}.25 -{n}.5 {n}.75\n")).collect::<String>();
        let encoded = "TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0\n".repeat(20);
        let control = "a\u{1}b\n".repeat(3);
        for text in [table, tabs, log, figures, vectors, encoded, control] {
            assert_ne!(data_kind(&text), None, "{text}");
        }
    }
}
