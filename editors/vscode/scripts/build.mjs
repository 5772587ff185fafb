// Bundles the extension into dist/extension.js. Invariant: the editor's own module stays outside, everything else goes in.
import { build } from "esbuild";

await build({
  entryPoints: ["src/extension.ts"],
  outfile: "dist/extension.js",
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  external: ["vscode"],
  minify: true,
  legalComments: "linked",
  logLevel: "warning",
});
