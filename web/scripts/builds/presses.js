/** What people press: starts and stops of builds. What came of each is in a note: see notes.js. */

import { startBuild, stopBuild } from "../api/api.js";
import { failed } from "./notes.js";
import { randomKey, startKeys } from "./start-keys.js";

/**
 * Listens to `start-build`, `stop-build` and `edit`.
 *
 * `by()` is the name that a person gave, undefined without one, and `well()` whether all else is well. Calls
 * `noted(control)` for each new note, and `came(state)` with the builds that are answered.
 *
 * Returns {notes, attempt}: `notes` is a Map by control; `attempt(control, work)` notes that `work()`, a promise of news,
 * goes on, and what comes of it.
 */
export function presses({ by, well, noted, came }) {
  const notes = new Map();
  const keys = startKeys(randomKey);

  function note(control, news) {
    notes.set(control, news);
    noted(control);
  }

  async function attempt(control, work) {
    note(control, { busy: true });
    try {
      note(control, await work());
    } catch (error) {
      note(control, failed(error, well(), performance.now()));
    }
  }

  function start({ control, project, script, job, parameters, priority, delay }) {
    const body = { script: script ?? undefined, job, parameters, priority, delay, by: by() };
    return attempt(control, async () => {
      try {
        const state = await startBuild(project, body, keys.of(project, body));
        keys.settle(project, body);
        came(state);
        return { started: state };
      } catch (error) {
        if (error.settled) keys.settle(project, body);
        throw error;
      }
    });
  }

  const stop = ({ control, project, build }) =>
    attempt(control, async () => {
      came(await stopBuild({ project, build }, { by: by() }));
      return {};
    });

  /** What was refused is being changed. */
  function edit({ control }) {
    if (notes.get(control)?.alert) note(control, {});
  }

  for (const [name, action] of Object.entries({ "start-build": start, "stop-build": stop, edit })) {
    document.addEventListener(name, (event) => action(event.detail));
  }
  return { notes, attempt };
}
