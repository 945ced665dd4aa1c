/** The facts of a build, as a list of names and what is said of them. */

import { copyOf, partsOf, setAttribute, setChildren, setHidden, setPhrases } from "../page/render.js";
import { phrase } from "../text/phrase.js";
import { factsOf } from "./facts.js";

/** Returns `update(state, now)`. */
export function factList(element) {
  const { rows } = partsOf(element);
  let told = "";

  return function update(state, now) {
    const facts = factsOf(state, now);
    const news = JSON.stringify(facts);
    if (news === told) return;
    told = news;
    setHidden(element, false);
    const keyed = new Map(facts.map((fact) => [`${fact.isName ? "parameter " : ""}${fact.name}`, fact]));
    setChildren(rows, [...keyed.keys()], () => copyOf("fact-row"));
    for (const row of rows.children) show(partsOf(row), keyed.get(row.dataset.key));
  };
}

function show(parts, { name, said, href, isName }) {
  setPhrases(parts.name, [isName ? phrase`${name}` : name]);
  setHidden(parts.link, !href);
  setHidden(parts.said, Boolean(href));
  setPhrases(href ? parts.link : parts.said, [said]);
  if (href) setAttribute(parts.link, "href", href);
}
