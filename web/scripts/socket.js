/** The only file that knows socket.io: stays connected, watches, hands over what it hears. */

import { io } from "../vendor/socket.io.esm.min.js";

const ANSWER_WITHIN = 5000;

/**
 * Watch `filters` for good.
 *
 * Calls `hear.up()`, `hear.snapshot({builds, more})`, `hear.build(state)`, `hear.feed(feed)`,
 * `hear.down()` and `hear.refused(message)`; after `down` it connects again by itself.
 */
export function watch(filters, hear) {
  const socket = io({
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    reconnectionDelay: 500,
    reconnectionDelayMax: 2000,
  });

  function ask() {
    socket.timeout(ANSWER_WITHIN).emit("watch", filters, (late, answer) => {
      if (late) {
        if (socket.connected) ask();
      } else if (answer.error) {
        hear.refused(answer.error.message);
      } else {
        hear.snapshot(answer);
      }
    });
  }

  // What the server ended, the client library does not begin again by itself.
  const later = () => setTimeout(() => socket.connect(), 1000 + 2000 * Math.random());

  socket.on("connect", () => {
    hear.up();
    ask();
  });
  socket.on("disconnect", (reason) => {
    hear.down();
    if (reason === "io server disconnect") later();
  });
  socket.on("connect_error", (error) => {
    if (socket.active) return;
    hear.refused(error.message);
    later();
  });
  socket.on("build", hear.build);
  socket.on("feed", hear.feed);
}
