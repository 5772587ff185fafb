#!/bin/sh
# Training on another machine with a CUDA device, which needs torch, numpy, safetensors and tokenizers, and no network.
#
#   sh gpu.sh over HOST DATA OUT MINUTES     all of it, through ssh and tar
#
# or, where files travel in another way, its three steps:
#
#   sh gpu.sh pack DATA PACK                 here: texts and tokenizer of DATA in one file (about 40 MB)
#   sh gpu.sh train PACK OUT MINUTES [PAUSE] there: samples, training, weights in OUT; goes on where it stood when it is
#                                            called again, and leaves after PAUSE minutes of training if that is given
#   sh gpu.sh join OUT MODEL                 here: the model folder, with ONNX, from what OUT holds
#
# The weights come in parts of 15 MB. PYTHON names another Python, WORK the folder to work in there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
# With -P, Python finds the modules of the recipe from any folder, and imports nothing from the current one.
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$here/gpu.sh" | sed '$d' >&2; exit 2; }

pack() { # DATA PACK
    tar -C "$1" -c train.jsonl validation.jsonl tokenizer | xz -T0 -6 > "$2.part"
    mv "$2.part" "$2"
}

train() { # PACK OUT MINUTES [PAUSE]
    work=${WORK:-/tmp/fimble-train}
    mkdir -p "$work/shards" "$2"
    [ -f "$work/unpacked" ] || { xz -dc "$1" | tar -C "$work" -x; touch "$work/unpacked"; }
    sample "$work"
    resume=
    [ ! -f "$work/run/checkpoint.pt" ] || resume=--resume
    "$python" -P -m training.train --config "${CONFIG:-$here/configs/gpu.toml}" --data "$work/shards" --out "$work/run" \
        --minutes "$3" ${4:+--pause-after "$4"} $resume >> "$2/train.log" 2>&1 || { tail -n 20 "$2/train.log"; exit 1; }
    tail -n 4 "$2/train.log"
    grep -q '^end of the schedule' "$2/train.log" || { echo "Not at its end yet: call it again."; return; }
    "$python" -P -m export.convert --checkpoint "$work/run/checkpoint.pt" --tokenizer "$work/tokenizer" \
        --out "$work/model" --no-onnx
    rm -f "$2"/weights.*
    tar -C "$work/model" -c . | split -b 15000000 -d - "$2/weights."
}

# Samples, every process in a seed of its own: the first ones at once, the others beside the training, and those that were
# cut short by the end of an earlier call again.
sample() { # WORK
    for length in 256 512; do
        shards "$1" $length "${FIRST:-8e6}" 1 &
    done
    wait
    others=$(nproc)
    for seed in $(seq 2 $((others > 2 ? others : 2))); do
        (shards "$1" 256 "${REST:-32e6}" "$seed" && shards "$1" 512 "${REST:-32e6}" "$seed") >> "$1/samples.log" 2>&1 &
        started="${started:-} $!"
    done
    trap 'kill $started 2>/dev/null || true' EXIT
}

shards() { # WORK LENGTH TOKENS SEED
    [ -f "$1/done-$2-$4" ] && return
    nice "$python" -P -m data.samples --data "$1" --length "$2" --tokens "$3" --seed "$4" && touch "$1/done-$2-$4"
}

join() { # OUT MODEL
    mkdir -p "$2"
    cat "$1"/weights.* | tar -C "$2" -x
    "$python" -P -m export.convert --out "$2"
    "$python" -P -m export.agree "$2"
}

over() { # HOST DATA OUT MINUTES
    mkdir -p "$3"
    pack "$2" "$3/pack.tar.xz"
    tar -C "$here" -c . | ssh "$1" 'rm -rf fimble-recipe && mkdir fimble-recipe && tar -C fimble-recipe -x'
    ssh "$1" 'cat > fimble-recipe/pack.tar.xz' < "$3/pack.tar.xz"
    ssh "$1" "cd fimble-recipe && sh gpu.sh train pack.tar.xz out $4"
    ssh "$1" 'tar -C fimble-recipe/out -c .' | tar -C "$3" -x
    join "$3" "$3/model"
}

case "${1:-} $#" in
    "pack 3" | "join 3" | "train 4" | "train 5" | "over 5") "$@" ;;
    *) usage ;;
esac
