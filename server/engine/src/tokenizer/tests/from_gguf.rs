//! Tokenizers that were converted from the metadata of GGUF files, as the engine reads them. Invariant: expected tokens are
//! written by hand or come from the makers' own libraries.

use std::cell::RefCell;

use fimble_model::fim::FimTemplate;
use fimble_onnx::gguf::{Metadata, Numbers, Value};
use fimble_onnx::tokenizer::{TokenizerError, convert, is_marker_text};
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _};

use super::super::*;

/// The tokenizer of a file, with the folder that it was read from.
pub(super) fn load(metadata: &Metadata) -> (tempfile::TempDir, TextTokenizer) {
    let files = convert(metadata).expect("it is converted");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), &files.tokenizer_json).unwrap();
    std::fs::write(folder.path().join("tokenizer_config.json"), &files.tokenizer_config_json).unwrap();
    let source = ModelSource::Folder(folder.path().to_owned());
    let config = ModelConfig::read(&source).expect("it is read");
    let tokenizer = TextTokenizer::load(&source, &config).expect("it is loaded");
    (folder, tokenizer)
}

const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const ADDED: i32 = 4;
const UNUSED: i32 = 5;
const BYTE: i32 = 6;

type Entries = Vec<(String, Value)>;

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn texts(texts: &[&str]) -> Value {
    Value::Strings(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn put(entries: &mut Entries, key: &str, value: Value) {
    entries.push((format!("tokenizer.ggml.{key}"), value));
}

fn vocabulary(model: &str, tokens: &[(&str, i32)]) -> Entries {
    let mut entries = Vec::new();
    put(&mut entries, "model", text(model));
    put(&mut entries, "tokens", texts(&tokens.iter().map(|(text, _)| *text).collect::<Vec<_>>()));
    put(
        &mut entries,
        "token_type",
        Value::Numbers(Numbers::I32(tokens.iter().map(|(_, kind)| *kind).collect())),
    );
    entries
}

fn byte_level(pre: &str, tokens: &[(&str, i32)], merges: &[&str]) -> Entries {
    let mut entries = vocabulary("gpt2", tokens);
    put(&mut entries, "pre", text(pre));
    put(&mut entries, "merges", texts(merges));
    entries
}

fn tokenizer_of(entries: Entries) -> TextTokenizer {
    load(&Metadata::from_entries(entries)).1
}

/// The pieces of a text by a way of splitting.
fn pieces(pre: &str, text: &str) -> Vec<String> {
    let tokenizer = tokenizer_of(byte_level(pre, &[("a", NORMAL)], &[]));
    let mut split = PreTokenizedString::from(text);
    tokenizer.tokenizer.get_pre_tokenizer().unwrap().pre_tokenize(&mut split).unwrap();
    let splits = split.get_splits(OffsetReferential::Original, OffsetType::Byte);
    splits.into_iter().map(|(_, (start, end), _)| text[start..end].to_owned()).collect()
}

#[test]
fn texts_are_split_in_the_way_of_the_file() {
    const CODE: &str = "He'LL pay 1234 $ don't\n\n  if(x1)";
    let cases: [(&str, &str, &[&str]); 14] = [
        (
            "qwen2",
            CODE,
            &[
                "He", "'LL", " pay", " ", "1", "2", "3", "4", " $", " don", "'t", "\n\n", " ", " if", "(x",
                "1", ")",
            ],
        ),
        (
            "llama-bpe",
            CODE,
            &["He", "'LL", " pay", " ", "123", "4", " $", " don", "'t", "\n\n", " ", " if", "(x", "1", ")"],
        ),
        (
            "starcoder",
            CODE,
            &[
                "He", "'", "LL", " pay", " ", "1", "2", "3", "4", " $", " don", "'t", "\n\n ", " if", "(",
                "x", "1", ")",
            ],
        ),
        (
            "gpt-2",
            CODE,
            &["He", "'", "LL", " pay", " 1234", " $", " don", "'t", "\n\n ", " if", "(", "x", "1", ")"],
        ),
        (
            "deepseek-coder",
            CODE,
            &[
                "He", "'", "LL", " pay", " ", "1", "2", "3", "4", " $", " don", "'", "t", "\n", "\n", " ",
                " if", "(", "x", "1", ")",
            ],
        ),
        (
            "deepseek-v3",
            CODE,
            &["He", "'LL", " pay", " ", "123", "4", " $", " don", "'t", "\n\n", " ", " if", "(x", "1", ")"],
        ),
        (
            "falcon",
            CODE,
            &[
                "He", "'", "LL", " pay", " ", "123", "4", " ", "$", " don", "'", "t", "\n\n ", " if", "(",
                "x", "1", ")",
            ],
        ),
        ("tekken", "HTTPServer parseXML2 a/b//\n", &["HTTPServer", " parse", "XML", "2", " a", "/b", "//\n"]),
        ("gpt-4o", "It'S parseXML 1234", &["It'S", " parse", "XML", " ", "123", "4"]),
        ("seed-coder", "a();\n\nb", &["a", "();", "\n\n", "b"]),
        ("qwen2", "a();\n\nb", &["a", "();\n\n", "b"]),
        ("qwen35", "e\u{301}x", &["e\u{301}x"]),
        ("qwen2", "e\u{301}x", &["e", "\u{301}x"]),
        ("bailingmoe", "a\n\n\nb", &["a", "\n\n\n", "b"]),
    ];
    for (pre, text, expected) in cases {
        assert_eq!(pieces(pre, text), expected, "{pre}");
    }
}

#[test]
fn merges_are_applied_in_their_order() {
    let letters = ["a", "b", "c", "Ġ", "Ċ", "ab", "abc", "Ġa", "<", ">", "|"].map(|letter| (letter, NORMAL));
    let tokens = [&letters[..], &[("<|x|>", CONTROL)]].concat();
    // The last one can never give a token.
    let tokenizer = tokenizer_of(byte_level("qwen2", &tokens, &["a b", "ab c", "Ġ a", "c zz"]));
    for (text, expected) in
        [("abc", vec![6]), (" ab\n", vec![3, 5, 4]), (" acb", vec![7, 2, 1]), ("a<|>", vec![0, 8, 10, 9])]
    {
        assert_eq!(tokenizer.encode(text).unwrap(), expected, "{text:?}");
    }
    let bytes: Vec<u8> = [3, 5, 4, 6].iter().flat_map(|id| tokenizer.bytes().bytes(*id)).copied().collect();
    assert_eq!(bytes, b" ab\nabc");
}

#[test]
fn a_whole_token_is_taken_without_merges_where_the_way_says_so() {
    let tokens = ["a", "b", "ab", "ba", "aba"].map(|letter| (letter, NORMAL));
    let merges = ["b a", "a b"];
    assert_eq!(tokenizer_of(byte_level("llama-bpe", &tokens, &merges)).encode("aba").unwrap(), [4]);
    assert_eq!(tokenizer_of(byte_level("qwen2", &tokens, &merges)).encode("aba").unwrap(), [0, 3]);
}

#[test]
fn markers_are_added_tokens_and_no_text_becomes_one() {
    let letters: Vec<String> = ('!'..='~').map(String::from).chain(["Ġ".to_owned()]).collect();
    let mut tokens: Vec<(&str, i32)> = letters.iter().map(|letter| (letter.as_str(), NORMAL)).collect();
    let first = tokens.len() as TokenId;
    let markers = [
        ("<fim_prefix>", NORMAL),
        ("<fim_suffix>", NORMAL),
        ("<fim_middle>", UNUSED),
        ("<|im_end|>", ADDED),
        ("<tool_call>", ADDED),
        ("<odd>", NORMAL),
        ("<s>", CONTROL),
    ];
    tokens.extend(markers);
    let after = first + markers.len() as TokenId;
    tokens.extend([("  ", ADDED), ("<td>", ADDED), ("[PREFIX]", NORMAL), ("[P", NORMAL), ("[PAD7]", UNUSED)]);
    // A merge is one only if both of its parts are tokens.
    tokens.push(("REFIX]", NORMAL));
    let mut entries = byte_level("starcoder", &tokens, &["[ P", "[P REFIX]"]);
    put(&mut entries, "prefix_token_id", Value::Unsigned(u64::from(first) + 5));
    put(&mut entries, "bos_token_id", Value::Unsigned(u64::from(first) + 6));
    put(&mut entries, "eos_token_id", Value::Unsigned(u64::from(first) + 6));
    let tokenizer = tokenizer_of(entries);
    for (id, (text, _)) in (first..).zip(markers) {
        assert_eq!(tokenizer.id_of(text), Some(id), "{text}");
        let alone = tokenizer.encode(text).unwrap();
        assert!(alone.iter().all(|id| *id < first), "{text}: {alone:?}");
        assert!(tokenizer.bytes().bytes(id).is_empty(), "{text}");
    }
    // An added piece of text is found; a tag of HTML stays text.
    assert_eq!(tokenizer.encode("a  b").unwrap()[1], after);
    assert_eq!(tokenizer.bytes().bytes(after + 1), b"<td>");
    assert_eq!((tokenizer.id_of("<td>"), tokenizer.id_of("[PREFIX]")), (None, None));
}

#[test]
fn fim_tokens_that_are_normal_entries_are_recognised() {
    let tokens = ["a", "<fim_prefix>", "<fim_suffix>", "<fim_middle>"].map(|text| (text, NORMAL));
    let tokenizer = tokenizer_of(byte_level("starcoder", &tokens, &[]));
    assert_eq!(FimTemplate::detect(&tokenizer).map(|template| template.family()), Ok("StarCoder-like"));
}

/// Answers to everything, and remembers what it was asked for.
struct Asked(RefCell<Vec<String>>);

impl Vocabulary for Asked {
    fn special_token(&self, text: &str) -> Option<TokenId> {
        self.0.borrow_mut().push(text.to_owned());
        Some(0)
    }

    fn model_type(&self) -> &str {
        ""
    }

    fn model_name(&self) -> &str {
        ""
    }
}

#[test]
fn every_token_of_every_family_is_known_to_the_conversion() {
    let asked = Asked(RefCell::new(Vec::new()));
    for family in FimTemplate::families() {
        FimTemplate::for_family(&asked, family).unwrap();
    }
    let asked = asked.0.into_inner();
    assert!(asked.len() > 60);
    // The tag of an HTML element is a marker only where the file says so.
    let unknown: Vec<_> = asked.iter().filter(|text| !is_marker_text(text) && *text != "</s>").collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn ends_and_the_first_token_come_out_of_the_file() {
    let tokens = [
        ("a", NORMAL),
        ("<|begin_of_text|>", CONTROL),
        ("<|eot_id|>", CONTROL),
        ("<|end_of_text|>", CONTROL),
        ("<|end|>", CONTROL),
        ("<|file_sep|>", CONTROL),
        ("<|im_start|>", CONTROL),
        ("</s>", NORMAL),
    ];
    let mut entries = byte_level("llama-bpe", &tokens, &[]);
    put(&mut entries, "bos_token_id", Value::Unsigned(1));
    put(&mut entries, "eos_token_id", Value::Unsigned(3));
    entries.push(("tokenizer.chat_template".to_owned(), text("{{ bos_token }}")));
    let files = convert(&Metadata::from_entries(entries.clone())).unwrap();
    assert_eq!((files.bos, files.n_tokens, &files.end_tokens[..]), (Some(1), 8, &[3, 2, 4, 5][..]));
    assert_eq!(files.chat_template.as_deref(), Some("{{ bos_token }}"));
    let config: serde_json::Value = serde_json::from_slice(&files.tokenizer_config_json).unwrap();
    assert_eq!(config["chat_template"], "{{ bos_token }}");
    assert_eq!(
        (&config["bos_token"], &config["eos_token"]),
        (&"<|begin_of_text|>".into(), &"<|end_of_text|>".into())
    );
    assert_eq!(tokenizer_of(entries.clone()).bos(), Some(1));
    put(&mut entries, "add_bos_token", Value::Bool(false));
    let files = convert(&Metadata::from_entries(entries.clone())).unwrap();
    assert_eq!((files.bos, tokenizer_of(entries).bos()), (None, None));
}

/// SentencePiece with a token for each byte.
fn sentence_piece(tokens: &[(&str, i32, f32)], adds_space: bool) -> Entries {
    let bytes: Vec<String> = (0..256).map(|byte| format!("<0x{byte:02X}>")).collect();
    let mut all = vec![("<unk>", 2, 0.0), ("<s>", CONTROL, 0.0), ("</s>", CONTROL, 0.0)];
    all.extend(bytes.iter().map(|byte| (byte.as_str(), BYTE, 0.0)));
    all.extend(tokens);
    let mut entries =
        vocabulary("llama", &all.iter().map(|(text, kind, _)| (*text, *kind)).collect::<Vec<_>>());
    put(
        &mut entries,
        "scores",
        Value::Numbers(Numbers::F32(all.iter().map(|(_, _, score)| *score).collect())),
    );
    put(&mut entries, "add_space_prefix", Value::Bool(adds_space));
    entries
}

#[test]
fn the_union_with_the_better_score_comes_first() {
    // The ids of the tokens below the bytes begin with 259.
    let tokens = |ab: f32, space_a: f32| {
        let mut tokens =
            vec![("▁", NORMAL, -9.0), ("a", NORMAL, -8.0), ("b", NORMAL, -7.0), ("ab", NORMAL, ab)];
        tokens.extend([("▁a", NORMAL, space_a), ("▁<PRE>", NORMAL, 0.0), ("aa", UNUSED, 0.0)]);
        for letter in ["<", "0", "x", "A", ">", "P", "R", "E"] {
            tokens.push((letter, NORMAL, -10.0));
        }
        tokens
    };
    for adds_space in [true, false] {
        let first = tokenizer_of(sentence_piece(&tokens(-1.0, -2.0), adds_space));
        assert_eq!(first.encode(" ab").unwrap(), [259, 262], "a space in front: {adds_space}");
        let second = tokenizer_of(sentence_piece(&tokens(-2.0, -1.0), adds_space));
        assert_eq!(second.encode(" ab").unwrap(), [263, 261]);
        // No space is gained, what is no letter becomes bytes, and an unused token is no union.
        assert_eq!(second.encode("ab").unwrap(), [262]);
        assert_eq!(second.encode("é\n").unwrap(), [3 + 0xc3, 3 + 0xa9, 3 + 0x0a]);
        assert_eq!(second.encode("aa").unwrap(), [260, 260]);
        assert_eq!(second.bytes().bytes(3 + 0x0a), b"\n");
        // Neither the text of a byte nor that of a marker becomes one.
        assert_eq!(second.encode("<0x0A>").unwrap(), [266, 267, 268, 267, 269, 270]);
        assert_eq!(second.id_of("▁<PRE>"), Some(264));
        assert_eq!(second.encode(" <PRE>").unwrap(), [259, 266, 271, 272, 273, 270]);
        assert_eq!(second.bos(), Some(1));
    }
}

#[test]
fn texts_that_two_ids_share_stay_reachable_by_their_ids() {
    let tokens = [("a", NORMAL), ("a", NORMAL), ("", NORMAL), ("b", NORMAL)];
    let tokenizer = tokenizer_of(byte_level("qwen2", &tokens, &[]));
    assert_eq!(tokenizer.encode("ab").unwrap(), [0, 3]);
    assert_eq!(tokenizer.bytes().n_ids(), 4);
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let refused = |entries: Entries| convert(&Metadata::from_entries(entries)).expect_err("it is refused");
    let tokens = [("a", NORMAL)];
    let error = refused(byte_level("llama-9", &tokens, &[]));
    assert_eq!(error, TokenizerError::Pre { pre: "llama-9".to_owned() });
    assert!(error.to_string().contains("\"llama-9\" (tokenizer.ggml.pre), which is not known"));
    for kind in ["bert", "t5", "rwkv", "no_vocab"] {
        let error = refused(vocabulary(kind, &tokens)).to_string();
        assert!(error.contains(kind) && error.contains("can be imported"), "{error}");
    }
    let without = |key: &str| {
        let mut entries = byte_level("qwen2", &tokens, &["a b"]);
        entries.retain(|(name, _)| name != &format!("tokenizer.ggml.{key}"));
        refused(entries).to_string()
    };
    for key in ["model", "tokens", "merges", "pre"] {
        let error = without(key);
        assert!(error.contains(&format!("tokenizer.ggml.{key} is missing")), "{error}");
    }
    let mut short = byte_level("qwen2", &tokens, &[]);
    short[2].1 = Value::Numbers(Numbers::I32(Vec::new()));
    assert!(refused(short).to_string().contains("token_type has 0 items for 1 tokens"));
    assert!(
        refused(byte_level("qwen2", &tokens, &["ab"])).to_string().contains("no two parts in its item 0")
    );
    let no_scores = vocabulary("llama", &tokens);
    assert!(refused(no_scores).to_string().contains("tokenizer.ggml.scores is missing"));
}

#[test]
fn long_runs_of_one_character_are_split() {
    for pre in
        ["qwen2", "starcoder", "deepseek-coder", "deepseek-llm", "deepseek-v3", "tekken", "gpt-4o", "falcon"]
    {
        for run in [" ", "A", "a", "1", "(", "\n", "字", "\u{301}", " A"] {
            let text = run.repeat(20_000);
            assert_eq!(pieces(pre, &text).concat(), text, "{pre}: {run:?}");
        }
    }
}
