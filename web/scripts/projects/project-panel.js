/** One project: how its last builds went, its jobs with a form to start each, and what to copy into other pages. */

import { olderBuilds } from "../api/api.js";
import { ROOT } from "../api/root.js";
import { fold, keyOf } from "../builds/builds.js";
import { durationChart } from "../charts/duration-chart.js";
import { copyButton } from "../page/copy-button.js";
import { copyOf, partsOf, setAttribute, setChildren, setHidden, setText } from "../page/render.js";
import { badgeLine, embedLine } from "./copied-lines.js";
import { jobList } from "./job-list.js";
import { captionOf, endedOf, entryOf, factsOf, jobsOf } from "./project-figures.js";

const READ = 200; // builds that are asked for: enough for the chart of each of a few jobs
const PAUSE = 1000; // ms between two drawings: figures are read by people

/**
 * Returns {update, read, forget}. `update({builds, now, offers, rights, notes})` draws what the page knows: `builds` a Map
 * of states by key. `read()` asks for the builds of before, `forget()` drops them: the page is shown to somebody else.
 */
export function projectPanel(element, { project }) {
  const parts = partsOf(element);
  const updateChart = durationChart(parts.chart);
  const updateJobs = jobList(parts.jobs, project);
  let earlier = new Map(); // by key, as they were read
  let newest = null; // what to draw
  let drawn = -PAUSE;
  let timer = null;

  parts.job.addEventListener("change", draw);
  copied();
  element.open = matchMedia("(min-width: 900px)").matches; // on a phone the builds come first

  async function read() {
    try {
      const { builds } = await olderBuilds({ project, limit: READ });
      for (const state of builds) earlier.set(keyOf(state), fold(earlier.get(keyOf(state)), state));
      setText(parts.alert, "");
    } catch (error) {
      setText(parts.alert, `Earlier builds are not shown: ${error.message}`);
    }
    if (newest) draw();
  }

  function update(next) {
    newest = next;
    const rest = PAUSE - (performance.now() - drawn);
    if (rest <= 0) return draw();
    timer ??= setTimeout(draw, rest);
  }

  function draw() {
    clearTimeout(timer);
    timer = null;
    if (document.hidden) return; // the next news draw it
    drawn = performance.now();
    const { builds, now, offers, rights, notes } = newest;
    const known = new Map(earlier);
    for (const [key, state] of builds) if (state.project === project) known.set(key, fold(known.get(key), state));
    const states = [...known.values()];
    const jobs = jobsOf(states, offers.jobs.filter((offered) => offered.project === project));
    showChoice(jobs.map(({ job }) => job));
    const entries = endedOf(states, parts.job.value).map((state) => entryOf(state, now));
    showFacts(factsOf(states, entries, now));
    updateChart(entries, captionOf(entries));
    updateJobs(jobs, { rights, notes });
    setHidden(parts.outcomes, entries.length === 0 && parts.job.value === "");
    setAttribute(parts.inside, "data-alone", jobs.length === 0 || parts.outcomes.hidden);
    setHidden(element, states.length === 0 && jobs.length === 0 && !parts.alert.textContent);
  }

  /** Durations of different jobs say little together, so there is a choice where there are several. */
  function showChoice(jobs) {
    const before = parts.job.value;
    setChildren(parts.job, ["", ...jobs], (job) => new Option(job || "all jobs", job));
    if (parts.job.value !== before && jobs.includes(before)) parts.job.value = before;
    setHidden(parts.choice, jobs.length < 2);
  }

  function showFacts(facts) {
    const byName = new Map(facts.map((fact) => [fact.name, fact]));
    setChildren(parts.facts, [...byName.keys()], () => copyOf("project-fact"));
    for (const fact of parts.facts.children) {
      const { name, text, detail, look } = byName.get(fact.dataset.key);
      const cells = partsOf(fact);
      setAttribute(fact, "data-look", look);
      setText(cells.name, name);
      setText(cells.text, text);
      setText(cells.detail, detail);
    }
  }

  function copied() {
    const home = location.origin + ROOT;
    parts.badge.value = badgeLine(home, project);
    parts.embed.value = embedLine(home, project);
    copyButton(parts.copyBadge, parts.badge, parts.copied, "The badge");
    copyButton(parts.copyEmbed, parts.embed, parts.copied, "The bar");
    parts.copies.addEventListener("toggle", () => {
      if (parts.copies.open) parts.picture.src = `${ROOT}/badge/${encodeURIComponent(project)}.svg`;
    });
  }

  return {
    update,
    read,
    forget() {
      earlier = new Map();
      parts.picture.removeAttribute("src");
      parts.copies.open = false;
    },
  };
}
