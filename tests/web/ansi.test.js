import assert from "node:assert/strict";
import { test } from "node:test";

import { PLAIN, spansOf, styleAfter, styled, visibleLine } from "../../web/scripts/text/ansi.js";
import { readable } from "../../web/scripts/text/foreign-text.js";

const spans = (line, style) => spansOf(line, style).spans.map(({ text, look }) => [text, look]);

test("colours and other looks become classes", () => {
  assert.deepEqual(spans("plain"), [["plain", ""]]);
  assert.deepEqual(spans("\x1b[1;31merror:\x1b[0m no"), [
    ["error:", "fg-1 bold"],
    [" no", ""],
  ]);
  assert.deepEqual(spans("\x1b[41;97m FAIL \x1b[49;39m a"), [
    [" FAIL ", "fg-15 bg-1"],
    [" a", ""],
  ]);
  assert.deepEqual(spans("\x1b[2mf\x1b[22;3mi\x1b[23;4mu\x1b[24;9ms\x1b[29;7mr\x1b[mp"), [
    ["f", "faint"],
    ["i", "italic"],
    ["u", "underline"],
    ["s", "struck"],
    ["r", "inverse"],
    ["p", ""],
  ]);
});

test("a colour of many becomes the one of the sixteen next to it", () => {
  for (const [parameters, fg] of [
    ["38;5;9", 9],
    ["38;5;196", 9],
    ["38;5;232", 0],
    ["38;5;255", 7],
    ["38;2;250;5;5", 9],
    ["38:2::0:200:10", 2],
    ["38:2:0:200:10", 2],
    ["38:5:4", 4],
  ]) {
    assert.equal(styled(PLAIN, parameters).fg, fg, parameters);
  }
  assert.equal(styled(PLAIN, "38;5;1;1").bold, true);
  assert.equal(styled(PLAIN, "48;2;0;0;238;3").bg, 4);
  assert.equal(styled(PLAIN, "48;2;0;0;238;3").italic, true);
});

test("what is no colour changes nothing", () => {
  for (const parameters of ["38", "38;5", "38;5;999", "38;2;1", "999", "51;;", ":"]) {
    assert.deepEqual({ ...styled(PLAIN, parameters) }, { ...PLAIN }, parameters);
  }
});

test("a style goes on in the next line", () => {
  const { style } = spansOf("\x1b[32mgreen");
  assert.deepEqual(spans("still", style), [["still", "fg-2"]]);
  assert.equal(styleAfter("a\x1b[1mb\nc\x1b[0;4md").underline, true);
  assert.equal(styleAfter("a\x1b[1mb\nc\x1b[0;4md").bold, false);
});

test("the letters are those that readable text has, whatever a program writes", () => {
  const lines = [
    "10 %\r20 %\r\x1b[32m100 %",
    "done\r",
    "done\r\x1b[0m",
    "ab\bc\x07\x7f\x9b1m",
    "ab\b\b\r",
    "\x1b]0;evil\x07abc\x1b[31m\x00",
    "\x1b]8;;https://evil.example/\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[2K\x1b[1Gx\x1b[?25l",
    "cut \x1b[3",
    "a\tb\x1b(Bc",
    "\u202eabc \x1b[31mx",
    "half \ud83d and 😀",
    "\x90dcs\x9c after",
    "\x1b",
    "",
  ];
  for (const line of lines) {
    const text = spansOf(line)
      .spans.map((span) => span.text)
      .join("");
    assert.equal(text.trimEnd(), readable(line), JSON.stringify(line));
    assert.equal(visibleLine(line).trimEnd(), readable(line));
    assert.doesNotMatch(text, /[\x00-\x08\x0a-\x1f\x7f-\x9f]/);
  }
});

test("a line stays one line", () => {
  assert.equal(visibleLine("a\vb\fc\u2028d\x85e"), "a b c d e");
  assert.equal(spansOf("a\vb\x1b[1m\fc").spans.map(({ text }) => text).join(""), "a b c");
});
