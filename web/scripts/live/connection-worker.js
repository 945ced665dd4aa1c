// @ts-check

/**
 * The connection to the gateway: of all tabs where a browser has workers that tabs share and this runs in one, else of
 * the one tab that imports it. One file, so that it is loaded ahead for both.
 */

import { sharing } from "./sharing.js";
import { openSocket } from "./socket.js";
import { recallChoice, rememberChoice } from "./transport-memory.js";

/** @import { Connection, HearAll } from "../types" */

/**
 * The connection of this tab alone: see `connect` in connection.js.
 *
 * @type {(filters: string[], hear: HearAll) => Connection}
 */
export function connectAlone(filters, hear) {
  const socket = openSocket(hear, { recall: recallChoice, remember: rememberChoice });
  return {
    ask(number) {
      socket.ask(filters, {
        build: hear.build,
        snapshot: (snapshot) => hear.snapshot(snapshot, number),
        refused: hear.refused,
        unanswered: () => hear.unanswered(number),
      });
    },
    renew: socket.renew,
    again: socket.again,
    close: socket.close,
    is() {},
    pause() {},
    resume() {},
  };
}

/** @type {any} */
const scope = globalThis;
if (scope.SharedWorkerGlobalScope) {
  const tabOf = sharing(openSocket);
  /** @type {(event: MessageEvent) => void} */
  scope.onconnect = ({ ports: [port] }) => {
    const take = tabOf((message) => port.postMessage(message));
    port.onmessage = ({ data }) => take(data);
    port.addEventListener("close", () => take(["leave"])); // of a tab that crashed, in browsers that tell
  };
}
