/** The top of a build's page: its state, how far it is, how much is left, and the button that stops it or starts it again. */

import { errorCount, lookOf, shortId, statusOf, toneOf } from "../builds/build-view.js";
import { hasEnded, isRepeatable } from "../builds/builds.js";
import { buildPath } from "../page/place.js";
import { dispatch, partsOf, setAttribute, setHidden, setPhrases, setText } from "../page/render.js";
import { mayStart, mayStop } from "../person/grants.js";
import { barOf, leftOf, lostOf, phaseOf, stepsOf, timeOf, usualOf } from "./state-words.js";

const SETTLING = 600; // ms

/**
 * Returns `update(state, {now, live, workers, rights, note, usual, replayed})`: `note` is what came of the last press
 * (notes.js), `usual` how long earlier builds took in ms, and `replayed`: the state is one of the past.
 *
 * The button dispatches `start-build` or `stop-build`. It is never disabled, as that would take the focus away from it.
 */
export function buildState(element, place) {
  const parts = partsOf(element);
  const name = `${place.project} ${shortId(place.build)}`;
  parts.bar.setAttribute("aria-label", `Progress of ${name}`);
  let shown;
  let button = null;
  let settled = true;

  parts.button.addEventListener("click", () => {
    if (!button || button.busy || !settled) return;
    dispatch(element, `${button.action}-build`, { control: element.id, ...shown });
  });

  return function update(state, context) {
    shown = state;
    const { now, live, workers, note = {}, usual, replayed } = context;
    const said = { now, live: live || replayed };
    const look = lookOf(state, now);
    setAttribute(element, "data-look", look);
    setAttribute(element, "data-tone", toneOf(state));
    setAttribute(element, "data-stale", !said.live && !hasEnded(state));
    setAttribute(parts.icon, "href", `#icon-${look}`);
    setText(parts.status, statusOf(state, now, workers));
    setText(parts.errors, state.errors ? errorCount(state.errors) : "");
    setHidden(parts.high, state.priority !== "high" || hasEnded(state));
    setText(parts.replayed, replayed ? "Replay" : "");
    setBar(state, now);
    setText(parts.steps, stepsOf(state));
    setPhrases(parts.phase, [phaseOf(state)].filter(Boolean));
    const times = replayed ? [] : [timeOf(state, said), leftOf(state, said), usualOf(state, usual)];
    setPhrases(parts.times, times.filter(Boolean));
    setPhrases(parts.lost, [lostOf(state, workers)].filter(Boolean));
    setButton(replayed ? null : buttonOf(state, note, context.rights));
    setText(parts.alert, note.alert ?? "");
    setHidden(parts.started, !note.started);
    if (note.started) {
      setText(parts.startedLink, shortId(note.started.build));
      setAttribute(parts.startedLink, "href", buildPath(note.started));
    }
  };

  function setBar(state, now) {
    const { filled, guessed } = barOf(state, now);
    setAttribute(parts.bar, "data-bar", toneOf(state));
    parts.bar.toggleAttribute("data-guessed", guessed);
    if (guessed) parts.bar.removeAttribute("aria-valuenow");
    else setAttribute(parts.bar, "aria-valuenow", state.progress);
    const said = [parts.status.textContent, parts.errors.textContent].filter(Boolean).join(", ");
    setAttribute(parts.bar, "aria-valuetext", said);
    parts.fill.style.setProperty("--progress", filled ?? 0);
  }

  function setButton(next) {
    const before = button;
    button = next;
    const hadFocus = document.activeElement === parts.button;
    setHidden(parts.button, next === null);
    if (next === null) {
      if (hadFocus) element.focus({ preventScroll: true });
      return;
    }
    if (next.action === "start" && before?.action === "stop") settle();
    setText(parts.button, next.label);
    setAttribute(parts.button, "data-action", next.action);
    setAttribute(parts.button, "aria-label", `${next.label} ${name}`);
    setAttribute(parts.button, "aria-disabled", Boolean(next.busy || !settled));
  }

  // “Stop” turns into “Start again” when the build ends. It takes no press for a moment, so that one meant to stop
  // does not start.
  function settle() {
    settled = false;
    setTimeout(() => {
      settled = true;
      setAttribute(parts.button, "aria-disabled", false);
    }, SETTLING);
  }
}

/** {action, label, busy}, null where there is nothing that one may do. */
function buttonOf(state, { busy = false }, rights) {
  if (hasEnded(state)) {
    if (!isRepeatable(state) || !mayStart(rights, state.project)) return null;
    return { action: "start", label: busy ? "Starting…" : "Start again", busy };
  }
  if (!mayStop(rights, state.project)) return null;
  const stopping = Boolean(busy || state.stopping);
  return { action: "stop", label: stopping ? "Stopping…" : "Stop", busy: stopping };
}
