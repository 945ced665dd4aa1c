import assert from "node:assert/strict";
import { test } from "node:test";

import { reasonIn, reasonOf, sentenceOf, strangerText } from "../../web/scripts/api/problem.js";

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

test("an answer of a stranger is told as one", () => {
  const again = "perhaps you have to sign in again: reload the page.";
  assert.equal(strangerText(200, "OK"), `Something in front of the gateway answered; ${again}`);
  assert.equal(strangerText(0, ""), `Something in front of the gateway answered; ${again}`);
  assert.equal(strangerText(401, ""), `Something in front of the gateway answered 401; ${again}`);
  assert.equal(
    strangerText(502, "Bad \x9b31mGateway"),
    "Something in front of the gateway answered 502 Bad Gateway; try again in a moment.",
  );
});

test("a sentence has no control characters, whatever it quotes", () => {
  assert.equal(sentenceOf({ detail: "No \x1b[31mfield\n\u202eb." }), "No field \u202eb.\u202c");
  assert.equal(sentenceOf({ errors: "?" }), "The gateway refused.");
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
    [null, 404, "Not Found"],
    [null, 200, "OK"],
    [null, 0, ""],
    [{ type: "about:blank", detail: "No." }, 403, ""],
    ["<html>", 403, "Forbidden"],
  ]) {
    const said = reasonOf(body, status, reason);
    assert.equal(said.refusal, "");
    assert.match(said.trouble, /^Something in front of the gateway answered.* This page keeps trying\.$/);
  }
  const { trouble } = reasonOf(null, 502, "Bad Gateway");
  assert.match(trouble, /in front of the gateway answers 502 Bad Gateway\. This page/);
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
