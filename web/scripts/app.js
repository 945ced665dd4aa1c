/** Mounts the components and joins socket, builds and page. Data flows down, actions flow up. */

import { olderBuilds, readOverview } from "./api.js";
import { announcer } from "./announcer.js";
import { buildHistory } from "./build-history.js";
import { buildList } from "./build-list.js";
import {
  afterSnapshot,
  chosen,
  countByStatus,
  countChanged,
  fold,
  hasEnded,
  keyOf,
  projectsOf,
} from "./builds.js";
import { connectionStatus } from "./connection-status.js";
import { emptyText } from "./empty-text.js";
import { follow } from "./follow.js";
import { mayDoEverything, mayRead, mayReadAll, mayStart } from "./grants.js";
import { caughtUpText } from "./liveness.js";
import { pageHead } from "./page-head.js";
import { recall } from "./person.js";
import { recover } from "./notes.js";
import { placeAt } from "./place.js";
import { presses } from "./presses.js";
import { projectList } from "./project-list.js";
import { queueOverview } from "./queue-overview.js";
import { setText } from "./render.js";
import { sharePanel } from "./share.js";
import { startForm } from "./start-form.js";
import { moment, seconds } from "./time.js";
import { UNKNOWN, visits } from "./visitor.js";
import { NOT_SIGNED_IN } from "./who.js";

const SHOWN = 200; // cards at first
const OLDER = 50; // builds that one press on “Show older builds” adds
const OLDER_BUILDS = "older"; // the control of that button

// In ms:
const TICK = 1000;
const LAGGING = 10_000; // from this lag on the foot of the page says that history is behind
const CAUGHT_UP = 20_000; // how long the page says what changed while it was not live
const FLICKER = 3000; // live for less than this counts as not live all along
const FIRST_PICTURE = 1000; // after this the page is shown without a snapshot

const place = placeAt(location.pathname);
const at = (id) => document.getElementById(id);

const updateStatus = connectionStatus(at("connection-status"));
const updateHead = pageHead(at("page-head"), place);
const updateForm = place.build ? null : startForm(at("start-form"), place);
const updateProjects = place.project ? null : projectList(at("project-list"));
const history = place.build ? buildHistory(at("build-history"), place) : null;
const updateOverview = place.project ? null : queueOverview(at("queue-overview"), readOverview);
const updateShare = place.build ? sharePanel(at("share"), place) : null;
const list = buildList(at("build-list"));
const announce = announcer(at("announcer"), setTimeout);
document.body.dataset.page = place.build ? "build" : place.project ? "project" : "all";

let builds = new Map(); // key → state
const heard = new Set(); // keys of the builds that came since the connection began
let more = false; // whether there are older builds
let cursor; // the next page of older builds begins before it
let pictured = false; // whether a snapshot has come
let visitor = UNKNOWN; // who looks at the page
let pictureOf = null; // the identity of the one for whom the picture is
let shut = false; // whether the gateway refuses the connection, or what it is for
let refusal = ""; // why the gateway refuses this page
let trouble = ""; // why else there is no connection
let answered = false; // whether that was an answer
let liveness = { live: false, well: false, workers: null };
let away = null; // the builds as they were when the page stopped being live
let returned = -FLICKER; // when it was live again
let caughtUp = ""; // the sentence about what changed, shown for CAUGHT_UP
let forgetting; // the timer that takes it away
let recoveries = -1; // how often all was well again
let clockOffset = 0; // of the gateway, in ms

/* From the gateway */

const connection = follow([place.filter], {
  opened() {
    heard.clear();
    if (shut) session.check();
    else if (visitor.known && !isAtHome()) session.came(); // what it was may be over
    shut = false;
  },
  snapshot(snapshot) {
    builds = afterSnapshot(builds, snapshot, heard);
    more = snapshot.more && !place.build;
    cursor = undefined;
    pictured = true;
    if (visitor.known) showPage();
    refusal = trouble = "";
    drawAll();
  },
  build: receive,
  feed({ time, pid, merged, recorder_lag_ms: behind }) {
    clockOffset = (moment(time) ?? Date.now()) - Date.now();
    setText(at("served-by"), `served by process ${pid}`);
    setText(at("merged"), merged ? `${merged} updates merged` : "");
    setText(at("behind"), behind > LAGGING ? `history is ${seconds(behind)} behind` : "");
  },
  liveness(next) {
    const before = liveness;
    liveness = next;
    if (before.live !== next.live) comeOrGo();
    else if (before.workers !== next.workers) drawAll();
    if (next.well) recovered(!before.well);
    updateStatus({ ...next, detail: next.detail || caughtUp });
  },
  refused(message, code) {
    shut = true;
    refusal = code === NOT_SIGNED_IN ? "" : message;
    if (code === NOT_SIGNED_IN) session.need();
    drawAll();
  },
  troubled(message, isAnswer) {
    refusal = "";
    trouble = message;
    answered = isAnswer;
    drawAll();
  },
});

