import assert from "node:assert/strict";
import test from "node:test";

import {
  COLUMNS,
  figuresOf,
  outcomeRows,
  queueRows,
  rateOf,
  troublesOf,
  workerLine,
} from "../../web/scripts/operations/operations-figures.js";
import { leadOf, rowsOf } from "../../web/scripts/operations/letters.js";
import { statusOf } from "../../web/scripts/operations/status.js";
import { rightsOf } from "../../web/scripts/person/grants.js";
import { textOf } from "../../web/scripts/text/phrase.js";

const NOW = Date.parse("2026-11-21T11:00:00Z");
const worker = (changes = {}) => ({
  worker: "w1",
  online: true,
  running: 1,
  slots: 2,
  lag_ms: 3,
  builds: [],
  jobs: [],
  offered: 0,
  pretends: false,
  ...changes,
});
const process = (changes = {}) => ({
  process: "11",
  ready: true,
  broker_up: true,
  broker_lag_ms: 1.24,
  recorder_lag_ms: 0,
  loop_lag_ms: 4,
  started: NOW / 1000 - 3700,
  memory: 50 * 2 ** 20,
  connections: 3,
  watchers: { socketio: 2, sse: 1 },
  stuck: 0,
  sent: 100,
  merged: 1234567,
  received: 9,
  refused: 0,
  starts: { accepted: 2, "too-many-starts": 0 },
  stops: { accepted: 0 },
  connections_refused: {},
  limits_reached: {},
  failed_sign_ins: {},
  ...changes,
});
const well = (changes = {}) => ({
  queued: { high: 0, normal: 0 },
  delayed: 0,
  oldest_seconds: 0,
  running: 1,
  lost: 0,
  retaken: 0,
  workers: [worker()],
  dead: 0,
  queues: null,
  processes: [process()],
  ...changes,
});
const keysOf = (now) => troublesOf(now).map(({ key, look }) => `${key} ${look}`);

test("where all is well nothing needs anybody", () => {
  assert.deepEqual(troublesOf(well()), []);
});

test("each trouble is told with what to do", () => {
  assert.deepEqual(keysOf(well({ workers: [] })), ["workers warn"]);
  assert.deepEqual(keysOf(well({ workers: [], queued: { high: 1, normal: 1 } })), ["workers bad"]);
  assert.deepEqual(keysOf(well({ lost: 2 })), ["lost bad"]);
  assert.deepEqual(keysOf(well({ dead: 1 })), ["dead warn"]);
  assert.deepEqual(keysOf(well({ dead: null })), []);
  assert.deepEqual(keysOf(well({ processes: [process({ broker_up: false, ready: false })] })), ["broker bad"]);
  assert.deepEqual(keysOf(well({ processes: [process({ recorder_lag_ms: 42_000, ready: false })] })), ["history bad"]);
  assert.deepEqual(keysOf(well({ processes: [process({ ready: false })] })), ["ready warn"]);
  assert.deepEqual(keysOf(well({ processes: [process({ loop_lag_ms: 900 })] })), ["loop warn"]);
  assert.deepEqual(keysOf(well({ workers: [worker({ lag_ms: 900 })] })), ["slow warn"]);
  const full = { workers: [worker({ running: 2 })], queued: { high: 0, normal: 3 }, oldest_seconds: 90 };
  assert.deepEqual(keysOf(well(full)), ["full warn"]);
  assert.deepEqual(keysOf(well({ ...full, oldest_seconds: 9 })), [], "that happens, and goes");
  assert.ok(troublesOf(well({ ...full, lost: 1, dead: 1 })).every(({ text, advice }) => text && advice));
});

test("one is told in words for one", () => {
  assert.equal(troublesOf(well({ dead: 1 }))[0].text, "1 start was given up.");
  assert.equal(troublesOf(well({ dead: 2 }))[0].text, "2 starts were given up.");
  assert.equal(troublesOf(well({ workers: [], queued: { high: 0, normal: 1 } }))[0].text, "No worker is online, and 1 build waits.");
  const slow = well({ workers: [worker({ worker: "mac", lag_ms: 1500 })] });
  assert.equal(textOf(troublesOf(slow)[0].text), "mac lags by up to 1.5 s.");
});

test("the broker is away of one, of some or of all processes", () => {
  const down = process({ broker_up: false });
  const text = (...processes) => troublesOf(well({ processes }))[0].text;
  assert.equal(text(down), "The broker does not answer the gateway.");
  assert.equal(text(down, process()), "The broker does not answer 1 of 2 gateway processes.");
  assert.equal(text(down, down), "The broker does not answer any gateway process.");
});

test("figures count what is there, and say what is not known", () => {
  const now = well({ queued: { high: 1, normal: 2 }, oldest_seconds: 61, dead: null, workers: [worker(), worker({ worker: "w2", online: false })] });
  const figures = new Map(figuresOf(now).map((figure) => [figure.name, figure]));
  assert.deepEqual(figures.get("Running"), { name: "Running", text: "1", detail: "of 2 slots" });
  assert.deepEqual(figures.get("Waiting"), { name: "Waiting", text: "3", detail: "1 high priority, longest 1 min" });
  assert.equal(figures.get("Given up").text, "–");
  assert.deepEqual(figures.get("Workers"), { name: "Workers", text: "1", detail: "1 offline" });
  assert.equal(figures.get("Watchers").text, "3");
});

