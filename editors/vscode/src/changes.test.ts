// What is drawn of next edits, and when the editor draws it itself.

import assert from "node:assert/strict";
import { test } from "node:test";
import { difference, drawn, isGhost, whereabouts } from "./changes";

test("the difference is what applying removes and adds", () => {
  const cases: [string, string][] = [["total", "amount"], ["a", "a"], ["aa", "aaa"], ["", "x\n"], ["f(a)", "f(a, b)"], ["x🦀", "x🐙"], ["🦀", "🦀🦀"]];
  for (const [old, text] of cases) {
    const { before, removed, added } = difference(old, text);
    assert.equal(old.slice(0, before) + added + old.slice(before + removed.length), text);
    for (const part of [removed, added]) assert.doesNotMatch(part, /^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/);
  }
  assert.deepEqual(difference("f(a)", "f(a, b)"), { before: 3, removed: "", added: ", b" });
});

test("the editor draws what is inserted at the cursor or behind it on its line", () => {
  const cursor = { line: 3, character: 4 };
  const inserted = { before: 0, removed: "", added: "x" };
  assert.ok(isGhost(inserted, cursor, cursor, 9));
  assert.ok(isGhost(inserted, { line: 3, character: 8 }, cursor, 9));
  assert.ok(!isGhost(inserted, { line: 3, character: 2 }, cursor, 9), "before the cursor");
  assert.ok(!isGhost(inserted, { line: 4, character: 8 }, cursor, 9), "on another line");
  assert.ok(!isGhost({ ...inserted, removed: "y" }, cursor, cursor, 9), "something is removed");
  assert.ok(!isGhost({ ...inserted, added: "x\ny" }, cursor, cursor, 9), "lines within a line");
  assert.ok(isGhost({ ...inserted, added: "x\ny" }, { line: 3, character: 9 }, cursor, 9));
});

test("new text is drawn on one line, and a place is named as the user counts", () => {
  assert.equal(drawn("a b\r\n\tc"), "a\u00a0b⏎\u00a0\u00a0\u00a0\u00a0c");
  assert.equal(drawn("x".repeat(200)).length, 121);
  assert.deepEqual([whereabouts(0, undefined), whereabouts(41, "b.py")], ["line 1", "b.py:42"]);
});
