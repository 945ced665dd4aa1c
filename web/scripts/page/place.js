/** Where the page is: what it shows follows from its address. Pure. */

import { ROOT } from "../api/root.js";

/**
 * The place at `path`, which may lie below `root`: {project, build, filter}.
 *
 * `/` watches every build, `/projects/{project}` those of one project,
 * `/projects/{project}/builds/{build}` one build. `filter` is the MQTT filter. As for the gateway,
 * several slashes are one.
 */
export function placeAt(path, root = ROOT) {
  const plain = path.replace(/\/{2,}/g, "/");
  const own = root && plain.startsWith(`${root}/`) ? plain.slice(root.length) : plain;
  const [, project, build] =
    own.match(/^\/projects\/([^/]+)(?:\/builds\/([^/]+))?\/?$/)?.map(decode) ?? [];
  const levels = ["builds", project, build, "#"].filter(Boolean);
  return { project: project ?? null, build: build ?? null, filter: levels.join("/") };
}

export const projectPath = (project) => `${ROOT}/projects/${encodeURIComponent(project)}`;

export const buildPath = ({ project, build }) =>
  `${projectPath(project)}/builds/${encodeURIComponent(build)}`;

function decode(text) {
  try {
    return text && decodeURIComponent(text);
  } catch {
    return text;
  }
}
