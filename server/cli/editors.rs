//! What an editor needs to be told, printed by `fimble doctor --print-config`. Must hold: what is printed works as it
//! stands when pasted; it names this very binary, so that it need not be on the PATH.

use std::fmt::Write as _;

use clap::ValueEnum;

/// Editors whose configuration can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Editor {
    /// Visual Studio Code and what is built on it.
    Vscode,
    /// Neovim 0.12 or newer.
    Neovim,
    /// Helix.
    Helix,
    /// Any editor: the settings as a JSON Schema.
    Schema,
}

/// The part of the editor's configuration, `command` being the path of the binary.
pub fn configuration(editor: Editor, command: &str) -> String {
    match editor {
        Editor::Vscode => vscode(command),
        Editor::Neovim => neovim(command),
        Editor::Helix => helix(command),
        Editor::Schema => format!("{:#}\n", fimble_lsp::settings_schema()),
    }
}

/// A quoted string that JSON, JavaScript, TOML and Lua all read alike.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

fn neovim(command: &str) -> String {
    format!(
        r#"-- Neovim 0.12 or newer: add this to init.lua.
vim.lsp.config("fimble", {{ cmd = {{ {command}, "lsp" }}, root_markers = {{ ".git" }} }})
vim.lsp.enable("fimble")
vim.lsp.inline_completion.enable()
vim.keymap.set("i", "<Tab>", function()
  if not vim.lsp.inline_completion.get() then return "<Tab>" end
end, {{ expr = true, desc = "Accept the suggestion, or insert a tab" }})
vim.api.nvim_create_user_command("FimbleWhy", function()
  local client = vim.lsp.get_clients({{ name = "fimble" }})[1]
  if not client then return vim.notify("fimble is not attached") end
  client:request("workspace/executeCommand", {{ command = "fimble.why" }}, function(_, why)
    vim.notify(why and why.text or "no request yet")
  end)
end, {{}})
"#,
        command = quoted(command)
    )
}

/// Languages as Helix names them, with the servers it runs for them by default: an entry replaces that list, so it has to
/// be repeated.
const HELIX_LANGUAGES: &[(&str, &[&str])] = &[
    ("rust", &["rust-analyzer"]),
    ("python", &["ty", "ruff", "jedi", "pylsp", "zuban"]),
    ("javascript", &["typescript-language-server"]),
    ("jsx", &["typescript-language-server"]),
    ("typescript", &["typescript-language-server"]),
    ("tsx", &["typescript-language-server"]),
    ("go", &["gopls", "golangci-lint-lsp"]),
    ("c", &["clangd"]),
    ("cpp", &["clangd"]),
    ("java", &["jdtls"]),
    ("c-sharp", &["roslyn-language-server", "omnisharp", "csharp-ls"]),
    ("ruby", &["ruby-lsp", "solargraph"]),
    ("php", &["intelephense"]),
    ("bash", &["bash-language-server"]),
    ("lua", &["lua-language-server"]),
    ("json", &["vscode-json-language-server"]),
    ("toml", &["taplo", "tombi"]),
    ("yaml", &["yaml-language-server", "ansible-language-server"]),
    ("html", &["vscode-html-language-server", "superhtml"]),
    ("css", &["vscode-css-language-server"]),
    ("markdown", &["marksman", "markdown-oxide", "rumdl"]),
];

fn helix(command: &str) -> String {
    let mut out = format!(
        "# Helix: add this to languages.toml in the configuration folder (`hx --health` names it).\n\
         # Suggestions are items of the completion menu; moving to one shows it in the text.\n\
         [language-server.fimble]\ncommand = {}\nargs = [\"lsp\"]\n",
        quoted(command)
    );
    for (language, servers) in HELIX_LANGUAGES {
        let mut list: Vec<String> = servers.iter().map(|server| quoted(server)).collect();
        list.push("{ name = \"fimble\", only-features = [\"completion\", \"code-action\"] }".to_owned());
        let _ =
            write!(out, "\n[[language]]\nname = \"{language}\"\nlanguage-servers = [{}]\n", list.join(", "));
    }
    out
}

/// A script that installs a whole extension: VS Code has no generic language-server client of its own. It is packed first,
/// because an editor that has started once before does not look at folders that are put beside its extensions.
fn vscode(command: &str) -> String {
    format!(
        r#"# VS Code: run these lines in a shell, then restart the editor. They pack a small extension without dependencies and
# install it. For a relative of VS Code set VSCODE to its command, such as codium.
(
set -e
folder=$(mktemp -d)
mkdir "$folder/extension"
cat > "$folder/extension/package.json" <<'FIMBLE'
{manifest}FIMBLE
cat > "$folder/extension/extension.js" <<'FIMBLE'
"use strict";
const FIMBLE = {command};
{extension}FIMBLE
cd "$folder"
zip -qr fimble.vsix extension 2>/dev/null || python3 -m zipfile -c fimble.vsix extension 2>/dev/null || {{
  echo "Packing the extension needs zip or python3: install one of them and run this again." >&2
  exit 1
}}
"${{VSCODE:-code}}" --install-extension "$folder/fimble.vsix" --force || {{
  echo "Choose 'Install from VSIX...' in the editor's Extensions view: $folder/fimble.vsix" >&2
  exit 1
}}
rm -r "$folder"
)
"#,
        manifest = include_str!("../../editors/vscode/package.json"),
        extension = include_str!("../../editors/vscode/extension.js"),
        command = quoted(command),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_configuration_names_the_binary_with_its_odd_characters_escaped() {
        for editor in [Editor::Vscode, Editor::Neovim, Editor::Helix] {
            let text = configuration(editor, r#"C:\odd "path"\fimble"#);
            assert!(text.contains(r#""C:\\odd \"path\"\\fimble""#), "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_script_for_vs_code_hands_the_editor_a_package_with_the_extension() {
        use std::io::Write as _;
        use std::process::{Command, Stdio};

        let folder = tempfile::tempdir().unwrap();
        let editor = folder.path().join("editor");
        // Stands in for the editor's command: keeps the package that it is to install, and what was packed.
        let installs =
            "[ \"$1 $3\" = '--install-extension --force' ] && cp -r \"$(dirname \"$2\")\" \"$KEEP\"\n";
        std::fs::write(&editor, installs).unwrap();
        let kept = folder.path().join("kept");
        let mut shell = Command::new("sh")
            .env("VSCODE", "sh_editor")
            .env("KEEP", &kept)
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A function of the shell, so that no file has to be executable.
        let script = format!(
            "sh_editor() {{ sh '{}' \"$@\"; }}\n{}",
            editor.display(),
            configuration(Editor::Vscode, "/odd $path/'fimble'")
        );
        shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = shell.wait_with_output().unwrap();
        let messages = String::from_utf8_lossy(&output.stderr);
        if messages.contains("needs zip or python3") {
            assert!(!output.status.success());
            return;
        }
        assert!(output.status.success(), "{messages}");
        let package = std::fs::read(kept.join("fimble.vsix")).unwrap();
        for name in ["extension/package.json", "extension/extension.js"] {
            assert!(package.windows(name.len()).any(|part| part == name.as_bytes()), "{name}");
        }
        let script = std::fs::read_to_string(kept.join("extension/extension.js")).unwrap();
        assert!(script.starts_with("\"use strict\";\nconst FIMBLE = \"/odd $path/'fimble'\";\n"), "{script}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
    }
}
