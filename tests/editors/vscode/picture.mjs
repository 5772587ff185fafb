// The picture of VS Code in the READMEs: a suggestion in a file of the fixtures. Invariant: what is in it was on
// the page, with the default settings of Fimble and the bundled model.
//
//   tests/editors/vscode/run --picture
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, Workbench } from "./workbench.mjs";

const NAME = "orders.go";
// The last function is typed anew from here on.
const REST = "\n\tfor _, pick := range picks";

const source = readFileSync(join(ROOT, "fixtures/eval/depot-go", NAME), "utf8");
const bench = await Workbench.start({
  files: { [NAME]: source.slice(0, source.lastIndexOf(REST)) },
  settings: {
    "fimble.minConfidence": undefined,
    "workbench.colorTheme": "Default Dark Modern",
    "workbench.activityBar.location": "hidden",
    "workbench.layoutControl.enabled": false,
    "window.commandCenter": false,
    "breadcrumbs.enabled": false,
    "editor.stickyScroll.enabled": false,
    "editor.bracketPairColorization.enabled": false,
    "editor.scrollbar.vertical": "hidden",
    "editor.overviewRulerBorder": false,
    "editor.hideCursorInOverviewRuler": true,
    "editor.autoClosingBrackets": "never",
    "editor.fontSize": 14,
  },
  // A height at which no line is cut off.
  screen: { viewport: { width: 860, height: 470 }, deviceScaleFactor: 1.5 },
});
try {
  const window = await bench.ready(NAME);
  await window.press("Control+b");
  await window.press("Enter");
  await window.type("for _, pick ");
  await window.shown();
  await window.press("Tab");
  await window.hidden();
  await window.press("Enter");
  await window.type("shelf, e");
  await window.shown();
  const path = join(ROOT, "docs/pictures/vscode.png");
  mkdirSync(join(ROOT, "docs/pictures"), { recursive: true });
  // Under the pointer a suggestion shows its toolbar.
  await window.page.mouse.move(0, 0);
  await window.page.screenshot({ path });
  console.log(path);
} finally {
  await bench.close();
}
