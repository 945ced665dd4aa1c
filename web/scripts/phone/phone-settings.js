/**
 * What to put into apps of MQTT, from the body of `GET /api/phone`. Pure.
 *
 * A setting is {name, value, copies}: `name` is that of the app's field, `copies` whether it is worth a button.
 */

/** What stands for the name of a token where it is not known. */
export const NAME = "NAME";
const TOKEN = "your token, bf_…";

const setting = (name, value) => ({ name, value: String(value), copies: true });
const hint = (name, value) => ({ name, value, copies: false });

/**
 * {settings, iotPanel, analyzer, command, program}: lists of settings for all apps and for two of them; a command of
 * mosquitto_sub ("" where there is none), and a program with MQTT.js. `suffix` tells this phone from others of the
 * same token, as two connections with one client id end each other.
 */
export function phoneSettings({ name, addresses, topics }, suffix) {
  const user = name ?? NAME;
  const clientId = `${user}:phone-${suffix}`;
  const address = first(addresses, (one) => !isWebSocket(one)) ?? first(addresses, isWebSocket);
  const webSocket = first(addresses, isWebSocket);
  const one = { user, clientId, topic: topics.find((each) => each.startsWith("builds/")) ?? topics[0] };
  return {
    settings: [
      ...server(address, "Host", "Port"),
      hint("Encryption (TLS)", address.tls ? "on" : "off"),
      ...(webSocket ? [setting("Over WebSocket", webSocket.url)] : []),
      ...login(one, "User name", "Password", "Client ID"),
      ...topics.map((topic, i) => setting(i === 0 ? "Topics" : "", topic)),
    ],
    iotPanel: [
      setting("Connection name", "Buildfeed"),
      setting("Client ID", clientId),
      ...server(address, "Broker Web/IP address", "Port number"),
      hint("Network protocol", `${isWebSocket(address) ? "Websocket" : "TCP"}${address.tls ? " SSL" : ""}`),
      hint("Add Dashboard", "any name"),
      ...login(one, "Additional options: Username", "Additional options: Password"),
    ],
    analyzer: [
      ...server(address, "Hostname", "Port"),
      hint("Protocol", isWebSocket(address) ? "Websocket" : "MQTT"),
      ...(isWebSocket(address) ? [setting("Basepath", address.path || "/")] : []),
      hint("Enable TLS", address.tls ? "on" : "off"),
      ...login(one, "Username", "Password", "Client ID"),
      setting("Subscribe to", one.topic),
    ],
    command: isWebSocket(address) ? "" : commandOf(address, one),
    program: programOf(webSocket ?? address, one),
  };
}

const isWebSocket = ({ scheme }) => scheme.startsWith("ws");

/** The first address that is `fit`: an encrypted one, if there is one. */
const first = (addresses, fit) => addresses.find((one) => fit(one) && one.tls) ?? addresses.find(fit);

const server = ({ host, port }, ...names) => [setting(names[0], host), setting(names[1], port)];

function login({ user, clientId }, ...names) {
  const found = [setting(names[0], user), hint(names[1], TOKEN)];
  return names.length > 2 ? [...found, setting(names[2], clientId)] : found;
}

const commandOf = ({ host, port, tls }, { user, clientId, topic }) =>
  [
    `mosquitto_sub -h ${host} -p ${port}${tls ? " --tls-use-os-certs" : ""}`,
    `-u ${user} -P "$TOKEN" -i ${clientId} -q 1 -v -t '${topic}'`,
  ].join(" \\\n  ");

const programOf = ({ url }, { user, clientId, topic }) =>
  `import mqtt from "mqtt";

const client = mqtt.connect("${url}", {
  username: "${user}",
  password: process.env.TOKEN,
  clientId: "${clientId}",
});
client.on("connect", () => client.subscribe("${topic}", { qos: 1 }));
client.on("message", (topic, payload) => {
  console.log(topic, payload.toString());
});`;
