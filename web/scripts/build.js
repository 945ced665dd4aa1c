/** The page of one build: joins the picture and the components. Data flows down, actions flow up. */

import { buildHistory } from "./build/build-history.js";
import { buildState } from "./build/build-state.js";
import { earlierBuilds } from "./build/earlier-builds.js";
import { errorList } from "./build/error-list.js";
import { errorReader } from "./build/error-reader.js";
import { factList } from "./build/fact-list.js";
import { replay } from "./build/replay.js";
import { sharePanel } from "./build/share.js";
import { subjectOf, unknownText } from "./build/state-words.js";
import { announcer, isToldOf } from "./builds/announcer.js";
import { hasEnded, keyOf } from "./builds/builds.js";
import { recover } from "./builds/notes.js";
import { presses } from "./builds/presses.js";
import { followed } from "./live/picture.js";
import { outputPanel } from "./output/panel.js";
import { pageHead } from "./page/page-head.js";
import { placeAt } from "./page/place.js";
import { setHidden, setPhrases, setText } from "./page/render.js";
import { mayReadAll } from "./person/grants.js";
import { recall } from "./person/person.js";
import { moment } from "./text/time.js";

const TICK = 1000; // ms

const place = placeAt(location.pathname);
const key = keyOf(place);
const at = (id) => document.getElementById(id);
document.body.dataset.page = "build";

const updateHead = pageHead(at("page-head"), place);
const updateState = buildState(at("build-state"), place);
const updateFacts = factList(at("facts"));
const updateShare = sharePanel(at("share"), place);
const history = buildHistory(at("build-history"), place);
const earlier = earlierBuilds(at("earlier-builds"), place, drawSoon);
const errors = errorList(at("errors"));
const output = outputPanel(at("output"), place);
const announce = announcer(at("announcer"), setTimeout);
const player = replay(at("replay"), place, showFrame);

let told = { errors: new Map(), more: false, alert: "" }; // which errors were read
let frame = null; // what is seen of a replay, see recording.js
let errorWanted = null; // {number, focused} of the error that the address names, until it is there
let waiting = false; // for the next frame

const reader = errorReader(place, (next) => {
  told = next;
  showErrors();
});

/* From the gateway */

const filters = [place.filter, place.filter.replace(/#$/, "log")]; // output is sent to those who name it
const picture = followed(filters, {
  all: drawSoon,
  log: output.heard,
  build(of, before, after) {
    if (of !== key) return;
    if (before?.attempt !== after.attempt) showErrors();
    if (before?.status !== after.status) {
      if (!notes.get("build-state")?.busy) notes.delete("build-state");
    }
    if (isToldOf(before, after)) announce(after);
    drawSoon();
  },
  visitor({ rights, signedIn, byLink }) {
    updateShare(signedIn && !byLink && mayReadAll(rights, place));
  },
  well(returned) {
    const controls = recover(notes, returned, performance.now());
    if (returned && picture.recoveries > 0) output.refresh();
    if (returned || controls.length) drawSoon();
  },
  cleared() {
    for (const part of [history, reader, output, earlier]) part.forget();
    notes.clear();
  },
});

/* From a person */

const { notes } = presses({
  by: () => (!picture.visitor.signedIn && recall()) || undefined, // of somebody signed in the gateway knows it
  well: () => picture.liveness.well,
  came(state) {
    if (keyOf(state) === key) picture.receive(state);
  },
  noted: drawSoon,
});

document.addEventListener("more-errors", reader.more);
document.addEventListener("find-in-output", ({ detail }) => output.find(detail.text));
addEventListener("hashchange", heedAddress);
heedAddress();

/** The address may name a line of the output, or an error. */
function heedAddress() {
  const [, what, number] = location.hash.match(/^#(line|error)-(\d{1,9})$/) ?? [];
  if (what === "line") output.toLine(Math.max(Number(number), 1));
  if (what !== "error") return;
  errorWanted = { number: Number(number), focused: document.activeElement };
  reader.until(errorWanted.number).then(showErrors);
}

/* Drawing: once a frame at most */

function drawSoon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(draw);
}

function draw() {
  waiting = false;
  const { liveness, visitor } = picture;
  const recoveries = Math.max(picture.recoveries, 0); // the first time all was well is none
  const state = picture.builds.get(key);
  const now = { now: picture.now(), live: liveness.live, workers: liveness.workers, rights: visitor.rights };
  updateHead({ ...now, known: picture.known, counts: {}, state });
  setText(at("unknown"), state ? "" : unknownText(picture));
  for (const id of ["build-state", "build-more"]) setHidden(at(id), !state);
  setPhrases(at("subject"), subjectOf(state));
  if (!state) return;
  earlier.update(state, now.now);
  showState(state, now);
  updateFacts(state, now.now);
  reader.update(state, recoveries);
  history.update(state, recoveries);
  output.update(state);
  player.update(hasEnded(state));
}

function showState(state, now) {
  const context = { ...now, note: notes.get("build-state"), usual: earlier.usual(), replayed: frame !== null };
  updateState(frame ? { ...frame.state, project: place.project, build: place.build } : state, context);
}

function showErrors() {
  const until = frame?.time ?? Infinity;
  const shown = [...told.errors].filter(([, { published }]) => (moment(published) ?? 0) <= until);
  errors.update({ ...told, errors: new Map(shown) }, frame?.attempt ?? picture.builds.get(key)?.attempt ?? 1);
  history.errors(told.errors);
  // Whoever has gone elsewhere while it was read stays there.
  const free = [errorWanted?.focused, document.body].includes(document.activeElement);
  if (errorWanted && errors.toError(errorWanted.number, free)) errorWanted = null;
}

/** A replay shows the build as it was; null: as it is. */
function showFrame(next) {
  frame = next;
  history.until(frame?.time ?? null);
  output.limit(frame && { attempt: frame.attempt, lines: frame.lines });
  showErrors();
  drawSoon();
}

// Times go on; in a hidden tab nothing is drawn.
setInterval(() => document.hidden || draw(), TICK);
document.addEventListener("visibilitychange", drawSoon);
