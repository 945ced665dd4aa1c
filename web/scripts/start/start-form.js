/** The form that starts a build. */

import { mayStart, startable } from "../person/grants.js";
import { PRETEND, UNKNOWN, choicesOf, parametersOf, projectsWithJobs } from "./offers.js";
import { recall, remember } from "../person/person.js";
import {
  dispatch,
  partsOf,
  setChildren,
  setDisabled,
  setHidden,
  setText,
} from "../page/render.js";

/** The script from the texts of its fields; `errors` are percents, "70, 90" or "". */
export const scriptOf = ({ seconds, steps, errors }) => ({
  seconds: Number(seconds),
  steps: Number(steps),
  errors: errors
    .split(/[\s,;]+/)
    .filter(Boolean)
    .map(Number),
});

/** The delay in seconds from the text of its field; undefined when that is empty. */
export const delayOf = (text) => (text ? Number(text) : undefined);

/** The parameters of a start from the texts of their fields, [name, text]; those that are empty are left out. */
export function parametersFrom(texts) {
  const given = texts.filter(([, text]) => text !== "");
  return given.length ? Object.fromEntries(given) : undefined;
}

/**
 * Returns `update({projects, offers, rights, signedIn, note})`; dispatches `start-build` and `edit`. `project` is fixed
 * on its page. Whoever may start builds of some projects only chooses one of them; of somebody signed in the name is
 * known. What can be started is what workers offer: jobs of the project, each with its parameters, and fake builds.
 */
export function startForm(element, { project }) {
  const parts = partsOf(element);
  const { elements: fields } = parts.form;
  const { project: written, choice, job } = fields;
  let choices = null; // the projects to choose from; null: any
  let offers = UNKNOWN;
  parts.choiceField.remove();
  setHidden(parts.projectField, project !== null);
  written.required = project === null;
  fields.by.value = recall();
  fields.by.addEventListener("input", () => remember(fields.by.value));

  const chosen = () => project ?? (choices ? choice.value : written.value.trim());

  // The browser cannot focus a field in closed details, and so could not say what is wrong with it.
  const open = () => (parts.details.open = true);
  parts.details.addEventListener("invalid", open, { capture: true });

  parts.form.addEventListener("input", () => {
    showOffers();
    dispatch(element, "edit", { control: "form" });
  });
  parts.form.addEventListener("submit", (event) => {
    event.preventDefault();
    dispatch(element, "start-build", {
      control: "form",
      project: chosen(),
      priority: fields.priority.value,
      delay: delayOf(fields.delay.value),
      ...work(),
    });
  });

  /** What is to be done: a job with its parameters, the script of a fake build, or what the worker likes. */
  function work() {
    if (job.value && job.value !== PRETEND) {
      const inputs = [...parts.parameters.querySelectorAll("input")];
      return { job: job.value, parameters: parametersFrom(inputs.map((input) => [input.dataset.name, input.value])) };
    }
    if (!job.value) return {};
    const { seconds, steps, errors } = fields;
    return { script: scriptOf({ seconds: seconds.value, steps: steps.value, errors: errors.value }) };
  }

  /** Show the fields of what is chosen, of what is offered. */
  function showOffers() {
    const known = choicesOf(offers, chosen());
    setChildren(job, known, (name) => new Option(name === PRETEND ? "none: pretend to build" : name, name));
    const pretends = job.value === PRETEND;
    setHidden(parts.job, known.length === 0 || (known.length === 1 && pretends));
    setHidden(parts.pretends, !pretends);
    parts.pretends.toggleAttribute("data-unsure", offers === UNKNOWN); // it has its place: no button below it moves
    setHidden(parts.script, !pretends);
    for (const field of parts.script.querySelectorAll("input")) setDisabled(field, !pretends);
    const names = pretends ? [] : parametersOf(offers, chosen(), job.value);
    setHidden(parts.parameters, names.length === 0);
    setChildren(parts.parameters, names, createParameter);
  }

  return function update({ projects, offers: newest, rights, signedIn, note = {} }) {
    choices = startable(rights);
    offers = newest;
    setHidden(element, project === null ? choices?.length === 0 : !mayStart(rights, project));
    if (project === null) showField(choices ? parts.choiceField : parts.projectField);
    setHidden(parts.byField, signedIn);
    const named = [...new Set([...projects, ...projectsWithJobs(offers)])];
    setChildren(parts.projects, named, (name) => new Option(name));
    setChildren(choice, choices ?? [], (name) => new Option(name));
    showOffers();
    setDisabled(fields.start, Boolean(note.busy));
    setText(fields.start, note.busy ? "Starting…" : "Start build");
    setText(parts.alert, note.alert ?? "");
  };

  /** There is one field for the project: to choose one, or to write any. */
  function showField(field) {
    if (field.isConnected) return;
    const other = field === parts.choiceField ? parts.projectField : parts.choiceField;
    other.replaceWith(field);
  }
}

function createParameter(name) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  input.dataset.name = name;
  input.maxLength = 1024;
  input.placeholder = "optional";
  label.append(name, input);
  return label;
}
