/** The form that starts a build. */

import { shortId } from "./build-view.js";
import { mayStart, startable } from "./grants.js";
import { recall, remember } from "./person.js";
import { buildPath } from "./place.js";
import {
  dispatch,
  partsOf,
  setAttribute,
  setChildren,
  setDisabled,
  setHidden,
  setText,
} from "./render.js";

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

/**
 * Returns `update({projects, rights, signedIn, note})`; dispatches `start-build` and `edit`. `project` is fixed on its
 * page. Whoever may start builds of some projects only chooses one of them; of somebody signed in the name is known.
 */
export function startForm(element, { project }) {
  const parts = partsOf(element);
  const { elements: fields } = parts.form;
  const { project: written, choice } = fields;
  let choices = null; // the projects to choose from; null: any
  parts.choiceField.remove();
  setHidden(parts.projectField, project !== null);
  written.required = project === null;
  fields.by.value = recall();
  fields.by.addEventListener("input", () => remember(fields.by.value));

  // The browser cannot focus a field in closed details, and so could not say what is wrong with it.
  const open = () => (parts.details.open = true);
  parts.details.addEventListener("invalid", open, { capture: true });

  parts.form.addEventListener("input", () => dispatch(element, "edit", { control: "form" }));
  parts.form.addEventListener("submit", (event) => {
    event.preventDefault();
    dispatch(element, "start-build", {
      control: "form",
      project: project ?? (choices ? choice.value : written.value.trim()),
      priority: fields.priority.value,
      delay: delayOf(fields.delay.value),
      script: scriptOf({
        seconds: fields.seconds.value,
        steps: fields.steps.value,
        errors: fields.errors.value,
      }),
    });
  });

  return function update({ projects, rights, signedIn, note = {} }) {
    choices = startable(rights);
    setHidden(element, project === null ? choices?.length === 0 : !mayStart(rights, project));
    if (project === null) showField(choices ? parts.choiceField : parts.projectField);
    setHidden(parts.byField, signedIn);
    setChildren(parts.projects, projects, (name) => new Option(name));
    setChildren(choice, choices ?? [], (name) => new Option(name));
    setDisabled(fields.start, Boolean(note.busy));
    setText(fields.start, note.busy ? "Starting…" : "Start build");
    setText(parts.alert, note.alert ?? "");
    setHidden(parts.started, !note.started);
    if (note.started) {
      setText(parts.startedLink, `${note.started.project} ${shortId(note.started.build)}`);
      setAttribute(parts.startedLink, "href", buildPath(note.started));
    }
  };

  /** There is one field for the project: to choose one, or to write any. */
  function showField(field) {
    if (field.isConnected) return;
    const other = field === parts.choiceField ? parts.projectField : parts.choiceField;
    other.replaceWith(field);
  }
}
