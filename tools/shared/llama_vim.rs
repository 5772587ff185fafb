//! The requests that llama.vim sends to llama-server. Invariant: the values are those of the plugin's defaults; where it has a
//! choice, the one that answers sooner is taken.

use serde_json::{Value, json};

/// Lines before the cursor's and after it.
const N_BEFORE: usize = 256;
const N_AFTER: usize = 64;
/// It does not ask by itself with more bytes than this to the right of the cursor.
const MOST_TO_THE_RIGHT: usize = 8;

/// The request for a place; none where the plugin does not ask by itself.
pub fn request(text: &str, offset: usize) -> Option<Value> {
    let (before, after) = text.split_at_checked(offset)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let (above, mut left) = before.split_at(line_start);
    let (mut right, below) = after.split_once('\n').unwrap_or((after, ""));
    if right.len() > MOST_TO_THE_RIGHT {
        return None;
    }
    let indentation = left.len() - left.trim_start().len();
    // Of a line without text, nothing is sent.
    let is_blank = left.trim().is_empty() && right.trim().is_empty();
    if is_blank {
        (left, right) = ("", "");
    }
    let lines: Vec<&str> = above.lines().collect();
    let above = lines[lines.len().saturating_sub(N_BEFORE)..].join("\n");
    let below = below.lines().take(N_AFTER).collect::<Vec<_>>().join("\n");
    Some(json!({
        "id_slot": 0,
        "input_prefix": format!("{above}\n"),
        "input_suffix": format!("{right}\n{below}\n"),
        "prompt": left,
        "n_indent": if is_blank { 0 } else { indentation },
        "n_predict": 128,
        "top_k": 40,
        "top_p": 0.90,
        "samplers": ["top_k", "top_p", "infill"],
        "cache_prompt": true,
        "t_max_prompt_ms": 500,
        // The setting says 500; the first request of a place has half of it.
        "t_max_predict_ms": 250,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursors_line_is_the_prompt_and_what_is_around_it_prefix_and_suffix() {
        let text = "a\nb\n  f(x)\nc\nd\n";
        let asked = request(text, text.find("x)").unwrap()).unwrap();
        assert_eq!(asked["input_prefix"], "a\nb\n");
        assert_eq!(asked["prompt"], "  f(");
        assert_eq!(asked["input_suffix"], "x)\nc\nd\n");
        assert_eq!(asked["n_indent"], 2);
    }

    #[test]
    fn of_a_blank_line_nothing_is_sent_and_before_much_text_nothing_is_asked() {
        let asked = request("a\n    \nb\n", 4).unwrap();
        assert_eq!((&asked["prompt"], &asked["input_suffix"]), (&json!(""), &json!("\nb\n")));
        assert_eq!(request("let value = 1;\n", 4), None);
    }

    #[test]
    fn far_lines_are_left_out() {
        let text = "line\n".repeat(1000);
        let asked = request(&text, 5 * 500).unwrap();
        assert_eq!(asked["input_prefix"].as_str().unwrap().lines().count(), 256);
        assert_eq!(asked["input_suffix"].as_str().unwrap().lines().count(), 65);
    }
}
