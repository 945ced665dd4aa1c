import assert from "node:assert/strict";
import { test } from "node:test";

import { sentenceOf } from "../../web/scripts/problem.js";

test("the detail is said, or else the title", () => {
  assert.equal(sentenceOf({ title: "Conflict", detail: "It has ended." }), "It has ended.");
  assert.equal(sentenceOf({ title: "Conflict" }), "Conflict.");
});

test("errors follow, with the place they are at", () => {
  const errors = [{ pointer: "#/script/steps", detail: "is not a number." }, "and more"];
  assert.equal(
    sentenceOf({ detail: "The body is not valid.", errors }),
    "The body is not valid; script steps is not a number; and more.",
  );
});

test("an error that the detail has told is not told again", () => {
  const errors = [{ pointer: "#/script/steps", detail: "Expected `int`" }];
  const detail = "The body is refused at #/script/steps: Expected `int`.";
  assert.equal(sentenceOf({ detail, errors }), detail);
});

test("an answer that is no problem document is told by its status", () => {
  assert.equal(sentenceOf(null, 502, "Bad Gateway"), "The gateway answered 502 Bad Gateway.");
  assert.equal(sentenceOf({ errors: "?" }, 400, ""), "The gateway answered 400.");
});
