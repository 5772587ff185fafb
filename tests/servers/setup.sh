#!/usr/bin/env bash
# Installs the real model servers that tests/servers drives into one folder: llama.cpp's from a newer Debian suite, unpacked
# beside the system with its own libc, and mlx-lm (which runs on Linux) with what makes a GGUF file from safetensors, in a
# Python environment of their own. Invariant: a finished folder is found again without any network; the system stays as it
# is but for patchelf.
#
#   tests/servers/setup.sh [FOLDER]     default: $FIMBLE_SERVERS, else ~/.cache/fimble-servers; prints the folder
#
# In the folder afterwards: bin/llama-server, python/bin/python (with mlx_lm, gguf and safetensors).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:-${FIMBLE_SERVERS:-${XDG_CACHE_HOME:-$HOME/.cache}/fimble-servers}}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
stamp=$(sha256sum <"$here/setup.sh" | cut -d' ' -f1)

say() { echo "servers: $*" >&2; }
fail() { say "$*"; exit 1; }
# A machine on which this cannot work, as opposed to something that went wrong.
cannot() { say "$*"; exit 3; }

# Two runs at once would unpack over each other.
exec 9>"$folder/.lock"
flock 9
if [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ]; then
  echo "$folder"
  exit 0
fi
rm -f "$folder/.stamp"

[ "$(uname -sm)" = "Linux x86_64" ] || cannot "this script knows Linux on x86_64 only, this is $(uname -sm)."
command -v apt-get >/dev/null || cannot "this script takes llama.cpp from Debian's packages, and there is no apt-get."
if ! command -v patchelf >/dev/null; then
  [ "$(id -u)" = 0 ] || cannot "patchelf is missing, and only root can install it."
  apt-get -qq update >&2
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install patchelf >/dev/null
fi

# An empty package database makes apt fetch the whole closure; the mirror is the one that apt uses already.
from_suite() {
  local suite=$1 work=$folder/.apt root=$folder/root
  local mirror
  mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/*.sources 2>/dev/null || true)
  [ -n "$mirror" ] || mirror=$(awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) { print $i; exit } }' \
    /etc/apt/sources.list 2>/dev/null || true)
  [ -n "$mirror" ] || fail "no Debian mirror is configured for apt."
  rm -rf "$work" "$root"
  mkdir -p "$work"/{lists,archives}/partial "$root"
  : >"$work/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"
  local apt=(-qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists"
    -o "Dir::State::status=$work/status" -o "Dir::Cache=$work" -o "Dir::Cache::archives=$work/archives"
    -o APT::Install-Recommends=0 -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
  apt-get "${apt[@]}" update >&2 || return 1
  say "unpacking llama.cpp of $suite"
  apt-get "${apt[@]}" -y --download-only install llama.cpp >/dev/null || return 1
  for package in "$work"/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
  rm -rf "$work"
}

mkdir -p "$folder/bin"
from_suite forky || from_suite sid || fail "neither forky nor sid gave llama.cpp."
libraries=$folder/root/usr/lib/x86_64-linux-gnu
server=$(readlink -f "$folder/root/usr/bin/llama-server")
# RPATH and no environment variable, so that nothing else inherits it; in the libraries too, because those with a path of their
# own do not ask the binary's. The backends, which the server loads at run time, are looked for beside it.
path="$libraries:$libraries/llama"
patchelf --set-interpreter "$libraries/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$path" "$server"
for library in "$libraries"/llama/*.so "$libraries"/libllama*.so.* "$libraries"/libmtmd*.so.* "$libraries"/libggml*.so.*; do
  [ -L "$library" ] || patchelf --force-rpath --set-rpath "$path" "$library"
done
for backend in "$libraries"/ggml/*/libggml-cpu-*.so; do ln -sf "$backend" "$(dirname "$server")/"; done
ln -sf "$server" "$folder/bin/llama-server"

say "installing mlx-lm and gguf"
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check 'mlx[cpu]' mlx-lm gguf safetensors >&2

say "trying them"
"$folder/bin/llama-server" --version >&2 || fail "the unpacked llama-server does not start."
"$folder/python/bin/python" -c 'import mlx_lm, gguf, safetensors' >&2 || fail "mlx-lm cannot be imported."
echo "$stamp" >"$folder/.stamp"
echo "$folder"
