/** Mounts the components and joins socket, builds and page. Data flows down, actions flow up. */

import { olderBuilds, readOverview, startBuild, stopBuild } from "./api.js";
import { buildHistory } from "./build-history.js";
import { buildList } from "./build-list.js";
import { shortId, statusOf } from "./build-view.js";
import {
  afterSnapshot,
  chosen,
  countByStatus,
  fold,
  hasEnded,
  keyOf,
  projectsOf,
} from "./builds.js";
import { connectionStatus } from "./connection-status.js";
import { livenessOf, unconnected } from "./liveness.js";
import { pageHead } from "./page-head.js";
import { recall } from "./person.js";
import { placeAt } from "./place.js";
import { projectList } from "./project-list.js";
import { queueOverview } from "./queue-overview.js";
import { setText } from "./render.js";
import { watch } from "./socket.js";
import { startForm } from "./start-form.js";
import { randomKey, startKeys } from "./start-keys.js";
import { moment, seconds } from "./time.js";

const SHOWN = 200;
const OLDER = 50;
const TICK = 1000;
const LAGGING = 10_000;

const place = placeAt(location.pathname);
const at = (id) => document.getElementById(id);

const updateStatus = connectionStatus(at("connection-status"));
const updateHead = pageHead(at("page-head"), place);
const updateForm = place.build ? null : startForm(at("start-form"), place);
const updateProjects = place.project ? null : projectList(at("project-list"));
const updateHistory = place.build ? buildHistory(at("build-history"), place) : null;
if (!place.project) queueOverview(at("queue-overview"), readOverview);
const list = buildList(at("build-list"));
document.body.dataset.page = place.build ? "build" : place.project ? "project" : "all";

let builds = new Map(); // key → state
const heard = new Set(); // keys of the builds heard of since the connection began
let more = false; // whether there are older builds
let cursor; // where the older ones go on
let link = unconnected(performance.now());
let liveness = livenessOf(link, performance.now());
let clockOffset = 0; // of the gateway, in ms

const notes = new Map(); // control → what became of its last press
const keys = startKeys(randomKey);

/* What the gateway says */

watch([place.filter], {
  up() {
    heard.clear();
    setLink({ connected: true, since: performance.now() });
  },
  down() {
    if (link.connected) setLink({ connected: false, watching: false, since: performance.now() });
  },
  refused(message) {
    setLink({ refusal: message });
    drawAll();
  },
  snapshot(snapshot) {
    builds = afterSnapshot(builds, snapshot, heard);
    more = snapshot.more && !place.build;
    cursor = undefined;
    setLink({ watching: true, everWatched: true, refusal: null });
    drawAll();
  },
  build(state) {
    setLink({});
    receive(state);
  },
  feed({ broker, time, pid, merged, recorder_lag_ms: behind }) {
    const now = performance.now();
    setLink({ broker, brokerSince: broker === link.broker ? link.brokerSince : now });
    clockOffset = (moment(time) ?? Date.now()) - Date.now();
    setText(at("served-by"), `served by process ${pid}`);
    setText(at("merged"), merged ? `${merged} updates merged` : "");
    setText(at("behind"), behind > LAGGING ? `history is ${seconds(behind)} behind` : "");
  },
});

function setLink(news) {
  link = { ...link, heardAt: performance.now(), ...news };
  showLiveness();
}

function receive(state) {
  const key = keyOf(state);
  const known = builds.get(key);
  const next = fold(known, state);
  heard.add(key);
  if (next === known) return;
  builds.set(key, next);
  if (known?.status !== next.status) {
    rearrange = true;
    if (!notes.get(key)?.busy) notes.delete(key);
    if (known && hasEnded(next)) announce(next);
  }
  draw(key);
}

/* What a person wants */

const actions = { "start-build": start, "stop-build": stop, "show-older": showOlder };
for (const [name, action] of Object.entries(actions)) {
  document.addEventListener(name, (event) => action(event.detail));
}