const showPage = () => (document.body.dataset.pictured = "");
setTimeout(showPage, FIRST_PICTURE);

/* Who one is */

const elements = { account: at("account"), signIn: at("sign-in"), note: at("link-note") };
const session = visits(elements, (next, entered) => {
  visitor = next;
  const { rights, identity } = next;
  updateShare?.(next.signedIn && !next.byLink && mayReadAll(rights, place));
  updateOverview?.(rights.operate);
  document.body.toggleAttribute("data-plain", place.project !== null && !mayStart(rights, place.project));
  const other = pictureOf !== null && pictureOf !== identity;
  if (mayRead(rights)) {
    if (other) forgetPicture();
    if (other || entered) connection.again();
    pictureOf = identity;
  } else if (other && next.isOut) {
    forgetPicture(); // else it waits until somebody signs in again, as it was
  }
  if (pictured || next.why) showPage();
  drawAll();
});

/** Whether everybody may do everything here, so that nobody has to be asked for. */
const isAtHome = () => !visitor.signedIn && mayDoEverything(visitor.rights);

/** The picture was for somebody else. */
function forgetPicture() {
  builds = new Map();
  history?.forget();
  notes.clear();
  pictured = false;
  pictureOf = away = null;
}

/** Handle a change of `liveness.live`; on return, say what changed since the page was live. */
function comeOrGo() {
  clearTimeout(forgetting);
  caughtUp = "";
  if (!liveness.live) {
    if (performance.now() - returned >= FLICKER) away = new Map(builds);
  } else if (away) {
    returned = performance.now();
    caughtUp = caughtUpText(countChanged(away, builds));
    forgetting = setTimeout(() => (caughtUp = ""), CAUGHT_UP);
  }
  drawAll();
}

/** All is well; `returned`: it was not so until now. */
function recovered(returned) {
  if (returned) recoveries += 1;
  const controls = recover(notes, returned, performance.now());
  if (returned || controls.length) drawAll();
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

/* From a person */

const { notes, attempt } = presses({
  by: () => (!visitor.signedIn && recall()) || undefined, // of somebody signed in the gateway knows it
  well: () => liveness.well,
  came(state) {
    if (!place.build || keyOf(state) === keyOf(place)) receive(state);
  },
  noted(control) {
    draw(control);
    list.note(notes.get(OLDER_BUILDS) ?? {});
    showOverview();
  },
});

document.addEventListener("show-older", () =>
  attempt(OLDER_BUILDS, async () => {
    const ended = chosen(builds, limit).filter(hasEnded);
    const before = cursor ?? ended[ended.length - 1]?.build;
    const older = await olderBuilds({ project: place.project, before, limit: OLDER });
    cursor = older.next ?? undefined;
    more = older.next !== null;
    limit += older.builds.length;
    older.builds.forEach(receive);
    drawAll();
    return {};
  }),
);

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
  const context = { now: gatewayTime(), live: liveness.live, workers: liveness.workers, rights: visitor.rights };
  for (const key of changed) {
    const state = builds.get(key);
    if (!state) continue;
    list.refresh(state, { ...context, note: notes.get(key) });
    history?.update(state, recoveries);
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
  const empty = emptyText(place, { refusal, trouble, pictured, visitor });
  list.arrange(states, { empty, refusal: refusalText(), hidden, older: more });
  list.note(notes.get(OLDER_BUILDS) ?? {});
}

/** Drop an ended build that is not shown: “Show older builds” reads it from history again. */
function forget(key) {
  builds.delete(key);
  more = true;
  cursor = undefined;
}

/** Why the page is not let in, or what else was answered instead of a connection. */
const refusalText = () => refusal || (pictured && answered ? trouble : "");

function showOverview() {
  const { live, workers } = liveness;
  const { rights, signedIn } = visitor;
  const context = { now: gatewayTime(), live, workers, rights };
  const state = builds.get(keyOf(place));
  updateHead({ ...context, known: pictured, counts: countByStatus(builds, context.now), state });
  const projects = projectsOf(builds, context.now);
  updateForm?.({
    projects: projects.map(({ project }) => project),
    rights,
    signedIn,
    note: notes.get("form"),
  });
  updateProjects?.(projects, { ...context, notes });
}

const gatewayTime = () => Date.now() + clockOffset;

// Frames stop in a hidden tab and a timer does not: the title stays true, nothing piles up.
setInterval(() => {
  for (const state of chosen(builds, limit)) changed.add(keyOf(state));
  drawChanged();
  showOverview();
}, TICK);
