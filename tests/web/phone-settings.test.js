import assert from "node:assert/strict";
import { test } from "node:test";

import { phoneSettings } from "../../web/scripts/phone/phone-settings.js";

const address = (scheme, port, path = "") => ({
  url: `${scheme}://builds.example:${port}${path}`,
  scheme,
  host: "builds.example",
  port,
  path,
  tls: scheme.endsWith("s") && scheme !== "ws",
});
const CLEAR = address("mqtt", 1883);
const SECURE = address("mqtts", 8883);
const IN_A_PAGE = address("wss", 15675, "/mqtt");
const ADA = { name: "ada", addresses: [CLEAR, SECURE, IN_A_PAGE], topics: ["builds/acme/#", "projects/acme/latest"] };

const valueOf = (settings, name) => settings.find((one) => one.name === name)?.value;

test("the settings are of the encrypted address, where there is one", () => {
  const { settings } = phoneSettings(ADA, "3f0c");
  assert.equal(valueOf(settings, "Host"), "builds.example");
  assert.equal(valueOf(settings, "Port"), "8883");
  assert.equal(valueOf(settings, "Encryption (TLS)"), "on");
  assert.equal(valueOf(settings, "Over WebSocket"), "wss://builds.example:15675/mqtt");
  const clear = phoneSettings({ ...ADA, addresses: [CLEAR] }, "3f0c").settings;
  assert.equal(valueOf(clear, "Port"), "1883");
  assert.equal(valueOf(clear, "Encryption (TLS)"), "off");
  assert.equal(valueOf(clear, "Over WebSocket"), undefined);
});

test("a client id belongs to the token, and no other phone has it", () => {
  const [one, other] = ["3f0c", "77aa"].map((suffix) => phoneSettings(ADA, suffix));
  assert.equal(valueOf(one.settings, "Client ID"), "ada:phone-3f0c");
  assert.notEqual(valueOf(one.analyzer, "Client ID"), valueOf(other.analyzer, "Client ID"));
  assert.match(phoneSettings({ ...ADA, name: null }, "0000").command, /-u NAME .*-i NAME:phone-0000/s);
});

test("every topic can be copied, and no list has the token", () => {
  const { settings, iotPanel, analyzer } = phoneSettings(ADA, "3f0c");
  for (const topic of ADA.topics) assert.ok(settings.some(({ value, copies }) => value === topic && copies));
  for (const list of [settings, iotPanel, analyzer]) {
    assert.ok(list.some(({ value, copies }) => value.startsWith("your token") && !copies));
  }
});

test("the two apps are told in the words of their fields", () => {
  const { iotPanel, analyzer } = phoneSettings(ADA, "3f0c");
  assert.equal(valueOf(iotPanel, "Broker Web/IP address"), "builds.example");
  assert.equal(valueOf(iotPanel, "Network protocol"), "TCP SSL");
  assert.equal(valueOf(analyzer, "Hostname"), "builds.example");
  assert.equal(valueOf(analyzer, "Protocol"), "MQTT");
  const over = phoneSettings({ ...ADA, addresses: [IN_A_PAGE] }, "3f0c");
  assert.equal(valueOf(over.iotPanel, "Network protocol"), "Websocket SSL");
  assert.equal(valueOf(over.analyzer, "Basepath"), "/mqtt");
  assert.equal(over.command, "");
});

test("a program takes the WebSocket, as it may run in a page", () => {
  assert.match(phoneSettings(ADA, "3f0c").program, /connect\("wss:\/\/builds\.example:15675\/mqtt"/);
  assert.match(phoneSettings({ ...ADA, addresses: [CLEAR] }, "3f0c").program, /connect\("mqtt:\/\/builds/);
});
