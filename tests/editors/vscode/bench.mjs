// How long it takes from a key to ghost text on the page: 50 places that the model has not seen, one key each, told in
// milliseconds. Must hold: both ends are taken in the page; what takes longer than the patience of the tests is a failure.
//
//   node tests/editors/vscode/bench.mjs
import { LINES, START } from "./texts.mjs";
import { until, Workbench } from "./workbench.mjs";

const N = 50;
const word = (n) => `w${n.toString(36)}`;
// Each place is behind lines of its own, so that no suggestion of one fits another.
const places = Array.from({ length: N }, (_, n) => `${LINES.replaceAll("value", word(n))}${START.slice(0, -1).replace("value", word(n))}\n\n`);

const bench = await Workbench.start({ files: { "bench.py": places.join("") } });
try {
  const window = await bench.ready("bench.py");
  await window.page.evaluate(() => {
    window.lastKey = 0;
    window.shownAfter = undefined;
    document.addEventListener("keydown", () => ((window.lastKey = performance.now()), (window.shownAfter = undefined)), true);
    const look = () => {
      if (window.shownAfter !== undefined || !document.querySelector(".ghost-text-decoration, .ghost-text")) return;
      const key = window.lastKey;
      // The frame in which it is painted.
      requestAnimationFrame(() => (window.shownAfter ??= performance.now() - key));
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  await window.press("Control+Home");
  const times = [];
  const height = LINES.split("\n").length - 1;
  for (let n = 0; n < N; n++) {
    for (let line = 0; line < (n === 0 ? height : height + 2); line++) await window.press("ArrowDown");
    await window.press("End");
    await window.hidden();
    await window.type("p");
    times.push(await until("a suggestion", () => window.page.evaluate(() => window.shownAfter), 20_000).catch(() => Number.NaN));
    await window.press("Escape");
  }
  const shown = times.filter((time) => !Number.isNaN(time)).sort((a, b) => a - b);
  const at = (part) => shown[Math.min(shown.length - 1, Math.floor(shown.length * part))]?.toFixed(0);
  console.log(`key to ghost text on the page, ${shown.length} of ${N} places with a suggestion: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms`);
  if (shown.length < N / 2) process.exitCode = 1;
} finally {
  await bench.close();
}
