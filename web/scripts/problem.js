/** Problem answers (RFC 9457) as one sentence for people. Pure. */

/** `status` and `reason` stand in where the answer was no problem document. */
export function sentenceOf(problem, status, reason) {
  const { title, detail, errors } = problem ?? {};
  const said = withoutStop(detail || title || `The gateway answered ${status} ${reason}`);
  const more = listOf(errors).filter((one) => !said.includes(withoutStop(one.detail ?? "")));
  return `${[said, ...more.map(inWords)].join("; ")}.`;
}

/** `errors` is a list of texts or of {detail, pointer} as in RFC 9457 §3. */
function listOf(errors) {
  if (!Array.isArray(errors)) return [];
  return errors.filter(Boolean).map((one) => (typeof one === "string" ? { detail: one } : one));
}

function inWords({ pointer, detail }) {
  const place = pointer?.split("/").filter((part) => part && part !== "#");
  return [place?.join(" "), withoutStop(detail ?? "is not valid")].filter(Boolean).join(" ");
}

const withoutStop = (text) => String(text).trim().replace(/\.+$/, "");
