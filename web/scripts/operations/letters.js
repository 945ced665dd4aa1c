/** Starts that were given up, as operators see them, of the body of `GET /api/dead`. Pure. */

import { shortId } from "../builds/build-view.js";
import { mayStart, mayStop } from "../person/grants.js";
import { phrase } from "../text/phrase.js";
import { ago, moment } from "../text/time.js";

const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** The rows, one for each build: [{key, project, build, name, facts, why, retry, drop}]; `now` in ms. */
export function rowsOf({ letters }, rights, now) {
  const rows = new Map();
  for (const letter of letters) {
    const key = `${letter.project}/${letter.build}`;
    const twice = rows.get(key);
    if (twice) twice.letters += 1;
    else rows.set(key, { ...letter, key, letters: 1 });
  }
  return [...rows.values()].map((letter) => rowOf(letter, rights, now));
}

function rowOf({ key, project, build, by, job, reason, attempts, died, retryable, letters }, rights, now) {
  const named = NAME.test(project) && NAME.test(build); // else no address leads to it
  const time = moment(died);
  const facts = [];
  if (job) facts.push(phrase`job ${job}`);
  if (by) facts.push(phrase`started by ${by}`);
  if (attempts) facts.push(`${attempts} deliveries`);
  if (letters > 1) facts.push(`${letters} letters`);
  if (time !== null) facts.push(`given up ${ago(now - time)}`);
  return {
    key,
    project,
    build,
    name: phrase`${project || "no project"} ${named ? shortId(build) : build}`,
    facts,
    why: [phrase`${reason.replace(/\.+$/, "")}`, ...(named ? [] : ["only “buildfeed dead drop --all” removes it"])],
    retry: named && retryable && mayStart(rights, project),
    drop: named && mayStop(rights, project),
  };
}

/** What is said above the list; "" while it is not known. */
export function leadOf(dead) {
  if (!dead) return "";
  const { kept, letters, hidden, more } = dead;
  if (!kept) return "Without RabbitMQ no start is given up: it waits in the history until a worker takes it.";
  if (!letters.length && !hidden) return "None: every start was taken by a worker.";
  const unseen = hidden ? ` ${hidden} of builds that you may not see.` : "";
  const first = more ? " These are the first ones." : "";
  return `Starts that a worker refused, or that nobody finished. Retry begins a new build with the same wish; drop removes it for good.${unseen}${first}`;
}
