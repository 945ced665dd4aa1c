/** Idempotency keys of starts. Pure but for the randomness that is passed in. */

/**
 * Each press has a key of its own. A press that repeats one whose outcome is unknown has the same
 * key, so that both start one build. `random()` gives a fresh text.
 */
export function startKeys(random) {
  const open = new Map();
  return {
    /** The key for starting `body` in `project`. */
    of(project, body) {
      const wish = JSON.stringify([project, body]);
      if (!open.has(wish)) open.set(wish, random());
      return open.get(wish);
    },
    /** The outcome is known: the next press gets a new key. */
    settle(project, body) {
      open.delete(JSON.stringify([project, body]));
    },
  };
}

/** 128 random bits as hex. `crypto.randomUUID` exists in secure contexts only. */
export function randomKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
