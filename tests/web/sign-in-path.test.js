import assert from "node:assert/strict";
import { test } from "node:test";

import { providerPath, signInPath, tokenIn, wayBack } from "../../web/scripts/person/sign-in-path.js";

const ORIGIN = "https://ci.example";
const TOKEN = "bf_0123456789abcdefghijABCDEFGHIJkl";
const back = (path, root = "") => wayBack(`?${new URLSearchParams({ back: path })}`, ORIGIN, root);

test("one comes back to where one was", () => {
  for (const path of ["/", "/projects/acme", "/projects/acme/builds/b1", "/projects/acme?x=1"]) {
    assert.equal(wayBack(new URL(signInPath(path, ""), ORIGIN).search, ORIGIN, ""), path);
  }
  const below = "/ci/projects/acme";
  assert.match(signInPath(below, "/ci"), /^\/ci\/login\?back=/);
  assert.equal(wayBack(new URL(signInPath(below, "/ci"), ORIGIN).search, ORIGIN, "/ci"), below);
});

test("the provider leads back to where one was", () => {
  assert.equal(providerPath("/projects/acme?x=1", ""), "/login/oidc?back=%2Fprojects%2Facme%3Fx%3D1");
  assert.equal(providerPath("/ci/", "/ci"), "/ci/login/oidc?back=%2Fci%2F");
});

test("without a way back it is the first page", () => {
  assert.equal(wayBack("", ORIGIN, ""), "/");
  assert.equal(wayBack("", ORIGIN, "/ci"), "/ci/");
  assert.equal(back("/login"), "/");
  assert.equal(back("/ci/login", "/ci"), "/ci/");
});

test("nobody is sent to another site", () => {
  for (const path of [
    ...["//evil.example", "//evil.example/", "/\\evil.example", "\\\\evil.example", "/\t/evil.example"],
    ...["https://evil.example/", "https:evil.example", "javascript:alert(1)", "data:text/html,x"],
    ...["evil", "", " //evil.example", "/.//evil.example", "/x/..//evil.example", "/%2e//evil.example"],
    ...["//", "///evil.example", "/\n/evil.example", "/\\/evil.example", "http://[/"],
  ]) {
    const url = new URL(back(path), ORIGIN);
    assert.equal(url.origin, ORIGIN, path);
    assert.equal(url.pathname, "/", path);
  }
});

test("nobody is sent out of the path below which the page is", () => {
  for (const path of ["/", "/cider/", "/ci", "/ci/../other", "/ci/%2e%2e/other", "/ci/..//evil.example"]) {
    assert.equal(back(path, "/ci"), "/ci/", path);
  }
});

test("a token is found in what was pasted", () => {
  assert.equal(tokenIn(`  ${TOKEN}\n`), TOKEN);
  assert.equal(tokenIn(`https://ci.example/login#${TOKEN}`), TOKEN);
  assert.equal(tokenIn(`Your token: ${TOKEN}.`), TOKEN);
  assert.equal(tokenIn(" something "), "something");
});
