/** What the card and the row of a build have in common: its name, its button, and what came of a press. */

import { shortId } from "./build-view.js";
import { clock } from "../text/time.js";
import { buildPath, projectPath } from "../page/place.js";
import { copyOf, dispatch, partsOf, setAttribute, setDisabled, setHidden, setText } from "../page/render.js";

const SETTLING = 600; // ms
const NOTHING = {}; // what is shown of a build before its first drawing

/**
 * An item of a list, made from the template `id`: {element, update(state, context)}. `name(parts, state)` writes what
 * never changes of a build, `viewOf(state, context)` says what is to be shown, and `draw(parts, view, before)` shows it;
 * `before` is the view that is there.
 */
export function buildItem(id, { name, viewOf, draw }) {
  const element = copyOf(id);
  const parts = partsOf(element);
  let shown = null; // the state
  let seen = NOTHING; // the view
  let settling = 0; // the timer
  parts.button.addEventListener("click", () => {
    if (seen.button) dispatch(element, `${seen.button.action}-build`, { control: element.dataset.key, ...shown });
  });

  function become(state) {
    const { project, build } = state;
    clearTimeout(settling);
    settling = 0;
    seen = NOTHING;
    parts.project.textContent = project;
    parts.project.href = projectPath(project);
    parts.build.title = build;
    parts.build.href = buildPath(state);
    parts.errors.href = `${buildPath(state)}#error-1`;
    name(parts, state);
  }

  function update(state, context) {
    const other = !shown || shown.build !== state.build || shown.project !== state.project;
    const renamed = shown?.title !== state.title || shown?.job !== state.job;
    shown = state;
    if (other) become(state);
    else if (renamed) name(parts, state);
    const view = viewOf(state, context);
    const before = seen;
    seen = view;
    if (view.look !== before.look) {
      setAttribute(element, "data-look", view.look);
      setAttribute(parts.icon, "href", `#icon-${view.look}`);
    }
    if (view.tone !== before.tone) setAttribute(element, "data-tone", view.tone);
    if (view.stale !== before.stale) setAttribute(element, "data-stale", view.stale);
    if (view.errors !== before.errors) setText(parts.errors, view.errors);
    if (view.since !== before.since) parts.time.title = view.since === null ? "" : clock(view.since, context.now);
    setButton(view.button, before.button);
    if (view.alert !== before.alert) setText(parts.alert, view.alert);
    if (view.started !== before.started) setStarted(view.started);
    draw(parts, view, before);
  }

  function setButton(button, before) {
    if (!button || !before || button.action !== before.action || button.label !== before.label) {
      setHidden(parts.button, button === null);
      if (!button) return;
      if (button.action === "start" && before?.action === "stop") settle();
      parts.label.textContent = button.label;
      setAttribute(parts.button, "data-action", button.action);
      setAttribute(parts.button, "aria-label", `${button.label} ${shown.project} ${shortId(shown.build)}`);
    }
    setDisabled(parts.button, button.disabled || settling !== 0);
  }

  // The button turns from “Stop” into “Start again” when a build ends. It takes no press for a
  // moment, so that one meant to stop does not start.
  function settle() {
    settling = setTimeout(() => {
      settling = 0;
      setDisabled(parts.button, Boolean(seen.button?.disabled));
    }, SETTLING);
  }

  function setStarted(started) {
    setHidden(parts.started, !started);
    if (!started) return;
    setText(parts.startedLink, shortId(started.build));
    setAttribute(parts.startedLink, "href", buildPath(started));
  }

  return { element, update };
}
