import assert from "node:assert/strict";
import { test } from "node:test";

import { buildPath, placeAt, projectPath } from "../../web/scripts/page/place.js";

test("every page watches its own filter", () => {
  assert.deepEqual(placeAt("/"), { project: null, build: null, filter: "builds/#" });
  assert.deepEqual(placeAt("/projects/acme"), {
    project: "acme",
    build: null,
    filter: "builds/acme/#",
  });
  assert.deepEqual(placeAt("/projects/acme/builds/0193"), {
    project: "acme",
    build: "0193",
    filter: "builds/acme/0193/#",
  });
});

test("a link leads back to the place it was made from", () => {
  const place = { project: "acme", build: "0193" };
  assert.equal(placeAt(buildPath(place)).filter, "builds/acme/0193/#");
  assert.equal(placeAt(`${projectPath("acme")}/`).filter, "builds/acme/#");
});

test("a broken escape is left for the gateway to refuse", () => {
  assert.equal(placeAt("/projects/%E0%A4%A").project, "%E0%A4%A");
});

test("below a root, and with other slashes, a page is at the same place", () => {
  for (const path of ["/ci/projects/acme/builds/b1", "//ci/projects//acme/builds/b1/"]) {
    assert.equal(placeAt(path, "/ci").filter, "builds/acme/b1/#");
  }
  for (const path of ["/ci", "/ci/", "/", "//"]) assert.equal(placeAt(path, "/ci").filter, "builds/#");
  assert.equal(placeAt("/projects/acme", "/ci").project, "acme");
});
