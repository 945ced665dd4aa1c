import assert from "node:assert/strict";
import { test } from "node:test";

import { reasonIn, reasonOf, sentenceOf } from "../../web/scripts/problem.js";

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

const problem = (slug, status, detail) => [{ type: `urn:buildfeed:problem:${slug}`, detail }, status, ""];

test("a refusal of the gateway is told in its words", () => {
  for (const [slug, status] of [["foreign-origin", 403], ["foreign-host", 421]]) {
    const said = reasonOf(...problem(slug, status, "Not you."));
    assert.deepEqual(said, { refusal: "Not you.", trouble: "" });
  }
});

test("where the gateway would let us in, the way to it is the trouble", () => {
  const said = reasonOf(...problem("method-not-allowed", 405, "POST: Method Not Allowed."));
  assert.equal(said.refusal, "");
  assert.match(said.trouble, /WebSockets/);
});

test("what is not the gateway's is no refusal", () => {
  for (const [body, status, reason] of [
    [null, 502, "Bad Gateway"],
    [null, 200, "OK"],
    [{ type: "about:blank", detail: "No." }, 403, ""],
    ["<html>", 403, "Forbidden"],
  ]) {
    const said = reasonOf(body, status, reason);
    assert.equal(said.refusal, "");
    assert.match(said.trouble, new RegExp(`in front of the gateway answers ${status}`));
  }
});

test("trouble of the gateway itself is no refusal", () => {
  const said = reasonOf(...problem("internal", 500, "It failed."));
  assert.deepEqual(said, { refusal: "", trouble: "It failed." });
});

test("only a problem of the gateway tells why, whatever else a proxy answers", () => {
  const told = { type: "urn:buildfeed:problem:too-many-connections", detail: "Too many." };
  assert.deepEqual(reasonIn(JSON.stringify(told), 503, "Busy"), {
    answered: true,
    refusal: "",
    trouble: "Too many.",
  });
  for (const text of ["", "<html>", "null", "5", '{"type": "about:blank"}', '{"type": 5}']) {
    assert.equal(reasonIn(text, 503, "Busy"), null);
  }
});
