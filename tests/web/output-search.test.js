import assert from "node:assert/strict";
import { test } from "node:test";

import { newBlocks } from "../../web/scripts/output/blocks.js";
import { firstFrom, linesWith, marked, newSearch } from "../../web/scripts/output/search.js";

const bytes = (text) => new TextEncoder().encode(text);

test("the lines with a text are found, in any case, each once", () => {
  assert.deepEqual(linesWith("Error here\nnone\nno error, error\nERROR", "error"), [0, 2, 3]);
  assert.deepEqual(linesWith("a\nb\n", "c"), []);
  assert.deepEqual(linesWith("\n\n\nx", "x"), [3]);
});

test("a line is searched as it is shown", () => {
  assert.deepEqual(linesWith("\x1b[31mer\x1b[0mror\n10 %\rdone\nx", "error"), [0]);
  assert.deepEqual(linesWith("\x1b[31mer\x1b[0mror\n10 %\rdone\nx", "10 %"), []);
  assert.deepEqual(linesWith("\x1b[31mx", "31m"), []);
});

test("a search goes on in what comes, and finds nothing twice", async () => {
  const blocks = newBlocks({ cut: 32 });
  const add = (from, to) => {
    for (let i = from; i < to; i++) blocks.append(bytes(`line ${i}${i % 10 ? "" : " FOUND"}\n`));
  };
  add(0, 45);
  let pauses = 0;
  let clock = 0;
  const search = newSearch("found", blocks, {
    textOf: async (index) => blocks.text(index),
    pause: async () => (pauses += 1),
    now: () => (clock += 5),
  });
  let reports = 0;
  await search.go(() => (reports += 1));
  assert.deepEqual(search.lines, [0, 10, 20, 30, 40]);
  assert.equal(search.over, true);
  assert.ok(pauses > 0 && reports === pauses + 1);
  add(45, 95);
  await search.go(() => {});
  assert.deepEqual(search.lines, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
});

test("a search that is stopped says nothing more", async () => {
  const blocks = newBlocks({ cut: 32 });
  blocks.append(bytes("x\n".repeat(200)));
  let give;
  const search = newSearch("x", blocks, { textOf: () => new Promise((resolve) => (give = resolve)), now: () => 0 });
  const going = search.go(() => assert.fail("it was stopped"));
  search.stop();
  give("x\n");
  await going;
});

test("the first line that was found from a place on, and from the end the first of all", () => {
  assert.equal(firstFrom([3, 8, 20], 0), 0);
  assert.equal(firstFrom([3, 8, 20], 8), 1);
  assert.equal(firstFrom([3, 8, 20], 9), 2);
  assert.equal(firstFrom([3, 8, 20], 21), 0);
});

test("what is searched is marked, over colours too", () => {
  const spans = [
    { text: "an Er", look: "fg-1" },
    { text: "ror: error", look: "" },
  ];
  assert.deepEqual(
    marked(spans, "error").map(({ text, look, marked: isMarked }) => [text, look, isMarked]),
    [
      ["an ", "fg-1", false],
      ["Er", "fg-1", true],
      ["ror", "", true],
      [": ", "", false],
      ["error", "", true],
    ],
  );
  assert.equal(marked(spans, ""), spans);
  assert.equal(marked(spans, "none"), spans);
});
