/** The facts of a build: what was asked for, by whom, who built it, and when. Pure. */

import { hasEnded } from "../builds/builds.js";
import { oneLine } from "../text/foreign-text.js";
import { phrase } from "../text/phrase.js";
import { clock, elapsed, moment } from "../text/time.js";

/**
 * The facts of a build in their order: [{name, said, href}]. `said` is a phrase or a text of ours, `href` an address
 * that it leads to; `isName`: the name is a text of somebody else, as that of a parameter.
 */
export function factsOf(state, now) {
  const facts = [];
  const add = (name, said, more = {}) => said && facts.push({ name, said, ...more });
  const other = (text) => (oneLine(text ?? "") ? phrase`${oneLine(text)}` : "");
  for (const [name, value] of Object.entries(state.parameters ?? {})) add(name, other(value) || "(empty)", { isName: true });
  add("Pretends", scriptOf(state));
  add("Started by", other(state.by));
  add("Stopped by", other(state.stoppedBy));
  add("Worker", other(state.worker));
  if (state.attempt > 1) add("Attempt", String(state.attempt));
  add("Priority", state.priority === "high" ? "high" : "");
  add("Exit code", exitOf(state));
  add("Asked for", at(state.queued, now));
  if (!hasEnded(state)) add("Not before", at(state.notBefore, now));
  add("Began", at(state.started, now));
  add("Waited", waitedOf(state));
  add("Ended", at(state.ended, now));
  add("Elsewhere", other(state.url), { href: addressOf(state.url) });
  add("Build", state.build);
  return facts;
}

const at = (text, now) => (moment(text) === null ? "" : clock(moment(text), now));

/** How long it waited for a worker, where that was over a second. */
function waitedOf({ queued, notBefore, started }) {
  const begun = moment(started);
  const due = Math.max(moment(queued) ?? Infinity, moment(notBefore) ?? -Infinity);
  return begun !== null && begun - due >= 1000 ? elapsed(begun - due) : "";
}

function exitOf({ exitCode }) {
  if (!Number.isInteger(exitCode)) return "";
  return exitCode < 0 ? `${exitCode}, ended by signal ${-exitCode}` : String(exitCode);
}

function scriptOf({ script }) {
  if (!script) return "";
  const { seconds, steps, errors = [] } = script;
  const said = [seconds && `${seconds} s`, steps && `${steps} ${steps === 1 ? "step" : "steps"}`].filter(Boolean);
  if (errors.length) said.push(`errors at ${errors.slice(0, 5).join(", ")}${errors.length > 5 ? ", …" : ""} %`);
  return said.join(", ");
}

/** The address, if it is one of the web: nothing else is to be followed. */
function addressOf(text) {
  try {
    const { protocol, href } = new URL(text);
    return protocol === "http:" || protocol === "https:" ? href : undefined;
  } catch {
    return undefined;
  }
}
