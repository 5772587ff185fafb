# `nix run github:fimble/fimble`, `nix profile install`, and `nix develop` for a shell with what the README asks for.
# Not run where it was written: there is no Nix there, and therefore no flake.lock yet. `nix flake lock` makes one.
{
  description = "A language server that completes code with a small model on your own machine";

  # Rust 1.92 or newer is needed.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      forEachSystem = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      manifest = nixpkgs.lib.importTOML ./Cargo.toml;
      library = pkgs: "libonnxruntime${pkgs.stdenv.hostPlatform.extensions.sharedLibrary}";
    in
    {
      packages = forEachSystem (pkgs: {
        default = pkgs.rustPlatform.buildRustPackage {
          pname = "fimble";
          inherit (manifest.workspace.package) version;
          src = self;
          cargoLock.lockFile = ./Cargo.lock;
          cargoBuildFlags = [
            "--package=fimble"
            "--package=fimble-tools"
            "--bin=fimble"
            "--bin=fimble-pages"
          ];
          nativeBuildInputs = [
            pkgs.installShellFiles
            pkgs.makeBinaryWrapper
          ];
          # The tests fetch a runtime, which a build must not.
          doCheck = false;
          # The runtime of nixpkgs is the default, so that `fimble setup` needs neither pip nor npm.
          postInstall = ''
            $out/bin/fimble-pages pages
            rm $out/bin/fimble-pages
            installManPage pages/man/*.1
            installShellCompletion --cmd fimble \
              --bash pages/completions/fimble.bash \
              --zsh pages/completions/_fimble \
              --fish pages/completions/fimble.fish
            wrapProgram $out/bin/fimble \
              --set-default FIMBLE_ONNXRUNTIME ${pkgs.lib.getLib pkgs.onnxruntime}/lib/${library pkgs}
          '';
          meta = {
            inherit (manifest.package) description;
            homepage = manifest.workspace.package.repository;
            license = [
              pkgs.lib.licenses.mit
              pkgs.lib.licenses.asl20
            ];
            mainProgram = "fimble";
            platforms = systems;
          };
        };
      });

      devShells = forEachSystem (pkgs: {
        default = pkgs.mkShell {
          packages = [
            pkgs.cargo
            pkgs.clippy
            pkgs.nodejs
            pkgs.python3
            pkgs.rustc
            pkgs.rustfmt
          ];
          FIMBLE_ONNXRUNTIME = "${pkgs.lib.getLib pkgs.onnxruntime}/lib/${library pkgs}";
        };
      });

      formatter = forEachSystem (pkgs: pkgs.nixfmt-rfc-style);
    };
}
