//! The configuration of an editor, printed by `fimble doctor --print-config`. Invariant: the output works as it is when pasted;
//! it names the path of this binary, so that it need not be on the PATH.

use std::fmt::Write as _;

use clap::ValueEnum;

/// Editors whose configuration can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Editor {
    /// Visual Studio Code and what is built on it.
    Vscode,
    /// Neovim 0.10 or newer.
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
        "-- Neovim 0.10 or newer. `fimble setup --editor neovim` writes the plugin.\n\
         require(\"fimble\").setup {{ cmd = {{ {}, \"lsp\" }}, keys = true }}\n",
        quoted(command)
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
    ("kotlin", &["kotlin-language-server"]),
    ("swift", &["sourcekit-lsp"]),
    ("scala", &["metals"]),
    ("dart", &["dart"]),
    ("sql", &[]),
    ("dockerfile", &["docker-langserver", "docker-language-server"]),
    ("make", &[]),
    ("hcl", &["terraform-ls"]),
    ("tfvars", &["terraform-ls"]),
    ("protobuf", &["buf", "pbkit", "protols"]),
    ("vue", &["vuels"]),
    ("svelte", &["svelteserver"]),
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

/// VS Code has no generic language-server client of its own: there is an extension, and it carries the server.
fn vscode(command: &str) -> String {
    format!(
        r#"VS Code: install the extension's package for your platform. It carries the server, and nothing has to be configured.

  code --install-extension fimble-{target}.vsix

or choose 'Install from VSIX...' in the Extensions view. The package is made in editors/vscode of Fimble's sources:

  npm ci && npm run package -- --target {target}

To use this very binary instead of the one in the package, put into settings.json:

  "fimble.server.path": {command}
"#,
        target = vscode_target(),
        command = quoted(command),
    )
}

/// This platform as VS Code names it.
fn vscode_target() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{system}-{processor}")
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
}
