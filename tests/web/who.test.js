import assert from "node:assert/strict";
import { test } from "node:test";

import {
  accountOf,
  identityOf,
  isByLink,
  isOut,
  linkNote,
  SIGN_IN_FIRST,
  whyToSignIn,
} from "../../web/scripts/person/who.js";

const ALL = ["operate", "read:builds/#", "start:*", "stop:*"];
const ADA = { name: "ada", anonymous: false, grants: ["read:builds/acme/#"], expires: null, reason: null };
const LINK = { ...ADA, name: "share-1a2b3c4d", grants: ["read:builds/acme/b1/#"], expires: "2026-11-21T12:00:00Z" };
const nobody = (grants = [], reason = "missing") => ({
  ...{ name: "anonymous", anonymous: true, expires: null },
  ...{ grants, reason },
});

test("the header says who one is, and what one may do about it", () => {
  assert.deepEqual(accountOf(ADA), { name: "ada", signIn: false, signOut: true });
  assert.deepEqual(accountOf(nobody()), { name: "", signIn: true, signOut: false });
  assert.deepEqual(accountOf(nobody(["read:builds/#"])), { name: "", signIn: true, signOut: false });
  assert.deepEqual(accountOf(LINK), { name: "", signIn: true, signOut: false });
});

test("where everybody may do everything, and before anything is known, it says nothing", () => {
  const nothing = { name: "", signIn: false, signOut: false };
  assert.deepEqual(accountOf(nobody(ALL)), nothing);
  assert.deepEqual(accountOf(null), nothing);
});

test("who came by a link is told so, and until when", () => {
  assert.equal(isByLink(LINK), true);
  assert.equal(isByLink({ ...LINK, name: "share-holder" }), false);
  assert.equal(isByLink({ ...LINK, grants: ["read:builds/acme/#"] }), false);
  const note = linkNote(LINK, Date.parse("2026-11-21T11:00:00Z"));
  assert.match(note, /^You came by a link that shows this one build, until .*:00.*\. Sign in to see more\.$/);
  assert.match(linkNote({ ...LINK, expires: null }, 0), /one build\. Sign in/);
  assert.equal(linkNote(ADA, 0), "");
  assert.equal(linkNote(null, 0), "");
});

test("who is signed in need not sign in", () => {
  assert.equal(whyToSignIn(null, ADA), "");
  assert.equal(whyToSignIn(nobody(), ADA), "");
});

test("a session that is over is told, whatever everybody may do", () => {
  for (const grants of [[], ALL]) {
    assert.match(whyToSignIn(ADA, nobody(grants, "ended")), /session has ended/);
    assert.match(whyToSignIn(ADA, nobody(grants, "revoked")), /revoked/);
    assert.match(whyToSignIn(ADA, nobody(grants, "expired")), /expired/);
    assert.match(whyToSignIn(ADA, nobody(grants)), /signed out/);
    assert.match(whyToSignIn(null, nobody(grants, "ended")), /session has ended/);
  }
});

test("a stranger is asked to sign in only where there is nothing to see", () => {
  assert.equal(whyToSignIn(null, nobody()), SIGN_IN_FIRST);
  assert.equal(whyToSignIn(null, nobody([], "unknown")), SIGN_IN_FIRST);
  assert.equal(whyToSignIn(null, nobody(["read:builds/acme/#"])), "");
  assert.equal(whyToSignIn(null, nobody(["read:builds/acme/#"], "unknown")), "");
});

test("who signed out is told from who was signed out", () => {
  assert.equal(isOut(nobody()), true);
  assert.equal(isOut(nobody([], "revoked")), false);
  assert.equal(isOut(ADA), false);
});

test("a picture is of one name with one set of grants", () => {
  assert.equal(identityOf(ADA), identityOf({ ...ADA, expires: "2027-01-01T00:00:00Z" }));
  assert.notEqual(identityOf(ADA), identityOf({ ...ADA, name: "bob" }));
  assert.notEqual(identityOf(ADA), identityOf({ ...ADA, grants: ["read:builds/#"] }));
  assert.notEqual(identityOf(ADA), identityOf({ ...ADA, anonymous: true }));
});
