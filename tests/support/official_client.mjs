// The official socket.io client with its default options: polling first, then an upgrade.
// usage: node official_client.mjs URL FILTER; prints one JSON line per thing that happens.
import { io } from "socket.io-client";

const [url, filter] = process.argv.slice(2);
const say = (what, value) => console.log(JSON.stringify({ what, value }));

const socket = io(url);
say("transport", socket.io.engine.transport.name);
socket.io.engine.on("upgrade", (transport) => say("transport", transport.name));
socket.on("connect", async () => {
  say("watch", await socket.emitWithAck("watch", filter));
});
socket.on("build", (build) => say("build", build));
socket.on("feed", (feed) => say("feed", feed));
socket.on("connect_error", (error) => {
  say("connect_error", error.context?.responseText ?? error.message);
});
