/** What the tab of the browser says of its page: the title, and what its icon shows. Pure. */

import { errorCount, shortId, statusOf, summaryOf } from "../builds/build-view.js";
import { countByStatus, hasEnded, isLost } from "../builds/builds.js";
import { isolated } from "../text/foreign-text.js";

const STEPS = 20; // that the icon has: it is drawn anew when one is done

const RED = "✗";
const DONE = "✓";

const isRed = (state) => state.status === "failed" || (state.errors > 0 && !hasEnded(state));

/**
 * The title of a page about `state` (undefined while it is not known), or about many builds, of which `ended` are
 * those that ended since somebody looked. `known`: builds have come; `live`: what they say is of now.
 */
export function titleOf({ project, build }, { builds, state, ended, known, live, now, workers }) {
  const name = build ? `${project} ${shortId(build)}` : (project ?? "");
  const news = build ? state && titleOfOne(state, now, workers) : titleOfMany(builds, ended, now);
  return [known && !live ? "Not live" : "", news, name, "Buildfeed"].filter(Boolean).join(" · ");
}

function titleOfOne(state, now, workers) {
  const mark = isRed(state) ? `${RED} ` : state.status === "succeeded" ? `${DONE} ` : "";
  const errors = state.errors && !hasEnded(state) ? `, ${errorCount(state.errors)}` : "";
  const title = state.title ? ` · ${isolated(state.title)}` : "";
  return `${mark}${statusOf(state, now, workers)}${errors}${title}`;
}

function titleOfMany(builds, ended, now) {
  const states = [...builds.values()].filter((state) => !hasEnded(state));
  const red = states.filter(isRed).length;
  const failed = ended.filter(isRed).length;
  const parts = [];
  if (failed) parts.push(`${failed} failed`);
  else if (ended.length) parts.push(`${ended.length} done`);
  if (red) parts.push(`${red} red`);
  const summary = summaryOf(countByStatus(builds, now));
  if (summary) parts.push(summary);
  const mark = red || failed ? `${RED} ` : ended.length ? `${DONE} ` : "";
  return mark + parts.join(", ");
}

/**
 * What the icon shows: {tone, part, mark}, or null for the icon that the page came with. `tone` is `good`, `bad` or
 * `idle`, `part` how much of the ring is full, of STEPS, `mark` is "" or `done`, `red`.
 */
export function iconOf({ build }, { builds, state, ended }) {
  if (build) return state ? iconOfOne(state) : null;
  const running = [...builds.values()].filter((one) => one.status === "running" && !isLost(one));
  if (running.length) {
    const whole = running.reduce((sum, { progress }) => sum + progress, 0) / running.length;
    return { tone: running.some(isRed) ? "bad" : "good", part: stepsOf(whole), mark: "" };
  }
  if (ended.length === 0) return null;
  return ended.some(isRed) ? { tone: "bad", part: STEPS, mark: "red" } : { tone: "good", part: STEPS, mark: "done" };
}

function iconOfOne(state) {
  if (state.status === "succeeded") return { tone: "good", part: STEPS, mark: "done" };
  if (state.status === "failed") return { tone: "bad", part: STEPS, mark: "red" };
  const tone = isRed(state) ? "bad" : state.status === "running" && !isLost(state) ? "good" : "idle";
  return { tone, part: stepsOf(state.progress), mark: "" };
}

const stepsOf = (progress) => Math.round((progress / 100) * STEPS);

const COLOURS = { good: "#4cc38a", bad: "#ff7b6e", idle: "#9aa7b8" };
const MARKS = { "": "", done: "m11 16.5 3.5 3.5 7-8", red: "m12 12 8 8m0-8-8 8" };
const RADIUS = 10;

/** The icon as an SVG: a ring on the ground of favicon.svg. */
export function drawn({ tone, part, mark }) {
  const around = 2 * Math.PI * RADIUS;
  const full = (around * part) / STEPS;
  const ring = `cx="16" cy="16" r="${RADIUS}" fill="none" stroke-width="4"`;
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#1d2530"/>',
    `<circle ${ring} stroke="#fff" stroke-opacity=".2"/>`,
    `<circle ${ring} stroke="${COLOURS[tone]}" stroke-dasharray="${full.toFixed(1)} 99" transform="rotate(-90 16 16)"/>`,
    MARKS[mark] && `<path d="${MARKS[mark]}" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/>`,
    "</svg>",
  ].join("");
}
