/** The bar that other pages frame: the newest build of a project, live. It has nothing to press but a link. */

import { ROOT } from "./api/root.js";
import { afterSnapshot, fold, hasEnded, keyOf } from "./builds/builds.js";
import { emptyOf, newestEnded, projectAt, shownOf, viewOf } from "./embed/embed-view.js";
import { follow } from "./live/follow.js";
import { projectPath } from "./page/place.js";
import { partsOf, setAttribute, setHidden, setPhrases, setText } from "./page/render.js";
import { moment } from "./text/time.js";

const TICK = 1000; // ms
const KEPT = 300; // builds; a bar may be open for weeks

const element = document.getElementById("embed");
const parts = partsOf(element);
const project = projectAt(location.pathname, ROOT);
const heard = new Set(); // keys of the builds that came since the connection began
let builds = new Map();
let known = false;
let refusal = null;
let trouble = "";
let liveness = { live: false, workers: null, text: "", detail: "" };
let clockOffset = 0; // of the gateway, in ms

parts.name.textContent = project;
parts.link.href = projectPath(project);
document.title = `${project} · Buildfeed`;
document.body.dataset.page = "embed"; // the page has started

follow([`builds/${project}/#`], {
  opened: () => heard.clear(),
  snapshot(snapshot) {
    builds = afterSnapshot(builds, snapshot, heard);
    known = true;
    refusal = null;
    trouble = "";
    draw();
  },
  build(state) {
    heard.add(keyOf(state));
    builds.set(keyOf(state), fold(builds.get(keyOf(state)), state));
    draw();
  },
  feed: ({ time }) => (clockOffset = (moment(time) ?? Date.now()) - Date.now()),
  liveness(next) {
    const changed = next.live !== liveness.live || next.text !== liveness.text;
    liveness = next;
    if (changed) draw();
  },
  refused(message, code) {
    refusal = { message, code };
    draw();
  },
  troubled(message) {
    trouble = message;
    draw();
  },
});

let waiting = false; // for the next frame

function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    show();
  });
}

function show() {
  if (document.hidden) return; // the next tick after it is seen again
  if (builds.size > KEPT) {
    const newest = newestEnded(builds);
    builds = new Map([...builds].filter(([, one]) => !hasEnded(one) || one === newest));
  }
  const state = refusal ? null : shownOf(builds);
  setText(parts.empty, emptyOf({ project, known, refusal, trouble, builds }));
  setHidden(parts.bar, !state);
  setHidden(parts.icon.ownerSVGElement.parentElement, !state);
  setText(parts.live, state && !liveness.live ? `Not live: ${liveness.text.toLowerCase()}` : "");
  setAttribute(element, "data-stale", Boolean(state) && !liveness.live);
  if (!state) {
    setText(parts.status, "");
    setText(parts.when, "");
    setPhrases(parts.title, []);
    return;
  }
  const view = viewOf(state, builds, { now: Date.now() + clockOffset, workers: liveness.workers });
  setAttribute(element, "data-look", view.look);
  setAttribute(element, "data-tone", view.tone);
  setAttribute(parts.icon, "href", `#icon-${view.look}`);
  setText(parts.status, view.status);
  setPhrases(parts.title, view.title);
  setText(parts.when, view.when);
  if (view.progress === null) parts.bar.removeAttribute("aria-valuenow");
  else setAttribute(parts.bar, "aria-valuenow", view.progress);
  setAttribute(parts.bar, "aria-valuetext", view.status);
  setAttribute(parts.bar, "data-open", view.progress === null);
  parts.fill.style.setProperty("--progress", (view.progress ?? 100) / 100);
}

setInterval(show, TICK);
