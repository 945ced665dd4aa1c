// @ts-check

/** Phrases: words of ours with texts of others between them. Pure. */

import { isolated, oneLine } from "./foreign-text.js";

/** @import { Phrase } from "../types" */

/**
 * phrase`started by ${name}` is {words: ["started by ", ""], others: [name]}.
 *
 * @type {(words: TemplateStringsArray, ...others: string[]) => Phrase}
 */
export const phrase = (words, ...others) => ({ words: [...words], others: others.map(oneLine) });

/**
 * The parts of a phrase, or of a text of ours, in order: [{words}, {other}, …].
 *
 * @type {(said: string | Phrase) => { words?: string, other?: string }[]}
 */
export function partsOf(said) {
  if (typeof said === "string") return [{ words: said }];
  return said.words.flatMap((words, i) => (i ? [{ other: said.others[i - 1] }, { words }] : [{ words }]));
}

/**
 * A phrase as one text.
 *
 * @type {(said: string | Phrase) => string}
 */
export const textOf = (said) =>
  partsOf(said)
    .map(({ words, other }) => words ?? isolated(other))
    .join("");
