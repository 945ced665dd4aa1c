/** Reads the errors of a build, page by page, and goes on as they come. */

import { readErrors } from "../api/api.js";
import { errorIn, keyOf, withErrors } from "./errors.js";

// In ms:
const SOON = 500; // the recorder has to store it first
const AGAIN = 2000;
const TRIES = 5;

/**
 * Returns {update, more, until, forget}. `update(state, recoveries)` reads on when the state has an error that is not
 * read yet; `more()` reads the next page, `until(number)` pages up to the one with that error; `forget()` empties it.
 *
 * Calls `hear({errors, more, alert})` with every change: `errors` as errors.js has them, `more`: there is another page.
 */
export function errorReader(place, hear) {
  let errors = new Map();
  let after = 0; // the number of the last one that was read
  let next = null; // the `after` of the next page
  let alert = "";
  let told = "";
  let timer;
  let reading = null;

  return {
    update(state, recoveries) {
      const live = errorIn(state);
      if (live && !errors.has(keyOf(live))) {
        errors = withErrors(errors, [live]);
        tell();
      }
      const news = [state.attempt, state.errors, recoveries].join();
      if (news === told || (state.errors === 0 && state.attempt < 2)) return;
      const isFirst = told === "";
      told = news;
      readSoon(state, isFirst ? 0 : SOON, TRIES);
    },
    more: () => read(next ?? after),
    async until(number) {
      while (after < number && (next !== null || after === 0)) {
        const before = after;
        await read(next ?? after);
        if (after === before) return;
      }
    },
    forget() {
      clearTimeout(timer);
      errors = new Map();
      [after, next, alert, told] = [0, null, "", ""];
      tell();
    },
  };

  function readSoon(state, delay, tries) {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      if (next === null) await read(after);
      if (tries > 1 && (alert || lacks(state))) readSoon(state, AGAIN, tries - 1);
    }, delay);
  }

  /** Whether the newest attempt has errors that were not read: the recorder may be a moment behind. */
  function lacks(state) {
    if (next !== null) return false;
    const read = [...errors.values()].filter(({ number, attempt }) => number !== null && attempt === state.attempt);
    return read.length < state.errors;
  }

  function read(from) {
    reading ??= readPage(from).finally(() => (reading = null));
    return reading;
  }

  async function readPage(from) {
    try {
      const page = await readErrors(place, from);
      alert = "";
      errors = withErrors(errors, page.errors);
      for (const { number } of page.errors) after = Math.max(after, number);
      next = page.next;
    } catch (error) {
      alert = error.message;
    }
    tell();
  }

  function tell() {
    hear({ errors, more: next !== null, alert });
  }
}
