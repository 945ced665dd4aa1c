/** The jobs of a project: how the last builds of each went, and a form made of its parameters that starts one. */

import { lookOf, shortId, toneOf } from "../builds/build-view.js";
import { buildPath } from "../page/place.js";
import { copyOf, dispatch, partsOf, setAttribute, setChildren, setDisabled, setHidden, setText } from "../page/render.js";
import { mayStart } from "../person/grants.js";
import { parametersFrom } from "../start/start-form.js";
import { duration } from "../text/time.js";

/** Returns `update(jobs, {rights, notes})`, `jobs` as of `jobsOf`; a form dispatches `start-build`, its fields `edit`. */
export function jobList(element, project) {
  const parts = partsOf(element);
  const rows = new Map();

  function create(job) {
    const row = copyOf("job-row");
    const cells = partsOf(row);
    const control = controlOf(project, job);
    cells.name.textContent = job;
    cells.form.setAttribute("aria-label", `Start ${job}`);
    cells.open.setAttribute("aria-label", `Start ${job}…`);
    cells.open.addEventListener("click", () => show(cells.form.hidden));
    cells.cancel.addEventListener("click", () => show(false));
    cells.form.addEventListener("keydown", (event) => event.key === "Escape" && show(false));
    cells.form.addEventListener("input", () => dispatch(row, "edit", { control }));
    cells.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const inputs = [...cells.fields.querySelectorAll("input")];
      const parameters = parametersFrom(inputs.map((input) => [input.dataset.name, input.value]));
      dispatch(row, "start-build", { control, project, job, parameters });
    });

    /** Focus goes into the form, and comes back to the button. */
    function show(shown) {
      setHidden(cells.form, !shown);
      setAttribute(cells.open, "aria-expanded", shown);
      if (shown) (cells.fields.querySelector("input") ?? cells.start).focus();
      else cells.open.focus();
    }

    rows.set(job, { row, ...cells });
    return row;
  }

  return function update(jobs, { rights, notes }) {
    setHidden(element, jobs.length === 0);
    setChildren(parts.rows, jobs.map(({ job }) => job), create);
    const may = mayStart(rights, project);
    for (const { job, parameters, offered, newest, usual, lately } of jobs) {
      const cells = rows.get(job);
      const note = notes.get(controlOf(project, job)) ?? {};
      showEndings(cells, newest, lately);
      setText(cells.usual, usual !== null ? `usually ${duration(usual)}` : newest ? "none has succeeded yet" : "not built yet");
      setText(cells.away, offered ? "" : "no worker offers it now");
      setHidden(cells.open, !may || !offered);
      if (!may || !offered) setHidden(cells.form, true);
      setChildren(cells.fields, parameters, createField);
      setHidden(cells.none, parameters.length > 0);
      setDisabled(cells.start, Boolean(note.busy));
      setText(cells.start, note.busy ? "Starting…" : "Start build");
      setText(cells.alert, note.alert ?? "");
      setHidden(cells.started, !note.started);
      if (note.started) {
        setText(cells.startedLink, `${project} ${shortId(note.started.build)}`);
        setAttribute(cells.startedLink, "href", buildPath(note.started));
      }
    }
  };
}

function showEndings(cells, newest, lately) {
  const look = newest ? lookOf(newest, 0) : "queued";
  setAttribute(cells.icon, "href", `#icon-${look}`);
  setAttribute(cells.row, "data-look", look);
  setAttribute(cells.row, "data-tone", newest ? toneOf(newest) : "idle");
  setChildren(cells.lately, lately.map((_, i) => String(i)), () => document.createElement("i"));
  lately.forEach((ending, i) => setAttribute(cells.lately.children[i], "data-look", ending));
  const failed = lately.filter((ending) => ending === "failed").length;
  const words = lately.length ? `${failed || "none"} of the last ${lately.length} failed` : "no build has ended yet";
  setText(cells.words, words);
  setAttribute(cells.lately, "title", words);
}

function createField(name) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  input.dataset.name = name;
  input.maxLength = 1024;
  input.placeholder = "optional";
  input.autocomplete = "off";
  label.append(name, input);
  return label;
}

const controlOf = (project, job) => `job:${project}/${job}`;
