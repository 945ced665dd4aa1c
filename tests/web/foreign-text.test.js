import assert from "node:assert/strict";
import { test } from "node:test";

import { isolated, oneLine, readable } from "../../web/scripts/text/foreign-text.js";

const BELL = "\x07";

test("colours and all other sequences of terminals are left out", () => {
  for (const [written, shown] of [
    ["\x1b[31mERROR\x1b[0m x", "ERROR x"],
    ["\x1b[38;2;255;0;0mred\x1b[m", "red"],
    ["\x1b[38:2::255:0:0mred\x1b[m", "red"],
    ["\x9b1mbold\x9bm", "bold"],
    ["\x1b[?25lhidden\x1b[?25h", "hidden"],
    ["\x1b]8;;https://a.example/\x1b\\a link\x1b]8;;\x1b\\.", "a link."],
    [`\x1b]8;;https://a.example/${BELL}a link\x1b]8;;${BELL}.`, "a link."],
    ["\x9d0;title\x9cafter", "after"],
    [`\x1b]0;title${BELL}after`, "after"],
    ["\x1bP1;2|abc\x1b\\after", "after"],
    ["\x1b(Bascii\x1b=", "ascii"],
    ["cut \x1b[3", "cut"],
    ["cut \x1b]8;;https://a", "cut"],
    ["cut \x1b", "cut"],
    ["\x1b]8;;cut\nnext", "\nnext"],
    ["[31m is no sequence", "[31m is no sequence"],
  ]) {
    assert.equal(readable(written), shown, JSON.stringify(written));
  }
});

test("a line is shown as it was left", () => {
  for (const [written, shown] of [
    ["10 %\r20 %\r100 %", "100 %"],
    ["10 %\r\x1b[K100 %\r\n", "100 %"],
    ["done\r", "done"],
    ["no such file\r\x07", "no such file"],
    ["no such file\r\b\x0f", "no such file"],
    ["dos\r\nlines\r\r\nhere\r\n", "dos\nlines\nhere"],
    ["working |\b/\b-\b\\", "working \\"],
    ["b\bbo\bol\bld\bd", "bold"],
    ["\b\bx", "x"],
    ["a\vb\fc\x85d\u2028e\u2029f", "a\nb\nc\nd\ne\nf"],
    ["\tindented", "\tindented"],
  ]) {
    assert.equal(readable(written), shown, JSON.stringify(written));
  }
});

test("no control character is ever shown, nor half a character", () => {
  const all = Array.from({ length: 0x10000 }, (_, i) => String.fromCharCode(i)).join(" ");
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(readable(all), /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]/);
  assert.equal(readable("cut \ud83d"), "cut \ufffd");
  assert.equal(readable("whole \ud83d\ude00"), "whole \ud83d\ude00");
});

test("marks of direction end in the line that they begin in", () => {
  const name = (code) => String.fromCharCode(code);
  const [lre, rlo, pop, rli, fsi, end] = [0x202a, 0x202e, 0x202c, 0x2067, 0x2068, 0x2069].map(name);
  for (const [written, shown] of [
    [`${rlo}abc`, `${rlo}abc${pop}`],
    [`${rlo}a${rli}b`, `${rlo}a${rli}b${end}${pop}`],
    [`${rlo}abc${pop}d`, `${rlo}abc${pop}d`],
    [`${pop}${end}a${end}`, "a"],
    [`${fsi}a${rlo}b${end}c`, `${fsi}a${rlo}b${pop}${end}c`],
    [`${lre}a${end}b`, `${lre}ab${pop}`],
    [`${rli}a${pop}b`, `${rli}ab${end}`],
    [`${rlo}a\nb`, `${rlo}a${pop}\nb`],
  ]) {
    assert.equal(readable(written), shown, JSON.stringify(written));
  }
});

test("a name is one line, and apart from what stands beside it", () => {
  assert.equal(oneLine(" a\n\n b\tc\r\n"), "a b c");
  assert.equal(oneLine("\x00\x1b[0m"), "");
  assert.equal(isolated("ada"), "ada");
  assert.equal(isolated("\u05d0"), "\u2068\u05d0\u2069");
  assert.equal(isolated("\u2069\u202ea"), "\u2068\u202ea\u202c\u2069");
});

test("a long text takes no time, whatever is in it", () => {
  for (const piece of ["\x1b[", "\x1b]8;;", "\x1b]\x1b", "\u202e", "\u2067\u2069", "\r", "\b", "a\b", "\x1b[1;"]) {
    const started = performance.now();
    readable(piece.repeat(65_536 / piece.length));
    assert.ok(performance.now() - started < 500, JSON.stringify(piece));
  }
});
