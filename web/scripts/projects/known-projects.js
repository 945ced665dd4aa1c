/** All projects that one may know of: those that the gateway lists, with the builds that the page hears of. */

import { projectsOf } from "../builds/builds.js";

const PAGE = 200; // projects of one answer, the most that the gateway sends
const PAGES = 10; // with so many the list ends

/**
 * Reads the projects by `read({after, limit})`, a promise of a page, and calls `changed()` as they come. Returns
 * {read, listed, forget}: `listed()` are the projects that were read, as the gateway tells of them.
 */
export function knownProjects(read, changed) {
  let listed = [];
  let reading = 0; // counts the readings, so that a late answer does not undo a newer one

  return {
    async read() {
      const mine = ++reading;
      const found = [];
      try {
        let after;
        for (let page = 0; page < PAGES; page += 1) {
          const { projects, next } = await read({ after, limit: PAGE });
          if (mine !== reading) return;
          found.push(...projects);
          if (next === null) break;
          after = next;
        }
        listed = found;
        changed();
      } catch {
        // What is known stays: the builds on the page name their projects themselves.
      }
    },
    listed: () => listed,
    forget() {
      reading += 1;
      listed = [];
    },
  };
}

const BY_NAME = new Intl.Collator("en", { numeric: true });

/**
 * The rows of the list, favourites first: [{project, favourite, newest, succeeded, running, lost, queued, delayed}]. `listed` are the
 * projects as the gateway tells of them, `builds` those of the page, which are newer.
 */
export function projectRows(listed, builds, favourites, now) {
  const none = { running: 0, lost: 0, queued: 0, delayed: 0 };
  const rows = new Map(listed.map(({ project, newest, succeeded }) => [project, { project, ...none, newest, succeeded }]));
  for (const { project, newest, ...counts } of projectsOf(builds, now)) {
    const known = rows.get(project);
    const ours = !known?.newest || known.newest.build <= newest.build ? newest : known.newest;
    rows.set(project, { succeeded: null, ...known, project, ...counts, newest: ours });
  }
  return [...rows.values()]
    .map((row) => ({ ...row, favourite: favourites.has(row.project) }))
    .sort((a, b) => b.favourite - a.favourite || BY_NAME.compare(a.project, b.project));
}
