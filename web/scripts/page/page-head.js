/** Heading and breadcrumbs. */

import { shortId, summaryOf } from "../builds/build-view.js";
import { projectPath } from "./place.js";
import { partsOf, setHidden, setText } from "./render.js";

/** Returns `update({known, counts, live})`: `known` from the first snapshot on. */
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

  return function update({ known, counts, live }) {
    const counted = summaryOf(counts) || "Nothing is running";
    setText(parts.summary, build || !known ? "" : live ? counted : `Last known: ${counted}`);
  };
}
