/**
 * What grants allow, as far as the page has to know it. Pure.
 *
 * A grant is a text, as `/api/session` has it: `read:FILTER`, `start:PROJECT`, `stop:PROJECT` (`*` is every
 * project), `operate`, and others that the page has no button for. The gateway decides; the page leaves out
 * what would be refused.
 */

const ANY = "*";

/** {areas, start, stop, operate}: [project, build, kind] that may be read (null: any), names of projects. */
export function rightsOf(grants) {
  const rights = { areas: [], start: new Set(), stop: new Set(), operate: grants.includes("operate") };
  for (const grant of grants) {
    const [action, where] = grant.split(/:(.*)/);
    if (action === "read") rights.areas.push(areaOf(where));
    else if (action === "start" || action === "stop") rights[action].add(where);
  }
  return rights;
}

export const NOTHING = rightsOf([]);

export const mayStart = ({ start }, project) => start.has(ANY) || start.has(project);

export const mayStop = ({ stop }, project) => stop.has(ANY) || stop.has(project);

/** The projects of which one may start builds: null for every project, or their names in order. */
export const startable = ({ start }) => (start.has(ANY) ? null : [...start].sort());

/** Whether one may read anything at all. */
export const mayRead = ({ areas }) => areas.length > 0;

/** Whether one may read every activity of a build. */
export const mayReadAll = ({ areas }, { project, build }) =>
  areas.some((area) => [project, build, null].every((level, i) => area[i] === null || area[i] === level));

/** Whether there is nothing on the page that one may not do. */
export const mayDoEverything = (rights) =>
  rights.operate &&
  rights.start.has(ANY) &&
  rights.stop.has(ANY) &&
  rights.areas.some((area) => area.every((level) => level === null));

/** The one build that is all there is to see and to do, null if there is more. */
export function onlyBuild({ areas, start, stop, operate }) {
  if (areas.length !== 1 || start.size || stop.size || operate) return null;
  const [[project, build]] = areas;
  return project && build ? { project, build } : null;
}

/** The levels after `builds` in a filter of builds; those that it does not name are null. */
function areaOf(filter) {
  const levels = filter.split("/").slice(1);
  return [0, 1, 2].map((i) => (["+", "#", undefined].includes(levels[i]) ? null : levels[i]));
}
