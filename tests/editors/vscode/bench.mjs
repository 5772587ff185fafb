// How long it takes from a key to ghost text on the page, and where the time goes: 50 places that the model has not seen, one
// key each, told in milliseconds. Invariant: both ends are taken in the page; what takes longer than the patience of the tests
// is a failure; the parts of one place add up to its whole.
//
//   tests/editors/vscode/run --bench
import { setTimeout as pause } from "node:timers/promises";
import { watchPage } from "./timeline.mjs";
import { LINES, START } from "./texts.mjs";
import { until, Workbench } from "./workbench.mjs";

const N = 50;
/** A hand takes longer than this from the key that goes to a place to the letter there. */
const HAND_MS = 250;
const NAME = "bench.py";
const word = (n) => `w${n.toString(36)}`;
// Each place is behind lines of its own, so that no suggestion of one fits another.
const places = Array.from({ length: N }, (_, n) => `${LINES.replaceAll("value", word(n))}${START.slice(0, -1).replace("value", word(n))}\n\n`);
const height = LINES.split("\n").length - 1;
const lineOf = (n) => n * (height + 2) + height;

const bench = await Workbench.start({ files: { [NAME]: places.join("") }, beforePage: watchPage });
try {
  const window = await bench.ready(NAME);
  await window.press("Control+Home");
  const timelines = [];
  const traces = new Map();
  const remember = () => bench.traces().forEach((trace) => traces.set(trace.id, trace));
  for (let n = 0; n < N; n++) {
    for (let line = 0; line < (n === 0 ? height : height + 2); line++) await window.press("ArrowDown");
    await window.press("End");
    await window.hidden();
    await pause(HAND_MS);
    await window.page.evaluate(() => window.timeline.arm());
    await window.type("p");
    await until("a suggestion", () => window.page.evaluate(() => window.timeline.isShown()), 20_000).catch(() => {});
    timelines.push(await window.page.evaluate(() => window.timeline.taken()));
    remember();
    await window.press("Escape");
  }
  const answered = (n) => [...traces.values()].filter((trace) => trace.document === NAME && trace.line === lineOf(n)).at(-1);
  await until("the server's records", () => (remember(), answered(N - 1)));
  report(timelines.map((timeline, n) => ({ ...timeline, trace: answered(n) })).filter(({ shown, trace }) => shown && trace));
} finally {
  await bench.close();
}

/** The parts of one place's time, in the order in which they pass. */
function parts({ key, sent, got, changed, shown, trace }) {
  const received = Math.max(key, trace.time);
  const sentBy = (time) => sent.filter((at) => at <= time).at(-1) ?? key;
  const asked = sentBy(received + 1);
  const answered = received + trace.times.total / 1000;
  const arrived = got.filter((at) => at <= changed).at(-1) ?? changed;
  return {
    "key to the page's question (50 of it the editor waits by design)": asked - key,
    "question to the server, through the editor's extension host": received - asked,
    "server": answered - received,
    "answer to the page, through the extension host": arrived - answered,
    "page: answer to ghost text in its document": changed - arrived,
    "page: until that frame is painted": shown - changed,
    "key to ghost text on the page": shown - key,
  };
}

function report(measured) {
  const rows = measured.map(parts);
  const line = (name, times, digits = 0) => {
    const sorted = [...times].sort((a, b) => a - b);
    const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]?.toFixed(digits);
    console.log(`${name}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms`);
  };
  for (const name of Object.keys(rows[0] ?? {})) line(name, rows.map((row) => row[name]), name.startsWith("key to ghost") ? 0 : 1);
  for (const step of ["queue", "parse", "plan", "tokenize", "prefill", "decode", "finish"]) {
    line(`  in the server, ${step}`, measured.map(({ trace }) => trace.times[step] / 1000), 1);
  }
  const mean = (key) => (measured.reduce((sum, { trace }) => sum + trace.tokens[key], 0) / measured.length).toFixed(1);
  console.log(`  tokens: ${mean("prompt")} in the prompt, ${mean("reused")} reused, ${mean("prefilled")} read, ${mean("decoded")} produced`);
  console.log(`${rows.length} of ${N} places with a suggestion`);
  if (rows.length < N / 2) process.exitCode = 1;
}
