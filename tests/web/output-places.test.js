import assert from "node:assert/strict";
import { test } from "node:test";

import { isCut, joint, leftOut } from "../../web/scripts/output/places.js";

const line = (size) => `[${size.toLocaleString("en")} bytes of output are left out here]\n`;

test("a text says how many bytes are missing in it", () => {
  assert.equal(leftOut("a\nb\n"), 0);
  assert.equal(leftOut(`a\n${line(4711)}b\n`), 4711 - line(4711).length);
  assert.equal(leftOut(line(100) + line(1_000_000)), 1_000_100 - line(100).length - line(1_000_000).length);
});

test("a text is cut where more is kept for later", () => {
  assert.ok(isCut("a\n[More output than is kept: its end follows when the attempt has ended]\n"));
  assert.ok(!isCut("a\n"));
});

test("an event goes on where the text ends, or in part, or is known", () => {
  assert.equal(joint({ offset: 10, content: "abc" }, 3, 10), 0);
  assert.equal(joint({ offset: 8, content: "abc" }, 3, 10), 2);
  assert.equal(joint({ offset: 7, content: "abc" }, 3, 10), "skip");
  assert.equal(joint({ offset: 11, content: "abc" }, 3, 10), "gap");
});

test("without an offset, or where the text has no known end, it is read again", () => {
  assert.equal(joint({ content: "abc" }, 3, 10), "gap");
  assert.equal(joint({ offset: 10, content: "abc" }, 3, null), "gap");
});

test("what an event says is missing is no gap", () => {
  const content = `${line(500)}abc\n`;
  const told = 500 - line(500).length;
  assert.equal(joint({ offset: 10 + told, content }, content.length, 10), 0);
  assert.equal(joint({ offset: 11 + told, content }, content.length, 10), "gap");
});
