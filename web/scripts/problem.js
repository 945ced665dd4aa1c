/** Problem answers (RFC 9457) as one sentence for people. Pure. */

/** `status` and `reason` stand in where the answer was no problem document. */
export function sentenceOf(problem, status, reason) {
  const { title, detail, errors } = problem ?? {};
  const said = [detail || title, ...listOf(errors)].filter(Boolean).map(withoutStop);
  if (said.length === 0) said.push(`The gateway answered ${status} ${reason}`.trim());
  return `${said.join(": ")}.`;
}

/** `errors` is a list of texts or of {detail, pointer} as in RFC 9457 §3. */
function listOf(errors) {
  if (!Array.isArray(errors)) return [];
  const texts = errors.map((one) =>
    typeof one === "string" ? one : [nameOf(one?.pointer), one?.detail].filter(Boolean).join(" "),
  );
  return texts.length ? [texts.filter(Boolean).map(withoutStop).join("; ")] : [];
}

const nameOf = (pointer) =>
  pointer
    ?.split("/")
    .filter((part) => part && part !== "#")
    .join(" ");

const withoutStop = (text) => String(text).trim().replace(/\.+$/, "");
