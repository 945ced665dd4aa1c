import assert from "node:assert/strict";
import { test } from "node:test";

import * as links from "../../web/scripts/live/link.js";

const UP = { broker: "up", recorder_lag_ms: 0 };
const DOWN = { broker: "down", recorder_lag_ms: 0 };

/** A link that was opened at 0 and had its snapshot at 100. */
function liveLink() {
  const link = links.asked(links.opened(links.newLink(0), 0, 0.5), 0);
  return links.answered(link, link.ask, 100);
}

/** What is so at `now`: [live, wants a snapshot, is to be connected anew]. */
const at = (link, now) => [
  links.isLive(link, now),
  links.wantsSnapshot(link, now),
  links.isDead(link, now),
];

const LIVE = [true, false, false];
const WANTING = [false, true, false];
const WAITING = [false, false, false];
const DEAD = [false, false, true];

test("it is live from the snapshot on that was asked for after connecting", () => {
  let link = links.newLink(0);
  assert.deepEqual(at(link, 50), WAITING);
  link = links.opened(link, 100, 0);
  assert.deepEqual(at(link, 100), WANTING);
  link = links.asked(link, 100);
  assert.deepEqual(at(link, 100), WAITING);
  assert.deepEqual(at(links.answered(link, link.ask, 200), 200), LIVE);
});

test("a closed connection is not live at once", () => {
  const link = links.closed(liveLink(), 3000);
  assert.deepEqual(at(link, 3000), WAITING);
  assert.equal(link.liveAt, 3000);
});

test("silence is noticed within 8 s, even by a page that looks once a second", () => {
  const link = liveLink();
  assert.deepEqual(at(link, 100 + 6999), LIVE);
  assert.deepEqual(at(link, 100 + 7000), WAITING);
  assert.equal(link.liveAt <= 100, true);
});

test("after silence a snapshot is wanted before it is live again", () => {
  let link = links.heard(liveLink(), 9000);
  assert.deepEqual(at(link, 9000), WANTING);
  link = links.asked(link, 9000);
  assert.deepEqual(at(links.answered(link, link.ask, 9100), 9100), LIVE);
});

test("a silent connection is given up, by each page after another time", () => {
  const until = (random) => {
    const link = links.opened(links.newLink(0), 0, random);
    return [10_000, 12_500, 14_999].map((now) => links.isDead(link, now));
  };
  assert.deepEqual(until(0), [true, true, true]);
  assert.deepEqual(until(0.5), [false, true, true]);
  assert.deepEqual(until(1), [false, false, false]);
});

test("a snapshot that does not come is asked for again, or the connection given up", () => {
  const asked = links.asked(links.heard(liveLink(), 9000), 9000);
  assert.deepEqual(at(links.unanswered(links.heard(asked, 12_000), asked.ask), 14_000), WANTING);
  assert.deepEqual(at(links.unanswered(asked, asked.ask), 14_000), DEAD);
});

test("a connection that is heard, but never answers, is given up", () => {
  let link = links.heard(liveLink(), 9000);
  for (const now of [10_000, 15_000, 20_000]) {
    link = links.heard(links.asked(link, now), now + 4000);
    link = links.unanswered(link, link.ask);
    assert.deepEqual(at(link, now + 4000), now < 20_000 ? WANTING : DEAD);
  }
  assert.equal(links.opened(links.closed(link, 25_000), 26_000, 0).missed, 0);
});

test("a gateway that says less than today's is believed to be well", () => {
  const { feed } = links.fed(liveLink(), { broker: "up", recorder_lag_ms: 5 }, 200);
  assert.deepEqual(feed, { ...links.newLink(0).feed, recorder_lag_ms: 5 });
});

test("a broker that is down is not live, from what was heard before on", () => {
  let link = links.fed(links.fed(liveLink(), UP, 5000), DOWN, 8000);
  assert.deepEqual(at(link, 8000), WAITING);
  assert.equal(link.liveAt, 5000);
  link = links.fed(link, UP, 9000);
  assert.deepEqual(at(link, 9000), WANTING);
});

test("a snapshot that was asked for before the trouble proves nothing, but shows something", () => {
  const asked = links.asked(links.opened(links.newLink(0), 0, 0), 0);
  const late = links.answered(links.fed(asked, DOWN, 10), asked.ask, 20);
  assert.equal(late.known, true);
  assert.deepEqual(at(links.fed(late, UP, 30), 30), WANTING);
});

test("a frozen page is not live until it has a new snapshot", () => {
  let link = links.froze(liveLink(), 1000);
  assert.deepEqual(at(links.heard(link, 1500), 1500), WAITING);
  link = links.resumed(link);
  assert.deepEqual(at(link, 2000), WANTING);
  assert.deepEqual(at(link, 9000), WAITING);
  assert.deepEqual(at(link, 60_000), DEAD);
});

test("nothing is asked of a gateway that refused, until the next connection", () => {
  const link = links.refused(links.asked(links.opened(links.newLink(0), 0, 0), 0), "no");
  assert.deepEqual(at(link, 10), WAITING);
  assert.deepEqual(at(links.opened(links.closed(link, 20), 30, 0), 30), WANTING);
});
