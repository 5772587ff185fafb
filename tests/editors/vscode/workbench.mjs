// VS Code's workbench in a browser, with the packed extension: started for one test, driven by keys, read from the page and from
// the disk. Invariant: every wait is for a condition; a test has folders, settings and a server of its own; nothing that is
// started outlives it.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
export const EDITORS = process.env.FIMBLE_EDITORS || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "fimble-editors");
export const PICTURES = join(ROOT, "target/editors");
export const BINARY = process.env.FIMBLE || join(ROOT, "target/release/fimble");
/** What plays recorded sessions. */
export const BENCH = process.env.FIMBLE_BENCH || join(ROOT, "target/release/fimble-bench");
const CODE_SERVER = join(EDITORS, "node_modules/code-server/out/node/entry.js");
export const RUNTIME_HOME = process.env.FIMBLE_HOME || join(process.env.XDG_DATA_HOME || join(homedir(), ".local/share"), "fimble");
const { chromium } = createRequire(join(EDITORS, "package.json"))("playwright-core");

/** Far beyond what anything takes, on a machine that does other things too. */
export const PATIENCE = Number(process.env.FIMBLE_PATIENCE) || 120_000;

/** Each test's package is the same; installing it takes a second. */
const PACKAGE = process.env.FIMBLE_VSIX || join(PICTURES, "fimble-linux-x64.vsix");

/** What keeps the workbench quiet; the suggestions are shown however sure the model is. */
const SETTINGS = {
  "chat.disableAIFeatures": true,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "telemetry.telemetryLevel": "off",
  "extensions.autoUpdate": false,
  "extensions.autoCheckUpdates": false,
  "git.enabled": false,
  "security.workspace.trust.enabled": false,
  "editor.quickSuggestions": { other: "off", comments: "off", strings: "off" },
  "editor.suggestOnTriggerCharacters": false,
  "editor.wordBasedSuggestions": "off",
  "editor.minimap.enabled": false,
  "editor.accessibilitySupport": "off",
  "files.autoSave": "off",
  "fimble.minConfidence": 0,
  // Who has named a model is offered none.
  "fimble.model": "bundled",
};

/** What the editor does but has no key for. */
const KEYS = [{ key: "ctrl+alt+l", command: "editor.action.inlineSuggest.acceptNextLine", when: "inlineSuggestionVisible" }];

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** Waits until `read` gives something true, and returns it. */
export async function until(what, read, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const value = await read();
    if (value) return value;
    if (Date.now() > end) throw new Error(`this did not come: ${what}`);
    await pause(20);
  }
}

function freePort() {
  return new Promise((settle, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => settle(port));
    });
  });
}

export class Workbench {
  /**
   * Starts one. `files`: names and texts of the folder that is opened; `settings`: the user's; `workspace`: the folder's own;
   * `environment`: of the editor and so of our server; `beforePage`: prepares the page before the editor is in it;
   * `screen`: options of the browser.
   */
  static async start({ files = {}, settings = {}, workspace, environment = {}, withRuntime = true, beforePage, screen = {} } = {}) {
    const bench = new Workbench();
    try {
      await bench.#start(files, settings, workspace, environment, withRuntime, screen);
      await beforePage?.(bench.page);
    } catch (error) {
      await bench.close();
      throw error;
    }
    return bench;
  }

