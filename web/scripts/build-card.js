/** One build. */

import { shortId, viewOf } from "./build-view.js";
import { buildPath, projectPath } from "./place.js";
import {
  dispatch,
  partsOf,
  setAttribute,
  setDisabled,
  setHidden,
  setPhrases,
  setText,
} from "./render.js";

const SETTLING = 600; // ms

/** Returns `update(state, context)`; the button dispatches `start-build` or `stop-build`. */
export function buildCard(element, { project, build }) {
  const parts = partsOf(element);
  const name = `${project} ${shortId(build)}`;
  parts.project.textContent = project;
  parts.project.href = projectPath(project);
  parts.build.textContent = shortId(build);
  parts.build.title = build;
  parts.build.href = buildPath({ project, build });
  parts.bar.setAttribute("aria-label", `Progress of ${name}`);

  let shown;
  let pressed; // what a press of the button does
  let settled = true;
  parts.button.addEventListener("click", () => {
    if (pressed) dispatch(element, `${pressed}-build`, { control: element.dataset.key, ...shown });
  });

  return function update(state, context) {
    shown = state;
    const view = viewOf(state, context);
    setAttribute(element, "data-look", view.look);
    setAttribute(element, "data-tone", view.tone);
    setAttribute(element, "data-stale", view.stale);
    setAttribute(parts.icon, "href", `#icon-${view.look}`);
    setText(parts.status, view.status);
    setHidden(parts.high, !view.high);
    setText(parts.errors, view.errors);
    setText(parts.error, view.error);
    setBar(view);
    setTime(view.time);
    setPhrases(parts.facts, view.facts);
    pressed = view.button?.action;
    setButton(view.button);
    setText(parts.alert, view.alert);
    setHidden(parts.started, !view.started);
    if (view.started) {
      setText(parts.startedLink, shortId(view.started.build));
      setAttribute(parts.startedLink, "href", buildPath(view.started));
    }
  };

  function setBar({ tone, progress, status, errors }) {
    setAttribute(parts.bar, "data-bar", tone);
    if (progress === null) parts.bar.removeAttribute("aria-valuenow");
    else setAttribute(parts.bar, "aria-valuenow", progress);
    setAttribute(parts.bar, "aria-valuetext", [status, errors].filter(Boolean).join(", "));
    parts.fill.style.setProperty("--progress", progress / 100);
  }

  function setTime(time) {
    setHidden(parts.when, time === null);
    if (time === null) return;
    setText(parts.words, time.words);
    setText(parts.time, time.clock);
    setAttribute(parts.time, "datetime", time.iso);
  }

  function setButton(button) {
    setHidden(parts.button, button === null);
    if (button === null) return;
    const { action, label, disabled } = button;
    if (action === "start" && parts.button.dataset.action === "stop") settle();
    setText(parts.button, label);
    setAttribute(parts.button, "data-action", action);
    setAttribute(parts.button, "aria-label", `${label} ${name}`);
    setDisabled(parts.button, disabled || !settled);
  }

  // The button turns from “Stop” into “Start again” when a build ends. It takes no press for a
  // moment, so that one meant to stop does not start.
  function settle() {
    settled = false;
    setTimeout(() => {
      settled = true;
      setDisabled(parts.button, false);
    }, SETTLING);
  }
}
