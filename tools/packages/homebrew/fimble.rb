# The formula as tools/packages/homebrew.py fills it: @NAMES@ stand for what a release knows. Not run where it was written: there is
# no Homebrew there.
class Fimble < Formula
  desc "@SUMMARY@"
  homepage "@REPOSITORY@"
  version "@VERSION@"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    on_arm do
      url "@URL aarch64-apple-darwin@"
      sha256 "@SHA256 aarch64-apple-darwin@"
    end
    on_intel do
      url "@URL x86_64-apple-darwin@"
      sha256 "@SHA256 x86_64-apple-darwin@"
    end
  end

  on_linux do
    on_arm do
      url "@URL aarch64-unknown-linux-gnu@"
      sha256 "@SHA256 aarch64-unknown-linux-gnu@"
    end
    on_intel do
      url "@URL x86_64-unknown-linux-gnu@"
      sha256 "@SHA256 x86_64-unknown-linux-gnu@"
    end
  end

  def install
    bin.install "fimble"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/fimble.bash" => "fimble"
    zsh_completion.install "completions/_fimble"
    fish_completion.install "completions/fimble.fish"
    doc.install "README.md", "PRIVACY.md", "THIRD-PARTY.md"
  end

  def caveats
    <<~TEXT
      `fimble setup` installs ONNX Runtime and a model for daily use.
    TEXT
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/fimble --version")
    assert_match "ONNX Runtime", shell_output("#{bin}/fimble setup --help")
  end
end
