/**
 * ROOT: the path below which Buildfeed is on its server, as in "/ci", or "". This file is in its
 * folder `scripts`. Pure.
 */
const { protocol, pathname } = new URL("..", import.meta.url);

export const ROOT = protocol.startsWith("http") ? pathname.replace(/\/+$/, "") : "";
