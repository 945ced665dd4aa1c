/** Every project at a glance, favourites first, with a button for its next build where the newest one was started. */

import { lookOf, statusOf, summaryOf, toneOf } from "../builds/build-view.js";
import { isRepeatable } from "../builds/builds.js";
import { mayStart } from "../person/grants.js";
import { projectPath } from "../page/place.js";
import {
  copyOf,
  dispatch,
  partsOf,
  setAttribute,
  setChildren,
  setDisabled,
  setHidden,
  setText,
} from "../page/render.js";

const FEW = 12; // projects without a press on “Show all”

/**
 * Returns `update(rows, {notes, now, live, workers, rights})`, rows as `projectRows` gives them. The buttons dispatch
 * `start-build`, and `star` with {project}.
 */
export function projectList(element) {
  const parts = partsOf(element);
  const rows = new Map();
  let all = false; // whether all are shown
  let last = () => {};
  parts.all.addEventListener("click", () => {
    all = !all;
    last();
  });

  function create(project) {
    const row = copyOf("project-row");
    const cells = partsOf(row);
    cells.name.textContent = project;
    cells.link.href = projectPath(project);
    cells.link.title = project;
    cells.start.setAttribute("aria-label", `Start a build of ${project}`);
    cells.star.setAttribute("aria-label", `${project} is a favourite`);
    cells.star.addEventListener("click", () => dispatch(row, "star", { project }));
    cells.start.addEventListener("click", () =>
      dispatch(row, "start-build", { control: controlOf(project), project, ...workOf(rows.get(project).newest) }),
    );
    rows.set(project, { row, cells, newest: null });
    return row;
  }

  return function update(projects, context) {
    last = () => update(projects, context);
    const { notes, now, live, workers, rights } = context;
    const few = projects.filter(({ favourite }, index) => favourite || index < FEW);
    const shown = all ? projects : few;
    setHidden(element, projects.length === 0);
    setText(parts.all, all ? "Show fewer" : `Show all ${projects.length}`);
    setHidden(parts.all, few.length === projects.length);
    setAttribute(parts.all, "aria-expanded", all);
    setChildren(parts.rows, shown.map(({ project }) => project), create);
    for (const { project, favourite, newest, ...counts } of shown) {
      const known = rows.get(project);
      const { row, cells } = known;
      known.newest = newest;
      const note = notes.get(controlOf(project)) ?? {};
      const look = newest ? lookOf(newest, now) : "queued";
      setAttribute(row, "data-look", look);
      setAttribute(row, "data-tone", newest ? toneOf(newest) : "idle");
      setAttribute(row, "data-stale", !live && Boolean(summaryOf(counts)));
      setAttribute(cells.icon, "href", `#icon-${look}`);
      setAttribute(cells.star, "aria-pressed", favourite);
      setText(cells.state, summaryOf(counts) || (newest ? statusOf(newest, now, workers) : "no builds yet"));
      setText(cells.alert, note.alert ?? "");
      setHidden(cells.start, !newest || !isRepeatable(newest) || !mayStart(rights, project));
      setDisabled(cells.start, Boolean(note.busy));
    }
  };
}

/** What the next build of a project is: what the newest one was. */
const workOf = ({ job, parameters, script }) => (job ? { job, parameters } : { script });

const controlOf = (project) => `project:${project}`;
