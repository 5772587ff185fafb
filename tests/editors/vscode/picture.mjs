// The pictures of VS Code in the READMEs and docs/: a suggestion in a file of the fixtures, and a next edit. Invariant: what is in one
// was on the page, with the default settings of Fimble and the bundled model.
//
//   tests/editors/vscode/run --picture [suggestion] [next-edit]
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, until, Workbench } from "./workbench.mjs";

const SETTINGS = {
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
};

/** Opens a file, calls `act` with its window, and takes the picture. `height`: one at which no line is cut off. */
async function picture(file, name, text, settings, height, act) {
  const screen = { viewport: { width: 860, height }, deviceScaleFactor: 1.5 };
  const bench = await Workbench.start({ files: { [name]: text }, settings: { ...SETTINGS, ...settings }, screen });
  try {
    const window = await bench.ready(name);
    await window.press("Control+b");
    await act(window);
    const path = join(ROOT, "docs/pictures", file);
    mkdirSync(join(ROOT, "docs/pictures"), { recursive: true });
    // Under the pointer a suggestion shows its toolbar.
    await window.page.mouse.move(0, 0);
    await window.page.screenshot({ path });
    console.log(path);
  } finally {
    await bench.close();
  }
}

async function suggestion() {
  const name = "orders.go";
  const source = readFileSync(join(ROOT, "fixtures/eval/depot-go", name), "utf8");
  // The last function is typed anew from here on.
  const text = source.slice(0, source.lastIndexOf("\n\tfor _, pick := range picks"));
  await picture("vscode.png", name, text, {}, 470, async (window) => {
    await window.press("Enter");
    await window.type("for _, pick ");
    await window.shown();
    await window.press("Tab");
    await window.hidden();
    await window.press("Enter");
    await window.type("shelf, e");
    await window.shown();
  });
}

const INVOICE = `def invoice(order, rate):
    total = sum(item.price * item.count for item in order.items)
    if order.is_large:
        total -= order.discount
    tax = total * rate
    return Invoice(order.customer, total + tax)
`;

async function nextEdit() {
  const settings = { "fimble.experimental.nextEdit": true };
  await picture("vscode-next-edit.png", "invoice.py", INVOICE, settings, 260, async (window) => {
    for (const key of ["Control+Home", "ArrowDown", "Home", "Control+Shift+ArrowRight"]) await window.press(key);
    await window.type("net");
    await window.press("Escape");
    await until("the next edit", async () => (await window.statusText())?.includes("⇥ line"));
  });
}

const makers = { suggestion, "next-edit": nextEdit };
const names = process.argv.slice(2);
for (const name of names.length > 0 ? names : Object.keys(makers)) await makers[name]();
