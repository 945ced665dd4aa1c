import assert from "node:assert/strict";
import { test } from "node:test";

import { newBlocks } from "../../web/scripts/output/blocks.js";

const bytes = (text) => new TextEncoder().encode(text);
const textsOf = (blocks) => Array.from({ length: blocks.count }, (_, i) => blocks.line(i)?.text);

function blocksOf(text, { piece = 7, ...options } = {}) {
  const blocks = newBlocks({ cut: 16, ...options });
  const all = bytes(text);
  for (let at = 0; at < all.length; at += piece) blocks.append(all.subarray(at, at + piece));
  return blocks;
}

test("the lines are those of the text, however it comes", () => {
  const text = "one\n\ntwo äöü\nthree is a line that is longer than a block\nx\ny\nz";
  for (const piece of [1, 2, 3, 7, 100]) {
    const blocks = blocksOf(text, { piece });
    assert.deepEqual(textsOf(blocks), text.split("\n"));
    assert.equal(blocks.size, bytes(text).length);
  }
});

test("a line that goes on is one line, and an ended one begins no other", () => {
  const blocks = newBlocks();
  assert.equal(blocks.count, 0);
  blocks.append(bytes("a"));
  assert.equal(blocks.count, 1);
  blocks.append(bytes("b\n"));
  assert.deepEqual(textsOf(blocks), ["ab"]);
  blocks.append(bytes("c"));
  assert.deepEqual(textsOf(blocks), ["ab", "c"]);
  assert.equal(blocks.line(2), undefined);
  assert.equal(blocks.line(-1), undefined);
});

test("a text of many blocks is read anywhere", () => {
  const lines = Array.from({ length: 500 }, (_, i) => `line ${i}`);
  const blocks = blocksOf(lines.join("\n") + "\n", { piece: 64 });
  assert.equal(blocks.count, 500);
  assert.ok(blocks.blocks > 50);
  for (const i of [0, 1, 250, 498, 499]) assert.equal(blocks.line(i).text, `line ${i}`);
});

test("a colour goes on from block to block", () => {
  const blocks = blocksOf(`\x1b[31mred\n${"still\n".repeat(20)}\x1b[0mplain\nplain\n`);
  assert.equal(blocks.line(0).style.fg, -1);
  assert.equal(blocks.line(15).style.fg, 1);
  assert.equal(blocks.line(21).style.fg, 1);
  assert.equal(blocks.line(22).style.fg, -1);
});

test("the end is forgotten, and goes on otherwise", () => {
  const text = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";
  for (let at = 0; at <= text.length; at++) {
    const blocks = blocksOf(text);
    blocks.truncate(at);
    assert.equal(blocks.size, at);
    blocks.append(bytes("!\n"));
    assert.deepEqual(textsOf(blocks), (text.slice(0, at) + "!").split("\n"));
  }
});

test("only so many bytes are kept, and what is dropped can be given back", () => {
  const lines = Array.from({ length: 100 }, (_, i) => `line number ${i}`);
  const blocks = blocksOf(lines.join("\n"), { kept: 100 });
  assert.equal(blocks.line(0), undefined);
  assert.equal(blocks.text(0), undefined);
  assert.equal(blocks.line(99).text, "line number 99");
  const index = blocks.indexOf(1);
  const block = blocks.blockAt(index);
  blocks.fill(block, bytes("too short"));
  assert.equal(blocks.line(1), undefined);
  blocks.fill(block, bytes(lines.join("\n")).slice(block.begin, block.begin + block.size));
  assert.equal(blocks.line(1).text, "line number 1");
});

test("where what was dropped is forgotten, less is left", () => {
  const text = "line\n".repeat(100);
  const blocks = blocksOf(text, { kept: 100 });
  blocks.truncate(33);
  assert.ok(blocks.size <= 33);
  blocks.append(bytes(text).slice(blocks.size));
  assert.equal(blocks.count, 100);
});
