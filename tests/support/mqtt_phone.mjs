// A phone as an app with MQTT.js is one: node mqtt_phone.mjs URL CLIENT-ID FILTER [TOPIC]
// Says what its SUBACK grants, publishes on TOPIC once, and then says each topic that it hears.
import mqtt from "mqtt";

const [url, clientId, filter, topic] = process.argv.slice(2);
const client = mqtt.connect(url, { clientId, protocolVersion: 4, reconnectPeriod: 0 });
client.on("error", (error) => console.log("error", error.code ?? error.message));
client.on("close", () => process.exit());
client.on("message", (heard) => console.log("heard", heard));
client.on("connect", () =>
  client.subscribe(filter, { qos: 1 }, (error, granted) => {
    console.log(...(error ? ["refused", error.message] : ["granted", granted[0].qos]));
    if (topic) client.publish(topic, "hello", { qos: 1 });
  }),
);