async function start({ control, project, script, priority }) {
  const body = { script: script ?? undefined, priority, by: recall() || undefined };
  note(control, { busy: true });
  try {
    const state = await startBuild(project, body, keys.of(project, body));
    keys.settle(project, body);
    note(control, { started: state });
    if (!place.build) receive(state);
  } catch (error) {
    if (error.settled) keys.settle(project, body);
    note(control, { alert: error.message });
  }
}

async function stop({ control, project, build }) {
  note(control, { busy: true });
  try {
    const state = await stopBuild({ project, build }, { by: recall() || undefined });
    note(control, {});
    receive(state);
  } catch (error) {
    note(control, { alert: error.message });
  }
}

async function showOlder() {
  list.note({ busy: true });
  try {
    const ended = chosen(builds, limit).filter(hasEnded);
    const before = cursor ?? ended.at(-1)?.build;
    const older = await olderBuilds({ project: place.project, before, limit: OLDER });
    cursor = older.next ?? undefined;
    more = older.next !== null;
    limit += older.builds.length;
    older.builds.forEach(receive);
    list.note({});
    drawAll();
  } catch (error) {
    list.note({ alert: error.message });
  }
}

function note(control, news) {
  notes.set(control, news);
  draw(control);
  showOverview();
}

/* Drawing: once a frame, and only what changed */

const changed = new Set(); // keys of the builds to draw
let rearrange = true; // whether builds came, went or changed their status
let limit = SHOWN; // how many cards
let waiting = false; // for the next frame

function draw(key) {
  changed.add(key);
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(drawChanged);
}

function drawAll() {
  rearrange = true;
  draw("");
}

function drawChanged() {
  waiting = false;
  if (rearrange) {
    arrange();
    showOverview();
  }
  const context = { now: Date.now() + clockOffset, live: liveness.live };
  for (const key of changed) {
    const state = builds.get(key);
    if (!state) continue;
    list.refresh(state, { ...context, note: notes.get(key) });
    updateHistory?.(state);
  }
  changed.clear();
}

function arrange() {
  rearrange = false;
  const states = chosen(builds, limit);
  const shown = new Set(states.map(keyOf));
  for (const key of shown) changed.add(key);
  let hidden = 0;
  for (const [key, state] of builds) {
    if (shown.has(key)) continue;
    if (hasEnded(state)) forget(key);
    else hidden += 1;
  }
  list.arrange(states, { empty: emptyText(), refusal: link.refusal ?? "", hidden, older: more });
}

/** What has ended and is not shown can be had again from history. */
function forget(key) {
  builds.delete(key);
  more = true;
  cursor = undefined;
}

function emptyText() {
  if (link.refusal) return "";
  if (!link.everWatched) return "Waiting for the gateway…";
  if (place.build) {
    return "This build is not known here. Its address may be mistyped, or its start has not arrived yet: if it does, it appears by itself.";
  }
  return "No builds yet. Press “Start build”, and the first one appears here.";
}

function showOverview() {
  updateHead({
    known: link.everWatched,
    counts: countByStatus(builds),
    state: builds.get(keyOf(place)),
    live: liveness.live,
  });
  const projects = projectsOf(builds);
  updateForm?.({ projects: projects.map(({ project }) => project), note: notes.get("form") });
  updateProjects?.(projects, { notes, live: liveness.live });
}

function showLiveness() {
  const before = liveness;
  liveness = livenessOf(link, performance.now());
  updateStatus(liveness);
  if (before.live !== liveness.live) drawAll();
}

function announce(state) {
  at("announcer").textContent = `${state.project} ${shortId(state.build)}: ${statusOf(state)}`;
}

// Frames stop in a hidden tab, this goes on: the title stays true and nothing piles up.
setInterval(() => {
  showLiveness();
  for (const state of chosen(builds, limit)) changed.add(keyOf(state));
  drawChanged();
  showOverview();
}, TICK);
