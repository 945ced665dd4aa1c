// @ts-check

/**
 * ROOT: the path below which Buildfeed is on its server, as in "/ci", or "". Scripts are in its folder
 * `scripts`, or in that of a version, `assets/{version}/scripts`. Pure.
 */
const { protocol, pathname } = new URL(import.meta.url);

export const ROOT = protocol.startsWith("http") ? pathname.replace(/\/(?:assets\/[^/]+\/)?scripts\/.*$/, "") : "";
