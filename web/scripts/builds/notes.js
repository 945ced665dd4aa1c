/**
 * Notes: what came of the last press of each control, {busy, alert, started}. Pure; times are in ms.
 *
 * An alert whose cause goes by itself, as a broker that did not answer, goes with its cause: when all is
 * well again, or, if it has been well all along, at `goesAt`. Other alerts have none and stay.
 */

/** How long an alert may be read whose cause is gone already. */
const READ_WITHIN = 10_000;

/** The note of a press that failed with `error`, an ApiError; `well`: all else was well. */
export function failed(error, well, now) {
  const note = { alert: error.message };
  if (!error.passing && well) return note;
  return { ...note, goesAt: now + Math.max(READ_WITHIN, error.retryAfter) };
}

/**
 * Delete the notes, a Map by control, whose cause is gone, now that all is well; `returned`: it was not so
 * until now. Returns the controls that they were for.
 */
export function recover(notes, returned, now) {
  const controls = [];
  for (const [control, { goesAt }] of notes) {
    if (goesAt === undefined || (!returned && now < goesAt)) continue;
    notes.delete(control);
    controls.push(control);
  }
  return controls;
}
