// Many official socket.io clients in one process, for clients.py.
// usage: node official.mjs URL FILTER TRANSPORTS; TRANSPORTS is `default`, or their names with commas
// Commands on standard input, each answered by a line of JSON: `open N` connects N more and waits until
// they watch, `count` tells how many `build` events came since the last time, and the newest of each build.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url, filter, transports] = process.argv.slice(2);
const options = transports === "default" ? {} : { transports: transports.split(",") };
const clients = [];
let events = 0;
let lost = 0;

function open() {
  return new Promise((opened) => {
    const socket = io(url, { ...options, forceNew: true });
    const seen = {};
    clients.push({ socket, seen });
    socket.on("connect", async () => {
      await socket.emitWithAck("watch", filter);
      if (transports !== "default" || socket.io.engine.transport.name === "websocket") opened();
      else socket.io.engine.once("upgrade", opened);
    });
    socket.on("disconnect", () => lost++);
    socket.on("build", (build) => {
      events++;
      seen[build.build] = Math.max(seen[build.build] ?? 0, build.seq);
    });
  });
}

/** Connect `count` clients, 20 at a time. */
async function openAll(count) {
  for (let left = count; left > 0; left -= 20) {
    await Promise.all(Array.from({ length: Math.min(20, left) }, open));
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, count] = line.split(" ");
  if (command === "open") await openAll(Number(count));
  const pictures = new Set(clients.map(({ seen }) => JSON.stringify(Object.entries(seen).sort())));
  console.log(JSON.stringify({ events, lost, pictures: [...pictures] }));
  events = 0;
}
process.exit();
