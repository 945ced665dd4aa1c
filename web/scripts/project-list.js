/** Every project at a glance, with a button for its next build where the newest one has a script. */

import { lookOf, statusOf, summaryOf, toneOf } from "./build-view.js";
import { isRepeatable } from "./builds.js";
import { mayStart } from "./grants.js";
import { projectPath } from "./place.js";
import {
  copyOf,
  dispatch,
  partsOf,
  setAttribute,
  setChildren,
  setDisabled,
  setHidden,
  setText,
} from "./render.js";

/** Returns `update(projects, {notes, now, live, workers, rights})`; a button dispatches `start-build`. */
export function projectList(element) {
  const parts = partsOf(element);
  const rows = new Map();

  function create(project) {
    const row = copyOf("project-row");
    const cells = partsOf(row);
    cells.name.textContent = project;
    cells.link.href = projectPath(project);
    cells.start.setAttribute("aria-label", `Start a build of ${project}`);
    cells.start.addEventListener("click", () =>
      dispatch(row, "start-build", { control: controlOf(project), project }),
    );
    rows.set(project, { row, cells });
    return row;
  }

  return function update(projects, { notes, now, live, workers, rights }) {
    setHidden(element, projects.length === 0);
    const names = projects.map(({ project }) => project);
    setChildren(parts.rows, names, create);
    for (const { project, newest, ...counts } of projects) {
      const { row, cells } = rows.get(project);
      const note = notes.get(controlOf(project)) ?? {};
      const look = lookOf(newest, now);
      setAttribute(row, "data-look", look);
      setAttribute(row, "data-tone", toneOf(newest));
      setAttribute(row, "data-stale", !live && Boolean(summaryOf(counts)));
      setAttribute(cells.icon, "href", `#icon-${look}`);
      setText(cells.state, summaryOf(counts) || statusOf(newest, now, workers));
      setText(cells.alert, note.alert ?? "");
      setHidden(cells.start, !isRepeatable(newest) || !mayStart(rights, project));
      setDisabled(cells.start, Boolean(note.busy));
    }
  };
}

const controlOf = (project) => `project:${project}`;
