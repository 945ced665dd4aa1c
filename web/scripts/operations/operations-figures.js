/** What operators see, in words, of the body of `GET /api/operations`. Pure. */

import { phrase } from "../text/phrase.js";
import { duration, elapsed } from "../text/time.js";

const SECOND = 1000;
const LATE_HISTORY = 10_000; // ms of lag from which history counts as behind
const SLOW_LOOP = 250; // ms of lag of an event loop that people may notice
const LONG_WAIT = 60; // s that a build may wait while all workers are busy: that happens, and goes
const NAMED = 8; // jobs of a worker that are named in its line

const online = ({ workers }) => workers.filter((worker) => worker.online);
const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

/** The figures on top: [{name, text, detail}]. */
export function figuresOf(now) {
  const { queued, delayed, oldest_seconds: oldest, running, lost, retaken, dead, processes } = now;
  const waiting = queued.high + queued.normal;
  const up = online(now);
  const watchers = total(processes.flatMap((process) => Object.values(process.watchers)));
  const slots = total(up.map((worker) => worker.slots));
  return [
    { name: "Running", text: String(running), detail: listOf([slots && `of ${count(slots, "slot")}`, retaken && `${retaken} in a later attempt`]) },
    { name: "Waiting", text: String(waiting), detail: listOf([queued.high && `${queued.high} high priority`, waiting && `longest ${elapsed(oldest * SECOND)}`]) },
    { name: "Delayed", text: String(delayed), detail: "" },
    { name: "Lost", text: String(lost), detail: "" },
    { name: "Given up", text: dead === null ? "–" : String(dead), detail: "" },
    { name: "Workers", text: String(up.length), detail: listOf([now.workers.length - up.length && `${now.workers.length - up.length} offline`]) },
    { name: "Watchers", text: String(watchers), detail: listOf(["of live builds", processes.length > 1 && `${processes.length} processes`]) },
  ];
}

const listOf = (texts) => texts.filter(Boolean).join(", ");

/**
 * What needs somebody, the worst first: [{key, look, text, advice}], `look` is `bad` or `warn`, `text` may be a phrase.
 * Names of workers are texts of others.
 */
export function troublesOf(now) {
  const { queued, lost, dead, oldest_seconds: oldest, processes, workers } = now;
  const waiting = queued.high + queued.normal;
  const up = online(now);
  const troubles = [];
  const add = (key, look, text, advice) => troubles.push({ key, look, text, advice });
  const down = processes.filter((process) => !process.broker_up);
  if (down.length) add("broker", "bad", `The broker does not answer ${ofThem(down, processes)}.`, "Nothing starts and nothing moves. Look whether it runs; “buildfeed doctor” says what is wrong.");
  const behind = Math.max(0, ...processes.map((process) => process.recorder_lag_ms));
  if (behind >= LATE_HISTORY) add("history", "bad", `The history is ${elapsed(behind)} behind.`, "Look whether a recorder runs and the database answers: their logs say why.");
  const unready = processes.filter((process) => !process.ready && process.broker_up);
  if (unready.length && behind < LATE_HISTORY) add("ready", "warn", `${count(unready.length, "gateway process", "gateway processes")} not ready: ${unready.map(({ process }) => process).join(", ")}.`, "It catches up with the history. If that lasts, its log says why.");
  if (up.length === 0) add("workers", waiting ? "bad" : "warn", waiting ? `No worker is online, and ${count(waiting, "build waits", "builds wait")}.` : "No worker is online.", "Start one: “buildfeed worker”.");
  if (lost) add("lost", "bad", `${count(lost, "build is", "builds are")} lost: the worker is offline or silent.`, up.length ? "Another worker takes over what was started here; look what became of the one that is gone." : "They wait for a worker.");
  if (dead) add("dead", "warn", `${count(dead, "start was", "starts were")} given up.`, "Retry or drop below.");
  const full = up.length > 0 && up.every((worker) => worker.slots > 0 && worker.running >= worker.slots);
  if (full && waiting && oldest >= LONG_WAIT) add("full", "warn", `Every worker is busy, and ${count(waiting, "build waits", "builds wait")}.`, "Add a worker, or give one more slots.");
  const slow = workers.filter((worker) => worker.online && worker.lag_ms >= SLOW_LOOP);
  if (slow.length) add("slow", "warn", phrase`${slow.map(({ worker }) => worker).slice(0, 3).join(", ")} ${slow.length === 1 ? "lags" : "lag"} by up to ${duration(Math.max(...slow.map(({ lag_ms: lag }) => lag)))}.`, "The machine is busy with something else, or has too little memory.");
  const late = processes.filter((process) => process.loop_lag_ms >= SLOW_LOOP);
  if (late.length) add("loop", "warn", `${count(late.length, "gateway process", "gateway processes")} ${late.length === 1 ? "lags" : "lag"} by up to ${duration(Math.max(...late.map(({ loop_lag_ms: lag }) => lag)))}.`, "Watchers hear of everything later. Give it more CPU, or run more processes.");
  return troubles;
}