  async #start(files, settings, workspace, environment, withRuntime, screen) {
    this.base = mkdtempSync(join(tmpdir(), "fimble-vscode-"));
    for (const name of ["home", "user/User", "user/Machine", "extensions", "folder", "fimble/state"]) mkdirSync(join(this.base, name), { recursive: true });
    this.folder = join(this.base, "folder");
    for (const [name, text] of Object.entries(files)) this.write(name, text);
    if (workspace) this.write(".vscode/settings.json", JSON.stringify(workspace));
    writeFileSync(join(this.base, "user/User/keybindings.json"), JSON.stringify(KEYS));
    this.set(settings);
    this.environment = {
      PATH: process.env.PATH,
      LANG: "C.UTF-8",
      HOME: join(this.base, "home"),
      EXTENSIONS_GALLERY: '{"serviceUrl":""}',
      FIMBLE_HOME: join(this.base, "fimble"),
      ...(withRuntime ? { FIMBLE_ONNXRUNTIME: runtime() } : {}),
      ...environment,
    };
    const installed = this.#codeServer("--install-extension", PACKAGE, "--force");
    if (installed.status !== 0) throw new Error(`the extension was not installed: ${installed.stdout}${installed.stderr}`);
    this.port = await freePort();
    this.log = "";
    this.process = spawn(join(EDITORS, "bin/node"), [
      CODE_SERVER, ...this.#folders(), "--bind-addr", `127.0.0.1:${this.port}`, "--auth", "none", "--disable-telemetry",
      "--disable-update-check", "--disable-workspace-trust", "--disable-getting-started-override", "--disable-proxy",
      "--ignore-last-opened",
    ], { env: this.environment, stdio: ["ignore", "pipe", "pipe"] });
    running.add(this.process);
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on("data", (data) => (this.log += data));
    await until("the workbench's server", () => fetch(`http://127.0.0.1:${this.port}/healthz`).then(() => true, () => false));
    this.context = await chromium.launchPersistentContext(join(this.base, "browser"), {
      executablePath: process.env.FIMBLE_CHROMIUM || "/usr/bin/chromium",
      headless: true,
      viewport: { width: 1000, height: 640 },
      ...screen,
      args: [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
      ],
    });
    this.context.setDefaultTimeout(PATIENCE);
    this.context.setDefaultNavigationTimeout(PATIENCE);
    this.page = this.context.pages()[0];
  }

  #folders() {
    return [
      "--config", join(this.base, "code-server.yaml"), "--user-data-dir", join(this.base, "user"),
      "--extensions-dir", join(this.base, "extensions"),
    ];
  }

  /** Runs the editor's command line. */
  #codeServer(...args) {
    return spawnSync(join(EDITORS, "bin/node"), [CODE_SERVER, ...this.#folders(), ...args], { env: this.environment, encoding: "utf8" });
  }

  install(file) {
    return this.#codeServer("--install-extension", file, "--force");
  }

  /**
   * Writes the user's settings. What belongs to a machine is read beside the files, not from the user's. Each file is there
   * as a whole at any time: the editor would follow an empty one.
   */
  set(settings) {
    for (const place of ["User", "Machine"]) {
      const file = join(this.base, "user", place, "settings.json");
      writeFileSync(`${file}.new`, JSON.stringify({ ...SETTINGS, ...settings }));
      renameSync(`${file}.new`, file);
    }
  }

  /** What stands in the settings of the user and of the machine. */
  settings() {
    const read = (place) => JSON.parse(readFileSync(join(this.base, "user", place, "settings.json"), "utf8"));
    return { ...read("User"), ...read("Machine") };
  }

  path(name) {
    return join(this.folder, name);
  }

  write(name, text) {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  read(name) {
    return readFileSync(this.path(name), "utf8");
  }

  /** Opens a file of the folder in a page, and waits until it can be typed into. */
  async open(name, page = this.page) {
    const file = `vscode-remote://127.0.0.1:${this.port}${this.path(name)}`;
    const payload = encodeURIComponent(JSON.stringify([["openFile", file]]));
    await page.goto(`http://127.0.0.1:${this.port}/?folder=${encodeURIComponent(this.folder)}&payload=${payload}`);
    await page.locator(".monaco-editor .view-line").first().waitFor();
    return new Window(this, page, name);
  }

  /** The same, with the server ready and the cursor behind the last character. */
  async ready(name) {
    const window = await this.open(name);
    await window.status("zap");
    await window.toEnd();
    return window;
  }

  /** Another window of the same editor. */
  async openAnother(name) {
    return this.open(name, await this.context.newPage());
  }

  /** What the server traced of its requests, oldest first. */
  traces() {
    const file = join(this.base, "fimble/state/requests.json");
    return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).traces : [];
  }

  /** The server's processes. */
  servers() {
    const found = spawnSync("pgrep", ["-f", `${this.base}/extensions/.*/server/fimble lsp`], { encoding: "utf8" });
    return found.stdout.split("\n").filter(Boolean).map(Number);
  }

  async close() {
    await this.context?.close().catch(() => {});
    if (this.process && this.process.exitCode === null) {
      const gone = new Promise((settle) => this.process.once("exit", settle));
      this.process.kill();
      await gone;
    }
    running.delete(this.process);
    // What ends may still write.
    if (this.base) rmSync(this.base, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

function runtime() {
  if (process.env.FIMBLE_ONNXRUNTIME) return process.env.FIMBLE_ONNXRUNTIME;
  const found = spawnSync("find", [join(RUNTIME_HOME, "runtime"), "-name", "libonnxruntime.so*", "-type", "f"], { encoding: "utf8" });
  const library = found.stdout.split("\n").find(Boolean);
  if (!library) throw new Error(`There is no ONNX Runtime in ${RUNTIME_HOME}: fimble setup installs it.`);
  return library;
}

/** One window of the workbench. */
export class Window {
  constructor(bench, page, name) {
    this.bench = bench;
    this.page = page;
    this.name = name;
  }

  /** Waits until the status bar's item has this icon. */
  async status(icon) {
    await this.page.locator(`.statusbar-item[id="fimble.fimble.fimble.status"] .codicon-${icon}`).first().waitFor({ state: "attached" });
  }

  async statusText() {
    return this.page.locator('.statusbar-item[id="fimble.fimble.fimble.status"] a').first().getAttribute("aria-label");
  }

  /** Where the cursor is, as the status bar says it. */
  async cursor() {
    return (await this.page.locator('[id="status.editor.selection"] a').first().textContent()) ?? "";
  }

  /** Puts the cursor behind the last character. */
  async toEnd() {
    await this.page.locator(".monaco-editor .view-lines").first().click();
    // Keys go where the focus is.
    await this.page.locator(".monaco-editor.focused .view-lines").first().waitFor();
    await this.press("Control+End");
  }

  /** Takes a row of the list that is open at the top, which `key` opens again where something else has closed it. */
  async pick(label, key) {
    await this.#take(label, label, key);
    // A list that closes still has the focus.
    await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
  }

  /** Writes into the list and takes the row, by the keyboard: under the mouse rows move while the list opens. */
  async #take(written, label, key) {
    const widget = this.page.locator(".quick-input-widget");
    const row = widget.locator(".monaco-list-row.focused", { hasText: label });
    // One list may come behind another one, which takes what is written until it has closed.
    await until(`the row "${label}"`, async () => {
      if (key && !(await widget.isVisible())) await this.press(key);
      const soon = { timeout: 1000 };
      return widget.locator("input").first().fill(written, soon).then(() => row.waitFor(soon)).then(() => true, () => false);
    });
    await this.press("Enter");
  }

  /** Goes on with another file of the folder, with the cursor behind its last character. */
  async edit(name) {
    await this.press("Escape");
    await this.pick(name, "Control+p");
    await this.page.locator(".tab.active", { hasText: name }).waitFor();
    this.name = name;
    await this.toEnd();
  }

  async type(text) {
    await this.page.keyboard.type(text);
  }

  async press(key) {
    await this.page.keyboard.press(key);
  }

  /** The suggestion as it is on the page, its lines apart; empty if there is none. */
  async ghost() {
    return this.page.evaluate(() => {
      const plain = (node) => (node.textContent ?? "").replaceAll("\u00a0", " ").replaceAll("\u200b", "");
      const first = [...document.querySelectorAll(".view-line .ghost-text-decoration, .view-line .ghost-text-decoration-preview")].map(plain);
      const further = [...document.querySelectorAll(".suggest-preview-text .view-line, .suggest-preview-text .ghost-text")].map(plain);
      return first.length + further.length ? [first.join(""), ...further].join("\n") : "";
    });
  }

  /** Waits for a suggestion and returns it as it is once nothing moves any more. */
  async shown() {
    let last;
    return until("a suggestion on the page", async () => {
      const now = await this.ghost();
      const isStill = now && now === last;
      last = now;
      return isStill && now;
    });
  }

  /** Waits until there is none. */
  async hidden() {
    await until("no suggestion on the page", async () => !(await this.ghost()));
  }

  /** Saves and returns what is on disk then. */
  async saved() {
    await this.press("Control+s");
    await until("the file saved", async () => (await this.page.locator(".tab.active.dirty").count()) === 0);
    return this.bench.read(this.name);
  }

  /** Runs a command by its title. */
  async command(title) {
    await this.#take(`>${title}`, title, "F1");
  }

  /** Waits for a message that holds this text, on the screen or in the list that keeps what left it. */
  async message(text) {
    const found = this.page.locator(".notification-list-item", { hasText: text }).first();
    // Beside three that stay the editor shows no other.
    const late = Date.now() + 5000;
    const isThere = async () => {
      if (await found.isVisible()) return true;
      if ((await this.messages()) === 0 || Date.now() > late) await this.#listMessages();
      return false;
    };
    await until(`the message "${text}"`, isThere).catch(async (error) => {
      const others = await this.page.locator(".notification-list-item").allInnerTexts();
      throw new Error(`${error.message}; the status bar says ${await this.statusText()}, and the messages are ${JSON.stringify(others)}`);
    });
    return found.innerText();
  }

  /** How many messages with this text are on the screen. Errors with buttons stay there. */
  async messages(text = "") {
    return this.page.locator(".notification-list-item:visible", { hasText: text }).count();
  }

  /** The texts of all messages of ours on the screen. The editor has its own, such as that it activates extensions. */
  async ourMessages() {
    return this.page.locator(".notification-list-item:visible", { hasText: "Fimble" }).allInnerTexts();
  }

  /** Presses a button of the message that holds this text, by the keyboard: a tip may lie over it. */
  async answer(text, button) {
    const item = this.page.locator(".notification-list-item:visible", { hasText: text });
    const found = item.getByText(button, { exact: true });
    await found.focus();
    await found.press("Enter");
  }

  /** Opens the list if there are messages in it that nobody has seen. */
  async #listMessages() {
    const bell = this.page.locator('[id="status.notifications"]');
    if ((await bell.locator(".codicon-bell-dot").count()) === 0) return;
    await bell.click();
    // What the pointer rests on tells what it is, over what stands beside it.
    await this.page.mouse.move(0, 0);
  }

  async picture(name) {
    mkdirSync(PICTURES, { recursive: true });
    await this.page.screenshot({ path: join(PICTURES, `vscode-${name}.png`) });
  }
}
