#!/bin/sh
# The whole recipe on this machine: `sh all.sh DATA HOURS`. DATA is a folder outside of the repository (10 GB).
# What is already in DATA is kept, so that a run that was stopped goes on where it stood. PYTHON names another Python.
set -eu
[ $# -eq 2 ] || { echo "Usage: sh all.sh DATA HOURS" >&2; exit 2; }
data=$1 minutes=$(awk "BEGIN { print 60 * $2 }") python=${PYTHON:-python3}
cd "$(dirname "$0")"

[ -f "$data/train.jsonl" ] || { "$python" -m data.corpus fetch --data "$data"; "$python" -m data.corpus build --data "$data"; }
[ -f "$data/tokenizer/tokenizer.json" ] || "$python" -m data.tokenizer --data "$data"
shards() { # LENGTH TOKENS SEED
    [ -f "$data/shards/done-$1-$3" ] || {
        "$python" -m data.samples --data "$data" --length "$1" --tokens "$2" --seed "$3"
        touch "$data/shards/done-$1-$3"
    }
}
# As many samples as the training needs to begin; the rest is made beside it.
shards 256 12e6 1
shards 512 4e6 1
(
    for seed in 2 3 4 5; do
        shards 256 40e6 $seed
        shards 512 40e6 $seed
    done
) &
rest=$!
trap 'kill $rest 2>/dev/null || true' EXIT

resume=
[ ! -f "$data/run/checkpoint.pt" ] || resume=--resume
"$python" -m training.train --config configs/cpu.toml --data "$data/shards" --out "$data/run" --minutes "$minutes" $resume
"$python" -m export.convert --checkpoint "$data/run/checkpoint.pt" --tokenizer "$data/tokenizer" --out "$data/model"
"$python" -m export.agree "$data/model"
[ -f "$data/eval_cases.jsonl" ] || "$python" -m evaluation.cases --data "$data"
"$python" -m evaluation.quantise --model "$data/model" --data "$data" --out "$data/quantisation.csv"
"$python" -m evaluation.evaluate --data "$data" --model "$data/model" --name ours --out "$data/results.csv"
