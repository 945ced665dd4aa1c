/** What to copy into another page: a badge, and a bar that is live. Pure; `home` is the address of Buildfeed, without a slash. */

/** The badge of the newest build of a project that has ended, as Markdown; `job`: of that alone, "" for any. */
export function badgeLine(home, project, job = "") {
  const of = encodeURIComponent(project);
  const query = job ? `?job=${encodeURIComponent(job)}` : "";
  return `[![${project}](${home}/badge/${of}.svg${query})](${home}/projects/${of})`;
}

/** The bar as HTML. Names have no character that HTML reads as its own. */
export const embedLine = (home, project) =>
  `<iframe src="${home}/embed/${encodeURIComponent(project)}" title="Builds of ${project}" width="100%" height="76" loading="lazy" style="border:0"></iframe>`;
