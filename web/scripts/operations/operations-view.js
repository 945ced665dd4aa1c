/** Draws what operators see. */

import { shortId } from "../builds/build-view.js";
import { buildPath } from "../page/place.js";
import { copyOf, partsOf, setAttribute, setChildren, setHidden, setPhrases, setText } from "../page/render.js";
import { phrase } from "../text/phrase.js";
import { COLUMNS, figuresOf, outcomeRows, queueRows, rateOf, troublesOf, workerLine } from "./operations-figures.js";

/** Returns `update(now, {stale, time})`: `now` as `GET /api/operations` answers, `time` in ms. */
export function operationsView(parts) {
  let before = null; // {processes, time} of the answer before
  let rates = new Map(); // of each process, in events a second
  drawHeads(parts.heads);

  return function update(now, { stale, time }) {
    setAttribute(parts.rooms, "data-stale", stale);
    if (before?.processes !== now.processes) {
      const length = before ? time - before.time : 0;
      rates = new Map(now.processes.map((process) => [process.process, rateOf(process, before?.processes, length)]));
      before = { processes: now.processes, time };
    }
    drawTroubles(parts.troubles, troublesOf(now));
    drawRows(parts.figures, figuresOf(now));
    drawWorkers(parts.workers, now.workers);
    setHidden(parts.noWorkers, now.workers.length > 0);
    drawRows(parts.queues, now.queues ? queueRows(now.queues) : []);
    setHidden(parts.noQueues, now.queues !== null);
    drawProcesses(parts.processes, now.processes, rates, time);
    const outcomes = outcomeRows(now.processes);
    drawRows(parts.outcomes, outcomes);
    setHidden(parts.refusedRoom, outcomes.length === 0);
    setAttribute(parts.rooms, "data-single", outcomes.length === 0);
  };
}

function drawTroubles(list, troubles) {
  const byKey = new Map(troubles.map((trouble) => [trouble.key, trouble]));
  setChildren(list, [...byKey.keys()], () => {
    const item = document.createElement("li");
    item.append(document.createElement("strong"), " ", document.createElement("span"));
    return item;
  });
  for (const item of list.children) {
    const { look, text, advice } = byKey.get(item.dataset.key);
    setAttribute(item, "data-look", look);
    setPhrases(item.firstElementChild, [text]);
    setText(item.lastElementChild, advice);
  }
}

/** Names with their values in a list of definitions: [{name, text, detail}]. */
function drawRows(list, rows) {
  const byName = new Map(rows.map((row) => [row.name, row]));
  setChildren(list, [...byName.keys()], (name) => {
    const row = document.createElement("div");
    const [term, value, detail] = ["dt", "dd", "dd"].map((tag) => document.createElement(tag));
    term.textContent = name;
    detail.className = "detail";
    row.append(term, value, detail);
    return row;
  });
  for (const row of list.children) {
    const { text, detail = "" } = byName.get(row.dataset.key);
    setText(row.children[1], text);
    setText(row.children[2], detail);
  }
}

function drawWorkers(list, workers) {
  const byName = new Map(workers.map((worker) => [worker.worker, worker]));
  setChildren(list, [...byName.keys()], (name) => {
    const row = copyOf("worker");
    setPhrases(row.querySelector("h3"), [phrase`${name}`]);
    return row;
  });
  for (const row of list.children) {
    const worker = byName.get(row.dataset.key);
    const cells = partsOf(row);
    const line = workerLine(worker);
    setAttribute(row, "data-online", worker.online);
    setAttribute(row, "data-slow", line.slow);
    setText(cells.busy, line.busy);
    setHidden(cells.fill.parentElement, line.part === null);
    cells.fill.style.setProperty("--part", line.part ?? 0);
    setText(cells.lag, line.lag);
    drawRuns(cells.runs, worker);
    drawOffers(cells.offers, line);
  }
}

function drawRuns(line, { builds, running }) {
  const byKey = new Map(builds.map((build) => [`${build.project}/${build.build}`, build]));
  const more = running - builds.length;
  setChildren(line, [...byKey.keys(), ...(more > 0 ? [MORE] : [])], (key) => {
    if (key === MORE) return document.createElement("span");
    const link = document.createElement("a");
    const build = byKey.get(key);
    link.href = buildPath(build);
    link.textContent = `${build.project} ${shortId(build.build)}`;
    return link;
  });
  if (more > 0) setText(line.lastElementChild, builds.length ? `and ${more} more` : `${more} running`);
  setHidden(line, line.children.length === 0);
}

const MORE = "more";

function drawOffers(line, { jobs, more, pretends }) {
  const said = jobs.map((job, i) => (i ? phrase`${job}` : phrase`offers ${job}`));
  if (more) said.push(`${more} more`);
  if (pretends) said.push("fake builds: it pretends");
  setPhrases(line, said);
}

function drawHeads(head) {
  const row = document.createElement("tr");
  for (const [title] of COLUMNS) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = title;
    row.append(cell);
  }
  head.replaceChildren(row);
}

function drawProcesses(body, processes, rates, time) {
  const byId = new Map(processes.map((process) => [process.process, process]));
  setChildren(body, [...byId.keys()], () => {
    const row = document.createElement("tr");
    const first = document.createElement("th");
    first.scope = "row";
    row.append(first, ...COLUMNS.slice(1).map(() => document.createElement("td")));
    return row;
  });
  for (const row of body.children) {
    const process = byId.get(row.dataset.key);
    setAttribute(row, "data-ready", process.ready);
    COLUMNS.forEach(([, value], i) => setText(row.children[i], value(process, rates.get(process.process) ?? null, time)));
  }
}
