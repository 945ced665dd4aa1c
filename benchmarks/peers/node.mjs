// Stock socket.io with mqtt.js: the plain way in Node to do the gateway's job.
// usage: node node.mjs PORT MQTT_URL
import { createServer } from "node:http";
import mqtt from "mqtt";
import { Server } from "socket.io";

const [port, url] = process.argv.slice(2);
const http = createServer();
const io = new Server(http, { transports: ["websocket"] });

io.on("connection", (socket) => {
  socket.on("watch", (filter, ack) => {
    socket.join(filter);
    ack({ watching: [filter], builds: [], more: false });
  });
});

const client = mqtt.connect(url);
client.on("message", (topic, payload) => {
  const { object, published } = JSON.parse(payload);
  const project = topic.split("/")[1];
  io.to(`builds/${project}/#`).emit("build", { ...object, published });
});
await client.subscribeAsync("builds/#");
http.listen(Number(port), "127.0.0.1");
