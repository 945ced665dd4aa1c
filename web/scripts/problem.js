/** Problem answers (RFC 9457) as one sentence for people. Pure. */

const PROBLEM = "urn:buildfeed:problem:";
const METHOD_NOT_ALLOWED = 405;
const SERVER_ERROR = 500;
const NOT_THROUGH =
  "The gateway answers, but a live connection does not reach it. The proxy in front of it has to pass on WebSockets.";

/** One sentence; without a problem document it is made of `status` and `reason`. */
export function sentenceOf(problem, status, reason) {
  const { title, detail, errors } = problem ?? {};
  const said = withoutStop(detail || title || `The gateway answered ${status} ${reason}`);
  const more = listOf(errors).filter((one) => !said.includes(withoutStop(one.detail ?? "")));
  return `${[said, ...more.map(inWords)].join("; ")}.`;
}

/**
 * {refusal, trouble} of the answer to a POST where the gateway takes none. The gateway answers 405,
 * or the problem for which it refuses this page; any other answer is a proxy's.
 */
export function reasonOf(problem, status, reason) {
  if (!String(problem?.type).startsWith(PROBLEM)) {
    const said = [status, reason].filter(Boolean).join(" ");
    return { refusal: "", trouble: `A proxy in front of the gateway answers ${said}. This page keeps trying.` };
  }
  if (status === METHOD_NOT_ALLOWED) return { refusal: "", trouble: NOT_THROUGH };
  const sentence = sentenceOf(problem, status, reason);
  return status < SERVER_ERROR
    ? { refusal: sentence, trouble: "" }
    : { refusal: "", trouble: sentence };
}

/** The same of a whole text, as {answered, refusal, trouble}; null when it is no problem of the gateway. */
export function reasonIn(text, status, reason) {
  let problem;
  try {
    problem = JSON.parse(text);
  } catch {
    return null;
  }
  if (!String(problem?.type).startsWith(PROBLEM)) return null;
  return { answered: true, ...reasonOf(problem, status, reason) };
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
