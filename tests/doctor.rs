//! `fimble doctor` on models of every kind. Invariant: no test contacts another machine.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::models::tiny_hub;
use crate::{fimble, scratch, set_up, text_of};

fn doctor(home: &Path, arguments: &[&str]) -> Output {
    let runtime = fimble_store::RuntimeStore::from_env().unwrap().locate().unwrap().unwrap().path;
    let mut command = Command::new(env!("CARGO_BIN_EXE_fimble"));
    command.arg("doctor").args(arguments).env("FIMBLE_HOME", home.join("fimble"));
    command.env("FIMBLE_ONNXRUNTIME", runtime).output().unwrap()
}

/// The codes of the faults in a report.
fn codes(report: &Value) -> Vec<&str> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks.filter_map(|check| check["code"].as_str()).collect()
}

#[test]
fn the_doctor_names_the_model_and_where_it_came_from() {
    set_up();
    let home = scratch();
    let hub = tiny_hub("apache-2.0", |_, reply| reply);
    let got = crate::models::command(home.path(), &hub.address, &["model", "get", "hf:someone/Tiny"])
        .output()
        .unwrap();
    assert!(got.status.success(), "{got:?}");
    let report = text_of(&doctor(home.path(), &[]).stdout);
    for part in [
        "Tiny: ",
        "context of ",
        "from hf:someone/Tiny",
        "licence: apache-2.0",
        "SHA-256 of the file: ",
        "recognised by the tokens <|fim_prefix|> <|fim_suffix|> <|fim_middle|>",
        "chat",
        "tokens a second",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
    let likely: Vec<&str> = report.lines().filter(|line| line.starts_with(['1', '2', '3'])).collect();
    assert_eq!(likely.len(), 3, "{report}");
    let output = doctor(home.path(), &["--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["likely"].as_array().unwrap().len(), 3, "{json}");
    let checks = json["checks"].as_array().unwrap();
    let model = checks.iter().find(|check| check["what"] == "model").unwrap();
    assert!(model["text"].as_str().unwrap().starts_with("Tiny: "), "{json}");
    assert!(model["details"].to_string().contains("from hf:someone/Tiny"), "{json}");
    let n_faults = checks.iter().filter(|check| check["state"] == "fault").count();
    assert_eq!((&json["faults"], output.status.success()), (&n_faults.into(), n_faults == 0));
}

#[test]
fn the_doctor_proposes_a_larger_model_where_the_bundled_one_is_in_use() {
    set_up();
    let home = scratch();
    let report = text_of(&doctor(home.path(), &[]).stdout);
    assert!(report.contains("from this program"), "{report}");
    assert!(report.contains("`fimble setup --model qwen2.5-coder-0.5b`"), "{report}");
}

#[test]
fn a_kv_cache_in_8_bits_is_tried_out_once() {
    set_up();
    let home = scratch();
    let model = |name: &str| format!("{}/fixtures/models/{name}", env!("CARGO_MANIFEST_DIR"));
    let asked = |name: &str| {
        let output = doctor(home.path(), &["--kv-cache", "int8", "--model", &model(name)]);
        text_of(&output.stdout)
    };
    let report = asked("llama-genai");
    assert!(report.contains(", int8 KV cache"), "{report}");
    let kept = home.path().join("fimble/state/kv-cache/llama-genai.json");
    let written = || std::fs::metadata(&kept).unwrap().modified().unwrap();
    let first = written();
    let report = asked("llama-genai");
    assert!(report.contains(", int8 KV cache"), "{report}");
    assert_eq!(written(), first);
    let report = asked("gpt2-optimum");
    assert!(report.contains("The KV cache is not kept in 8 bits: its attention"), "{report}");
    assert!(!report.contains("int8 KV cache"), "{report}");
}

#[test]
fn without_a_runtime_three_causes_are_named() {
    let home = scratch();
    let output = fimble(Some(home.path()), &["doctor", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &json["faults"]), (Some(1), &1.into()));
    assert_eq!(json["likely"].as_array().unwrap().len(), 3, "{json}");
    assert!(json["likely"].to_string().contains("fimble setup --from"), "{json}");
    assert_eq!(codes(&json), ["runtime-missing"], "{json}");
    let report = text_of(&fimble(Some(home.path()), &["doctor"]).stdout);
    assert!(report.contains("Likeliest problems") && report.contains("1 problem to fix"), "{report}");
}

#[test]
fn a_model_that_is_missing_is_a_fault_with_three_causes() {
    set_up();
    let home = scratch();
    let output = doctor(home.path(), &["--model", "no-such-model", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["faults"], 1, "{json}");
    assert_eq!(codes(&json), ["model-not-found"], "{json}");
    assert!(json["likely"].to_string().contains("fimble model verify"), "{json}");
}
