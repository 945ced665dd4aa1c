/** Heading, breadcrumbs, and the title of the window. */

import { shortId, statusOf, summaryOf } from "./build-view.js";
import { projectPath } from "./place.js";
import { partsOf, setHidden, setText } from "./render.js";

/**
 * Returns `update({known, counts, state, now, live, workers})`: `known` from the first snapshot on,
 * `state` of the build that the page is about.
 */
export function pageHead(element, place) {
  const parts = partsOf(element);
  const { project, build } = place;
  const name = build ? `${project} ${shortId(build)}` : (project ?? "");
  parts.heading.textContent = name || "All builds";
  setHidden(parts.crumbs, !project);
  setHidden(parts.projectCrumb, !build);
  setHidden(parts.id, !build || build === shortId(build));
  if (build) {
    parts.projectLink.textContent = project;
    parts.projectLink.href = projectPath(project);
    parts.id.textContent = build;
  }

  return function update({ known, counts, state, now, live, workers }) {
    const summary = build ? state && statusOf(state, now, workers) : summaryOf(counts);
    const counted = summary || "Nothing is running";
    setText(parts.summary, build || !known ? "" : live ? counted : `Last known: ${counted}`);
    const title = [known && !live ? "Not live" : "", summary, name, "Buildfeed"]
      .filter(Boolean)
      .join(" · ");
    if (document.title !== title) document.title = title;
  };
}
