/** For operators: the queue and the workers. It asks the gateway only while it is open. */

import { phrase } from "./phrase.js";
import { partsOf, setAttribute, setChildren, setHidden, setPhrases, setText } from "./render.js";
import { elapsed } from "./time.js";

const EVERY = 5000; // ms

/** The texts of the rows, of an overview as `GET /api/overview` gives it; "" hides a row. */
export function rowsOf(overview) {
  const { queued, delayed, oldest_seconds: oldest, running, lost, retaken, workers, dead } = overview;
  const online = workers.filter((worker) => worker.online).length;
  return {
    waiting: wordsOf([queued.high, "high priority"], [queued.normal, "normal"]) || "none",
    delayed: delayed ? String(delayed) : "",
    oldest: queued.high + queued.normal ? elapsed(oldest * 1000) : "",
    running: retaken ? `${running} (${retaken} in a later attempt)` : String(running),
    lost: lost ? String(lost) : "",
    dead: dead === null ? "" : String(dead),
    workers: wordsOf([online, "online"], [workers.length - online, "offline"]) || "none",
  };
}

/** The text of a worker's line. */
export function workerLine({ online, running, slots, lag_ms: lag }) {
  const busy = slots ? `${running} of ${slots} busy` : `${running} busy`;
  if (!online) return running ? `offline, ${running} lost` : "offline";
  return `${busy}, lag ${lag} ms`;
}

/**
 * Shows what `read` returns (a promise) at once and every 5 s, while `element` is open. Returns `update(shown)`:
 * whether there is such an element.
 */
export function queueOverview(element, read) {
  const parts = partsOf(element);
  let timer;
  element.addEventListener("toggle", () => {
    clearInterval(timer);
    if (!element.open) return;
    timer = setInterval(refresh, EVERY);
    refresh();
  });

  async function refresh() {
    if (document.hidden || element.hidden) return;
    try {
      show(await read());
      setAttribute(parts.facts, "data-stale", false);
      setText(parts.alert, "");
    } catch (error) {
      setAttribute(parts.facts, "data-stale", true);
      setText(parts.alert, error.message);
    }
  }

  function show(overview) {
    for (const [name, text] of Object.entries(rowsOf(overview))) {
      setText(parts[name], text);
      setHidden(parts[name].parentElement, text === "");
    }
    const lines = new Map(overview.workers.map((worker) => [worker.worker, worker]));
    setChildren(parts.lines, [...lines.keys()], createLine);
    for (const line of parts.lines.children) {
      const worker = lines.get(line.dataset.key);
      setAttribute(line, "data-online", worker.online);
      setText(line.lastElementChild, workerLine(worker));
    }
    setHidden(parts.facts, false);
  }

  return (shown) => setHidden(element, !shown);
}

function createLine(name) {
  const line = document.createElement("li");
  const label = document.createElement("strong");
  setPhrases(label, [phrase`${name}`]);
  line.append(label, " ", document.createElement("span"));
  return line;
}

const wordsOf = (...counts) =>
  counts
    .filter(([count]) => count)
    .map(([count, word]) => `${count} ${word}`)
    .join(", ");
