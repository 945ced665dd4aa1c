// Official clients of socket.io, several in one process; see crowd.py, which runs it.
// Standard input: [{"name", "library", "url", "options", "filter"}, …].
// Prints one JSON line for each thing that happens: {"name", "what", "value"}.
import { readFileSync } from "node:fs";

for (const { name, library, url, options, filter } of JSON.parse(readFileSync(0, "utf8"))) {
  const { io } = await import(library);
  const say = (what, value) => console.log(JSON.stringify({ name, what, value }));
  const socket = io(url, options);
  socket.on("connect", () => {
    const { engine } = socket.io;
    say("connect", engine.transport.name);
    engine.on("upgrade", (transport) => say("transport", transport.name));
    socket.emit("watch", filter, ({ builds }) => {
      builds.forEach((build) => say("build", build));
      say("watching", filter);
    });
  });
  socket.on("build", (build) => say("build", build));
  socket.on("feed", ({ pid }) => say("pid", pid));
  socket.on("disconnect", (reason) => say("disconnect", reason));
}