test("the line of a worker says what it runs, offers, and how late it is", () => {
  const jobs = Array.from({ length: 10 }, (_, i) => ({ project: "acme", job: i ? `j${i}` : "default" }));
  const line = workerLine(worker({ jobs, offered: 30 }));
  assert.equal(line.busy, "1 of 2 busy");
  assert.equal(line.part, 0.5);
  assert.deepEqual(line.jobs.slice(0, 2), ["acme", "acme j1"]);
  assert.equal(line.more, 22);
  assert.deepEqual(workerLine(worker({ online: false, running: 0 })), {
    ...{ busy: "offline", part: null, lag: "", slow: false, jobs: [], more: 0, pretends: false },
  });
  assert.equal(workerLine(worker({ online: false, running: 2 })).busy, "offline, 2 lost");
  assert.equal(workerLine(worker({ slots: 0 })).busy, "1 busy");
});

test("queues are named as at the broker, and one that is not known is told so", () => {
  const rows = queueRows({ builds: 12, "builds.high": 0 });
  assert.deepEqual(rows.map(({ name, text }) => [name, text]), [
    ["builds.high", "0"],
    ["builds", "12"],
    ["builds.delay.…", "not known"],
    ["builds.dead", "not known"],
  ]);
});

test("a process is told in its columns", () => {
  const row = Object.fromEntries(COLUMNS.map(([title, value]) => [title, value(process(), 4.26, NOW)]));
  assert.equal(row.State, "ready");
  assert.equal(row.Watchers, "2 socket.io, 1 SSE");
  assert.equal(row["Events a second"], "4.3");
  assert.equal(row["Merged states"].replace(/\s/g, " "), "1 234 567");
  assert.equal(row.Broker, "1.2 ms");
  assert.equal(row.History, "up to date");
  assert.equal(row.Memory, "50 MiB");
  assert.equal(row["Runs for"], "1 h 1 min");
});

test("the rate is of one process between two answers", () => {
  const before = [process({ sent: 100 })];
  assert.equal(rateOf(process({ sent: 130 }), before, 3000), 10);
  assert.equal(rateOf(process({ sent: 130 }), undefined, 0), null);
  assert.equal(rateOf(process({ process: "12", sent: 130 }), before, 3000), null);
  assert.equal(rateOf(process({ sent: 5 }), before, 3000), null, "it was replaced by one with its number");
});

test("outcomes are those of all processes, without what did not happen", () => {
  const rows = outcomeRows([process(), process({ starts: { accepted: 3, "too-many-starts": 1 } })]);
  assert.deepEqual(rows, [{ name: "Starts", text: "5 accepted, 1 too-many-starts" }]);
});

const letter = (changes = {}) => ({
  project: "acme",
  build: "b1",
  retryable: true,
  reason: "a worker gave up",
  attempts: null,
  died: "2026-11-21T10:57:00Z",
  by: "ada",
  job: null,
  ...changes,
});
const OPERATOR = rightsOf(["operate", "start:*", "stop:*", "read:builds/#"]);

test("a letter says what was given up, when and why", () => {
  const [row] = rowsOf({ letters: [letter({ job: "deploy", attempts: 31 })] }, OPERATOR, NOW);
  assert.equal(textOf(row.name), "acme b1");
  assert.deepEqual(row.facts.map(textOf), ["job deploy", "started by ada", "31 deliveries", "given up 3 min ago"]);
  assert.deepEqual(row.why.map(textOf), ["a worker gave up"]);
  assert.deepEqual([row.retry, row.drop], [true, true]);
});

test("several letters of one build are one row", () => {
  const rows = rowsOf({ letters: [letter(), letter(), letter({ build: "b2" })] }, OPERATOR, NOW);
  assert.deepEqual(rows.map(({ key }) => key), ["acme/b1", "acme/b2"]);
  assert.ok(rows[0].facts.includes("2 letters"));
});

test("what is no start cannot be retried, and what has no name only be dropped with all", () => {
  const [noStart, noName] = rowsOf({ letters: [letter({ retryable: false }), letter({ build: "No.Name" })] }, OPERATOR, NOW);
  assert.deepEqual([noStart.retry, noStart.drop], [false, true]);
  assert.deepEqual([noName.retry, noName.drop], [false, false]);
  assert.match(noName.why[1], /only “buildfeed dead drop --all” removes it/);
});

test("one may press what one's grants allow", () => {
  const rights = rightsOf(["operate", "read:builds/#", "start:acme"]);
  const [row] = rowsOf({ letters: [letter()] }, rights, NOW);
  assert.deepEqual([row.retry, row.drop], [true, false]);
});

test("above the letters it says what they are, or why there are none", () => {
  const dead = { kept: true, letters: [], hidden: 0, more: false };
  assert.match(leadOf(dead), /^None/);
  assert.match(leadOf({ ...dead, kept: false }), /^Without RabbitMQ/);
  assert.match(leadOf({ ...dead, letters: [letter()], hidden: 2, more: true }), /2 of builds that you may not see\. These are the first ones\.$/);
  assert.equal(leadOf(null), "");
});

test("the light says whether what is shown is of now", () => {
  const visitor = { known: true, signedIn: true, rights: OPERATOR };
  const state = (changes) => statusOf({ visitor, answeredAt: null, failure: "", ...changes }, NOW);
  assert.equal(state({}).text, "Connecting…");
  assert.equal(state({ answeredAt: NOW }).state, "live");
  assert.equal(state({ answeredAt: NOW, failure: "away" }).state, "down");
  assert.match(state({ answeredAt: NOW, failure: "away" }).detail, /^not live since /);
  assert.equal(state({ visitor: { ...visitor, rights: rightsOf([]) } }).text, "Not allowed");
  assert.equal(state({ visitor: { ...visitor, rights: rightsOf([]), signedIn: false } }).text, "Not signed in");
  assert.equal(state({ visitor: { ...visitor, known: false } }).state, "waiting");
});
