/** Where the page is: what it shows follows from its address. Pure. */

/**
 * The place at `path`: {project, build, filter}.
 *
 * `/` watches every build, `/projects/{project}` those of one project,
 * `/projects/{project}/builds/{build}` one build. `filter` is the MQTT filter.
 */
export function placeAt(path) {
  const [, project, build] =
    path.match(/^\/projects\/([^/]+)(?:\/builds\/([^/]+))?\/?$/)?.map(decode) ?? [];
  const levels = ["builds", project, build, "#"].filter(Boolean);
  return { project: project ?? null, build: build ?? null, filter: levels.join("/") };
}

export const projectPath = (project) => `/projects/${encodeURIComponent(project)}`;

export const buildPath = ({ project, build }) =>
  `${projectPath(project)}/builds/${encodeURIComponent(build)}`;

function decode(text) {
  try {
    return text && decodeURIComponent(text);
  } catch {
    return text;
  }
}