const ofThem = (some, all) =>
  all.length === 1 ? "the gateway" : some.length === all.length ? "any gateway process" : `${some.length} of ${all.length} gateway processes`;

/** The line of a worker: {busy, part, lag, jobs, more}; `part` of its slots that is taken, null without slots. */
export function workerLine({ online: isOnline, running, slots, lag_ms: lag, jobs, offered, pretends }) {
  const named = jobs.slice(0, NAMED).map(({ project, job }) => (job === "default" ? project : `${project} ${job}`));
  return {
    busy: isOnline ? (slots ? `${running} of ${slots} busy` : `${running} busy`) : running ? `offline, ${running} lost` : "offline",
    part: isOnline && slots ? Math.min(1, running / slots) : null,
    lag: isOnline ? `lag ${lag} ms` : "",
    slow: isOnline && lag >= SLOW_LOOP,
    jobs: named,
    more: Math.max(0, offered - named.length),
    pretends,
  };
}

/** The queues of the broker with what they hold: [{name, text}]. */
export const queueRows = (queues) =>
  [
    ["builds.high", "high priority"],
    ["builds", "normal priority"],
    ["delayed", "delayed"],
    ["builds.dead", "given up"],
  ].map(([queue, words]) => ({ name: queue === "delayed" ? "builds.delay.…" : queue, detail: words, text: queues[queue] === undefined ? "not known" : String(queues[queue]) }));

/** The columns of the table of gateways: [title, value(process, rate)]. `rate` in events a second, null while unknown. */
export const COLUMNS = [
  ["Process", ({ process }) => process],
  ["State", ({ ready, broker_up: broker }) => (ready ? "ready" : broker ? "not ready" : "no broker")],
  ["Watchers", ({ watchers }) => countsOf(watchers) || "0"],
  ["Events a second", (_, rate) => (rate === null ? "…" : rate < 10 ? rate.toFixed(1) : String(Math.round(rate)))],
  ["Merged states", ({ merged }) => thousands(merged)],
  ["Stuck, closed", ({ stuck }) => thousands(stuck)],
  ["Refused activities", ({ refused }) => thousands(refused)],
  ["Event loop", ({ loop_lag_ms: lag }) => milliseconds(lag)],
  ["Broker", ({ broker_lag_ms: lag }) => milliseconds(lag)],
  ["History", ({ recorder_lag_ms: lag }) => (lag < SECOND ? "up to date" : `${elapsed(lag)} behind`)],
  ["Connections", ({ connections }) => thousands(connections)],
  ["Memory", ({ memory }) => `${Math.round(memory / 2 ** 20)} MiB`],
  ["Runs for", ({ started }, _, time) => (started ? elapsed(Math.max(0, time - started * SECOND)) : "–")],
];

/** How many events a second a process sent between two answers, [{process, sent}] at `then` and `now` in ms. */
export function rateOf(process, before, length) {
  const earlier = before?.find((one) => one.process === process.process);
  if (!earlier || length <= 0 || process.sent < earlier.sent) return null;
  return (process.sent - earlier.sent) / (length / SECOND);
}

const milliseconds = (lag) => (lag < SECOND ? `${lag < 10 ? Math.round(lag * 10) / 10 : Math.round(lag)} ms` : duration(lag));

const thousands = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");

const WORDS = { socketio: "socket.io", sse: "SSE" };
const countsOf = (counts) =>
  Object.entries(counts)
    .filter(([, number]) => number)
    .map(([name, number]) => `${thousands(number)} ${WORDS[name] ?? name}`)
    .join(", ");

/** What was asked of all processes, by outcome: [{name, text}], without what did not happen. */
export function outcomeRows(processes) {
  const rows = [
    ["Starts", "starts"],
    ["Stops", "stops"],
    ["Connections too many, by", "connections_refused"],
    ["Limits reached", "limits_reached"],
    ["Sign-ins that failed", "failed_sign_ins"],
  ];
  return rows
    .map(([name, field]) => ({ name, text: countsOf(summed(processes.map((process) => process[field]))) }))
    .filter(({ text }) => text);
}

function summed(all) {
  const sums = {};
  for (const counts of all) for (const [name, number] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + number;
  return sums;
}
