/** What is wrong with the whole, and what to do about it, for the banners above the builds. Pure. */

import { elapsed } from "../text/time.js";

const LAGGING = 10_000; // ms: from this lag on the history counts as behind
const TELL = "Tell whoever runs Buildfeed here.";

/** What there is to say: by its id {tone, text, mend}, `mend` being what somebody who runs it can do, and `wait` what others can. */
const SAID = {
  broker: {
    tone: "bad",
    text: "The broker is down. What you see may be old; nothing can be started or stopped.",
    mend: "“buildfeed doctor” says what is wrong; the page goes on by itself.",
    wait: "The page goes on by itself.",
  },
  commands: {
    tone: "bad",
    text: "The broker takes no starts and stops at the moment. What runs is shown.",
    mend: "“buildfeed doctor” says why.",
    wait: TELL,
  },
  workers: {
    tone: "warn",
    text: "No worker is online: builds that are started wait until one is.",
    mend: "Start one with “buildfeed worker --projects FILE”, or with “buildfeed fakebuild” to try it out.",
    wait: TELL,
  },
  history: {
    tone: "warn",
    text: "The history is away: older builds, errors and output are missing for now. What runs is live.",
    mend: "“buildfeed doctor” looks at the database.",
    wait: TELL,
  },
  lag: {
    tone: "warn",
    text: "The history is behind: what runs is live, and what ended may be missing for a moment.",
    mend: "If this grows, look at the recorder and its database.",
    wait: "",
  },
};

/**
 * The banners that are due, [{id, tone, text, advice}], the worst first. `feed` is the newest one, null before it
 * came · live: whether the page hears of changes · operates: whether the reader may mend things.
 */
export const bannersOf = ({ feed, live, operates }) =>
  idsOf(feed, live).map((id) => {
    const { tone, text, mend, wait } = SAID[id];
    const lag = id === "lag" ? text.replace("behind", `${elapsed(feed.recorder_lag_ms)} behind`) : text;
    return { id, tone, text: lag, advice: operates ? mend : wait };
  });

function idsOf(feed, live) {
  if (!feed) return [];
  if (feed.broker === "down") return ["broker"];
  if (!live) return []; // the light in the header says so, and nothing else is known
  const due = [];
  if (feed.commands === "down") due.push("commands");
  if (feed.workers === 0) due.push("workers");
  if (feed.history === "down") due.push("history");
  else if (feed.recorder_lag_ms > LAGGING) due.push("lag");
  return due;
}
