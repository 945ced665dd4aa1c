/**
 * Which news are worth a notification, and what it says. Pure.
 *
 * One chooses a build, a project, or one's own builds, and is told of the first error of each such build and of its
 * end. A choice is a text: `build:{project}/{build}`, `project:{project}` or `mine`.
 */

import { errorCount, shortId, statusOf } from "../builds/build-view.js";
import { hasEnded, keyOf } from "../builds/builds.js";
import { isolated, oneLine } from "../text/foreign-text.js";

export const MINE = "mine";
export const ofBuild = (place) => `build:${keyOf(place)}`;
export const ofProject = ({ project }) => `project:${project}`;

const LONGEST = 160; // characters of an error

/** Whether one of the choices is about a build; `me` is one's name, "" without one. */
export function isChosen(choices, state, me) {
  return (
    choices.has(ofBuild(state)) ||
    choices.has(ofProject(state)) ||
    (choices.has(MINE) && me !== "" && state.by === me)
  );
}

/**
 * What happened to a build between two of its states, as {tag, title, body}, null when it is nothing to tell. A build
 * that is new to the page has no state before: what was, happened before anybody listened.
 */
export function noticeOf(before, after) {
  if (!before) return null;
  const name = `${after.project} ${shortId(after.build)}`;
  const error = after.errors ? shortened(oneLine(after.error ?? "")) : "";
  const body = [after.title && isolated(after.title), error && isolated(error)].filter(Boolean).join("\n");
  if (hasEnded(after) && !hasEnded(before)) {
    const errors = after.errors ? `, ${errorCount(after.errors)}` : "";
    return { tag: `${keyOf(after)} ended`, title: `${name}: ${statusOf(after)}${errors}`, body };
  }
  if (!hasEnded(after) && after.errors > 0 && before.errors === 0) {
    return { tag: `${keyOf(after)} red`, title: `${name} has its first error`, body };
  }
  return null;
}

const shortened = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
