/** The page that says what to put into apps of MQTT. */

import { readPhone } from "./api/api.js";
import { phoneSettings } from "./phone/phone-settings.js";
import { copyOf, partsOf, setHidden, setText } from "./page/render.js";
import { signInPath } from "./person/sign-in-path.js";

const COPIED_MS = 2000;

const parts = partsOf(document.getElementById("phone"));
parts.signIn.href = signInPath(location.pathname);
document.body.dataset.page = "phone"; // the page has started

show();

async function show() {
  let phone;
  try {
    phone = await readPhone();
  } catch (error) {
    setText(parts.alert, error.message);
    setHidden(parts.unnamed, false);
    return;
  }
  const { name, addresses, unreachable } = phone;
  setText(parts.unreachable, unreachable ?? "");
  if (addresses.length === 0) return;
  setHidden(parts.unnamed, name !== null);
  setHidden(parts.clear, unreachable !== null || addresses.some(({ tls }) => tls));
  const { command, program, ...lists } = phoneSettings(phone, suffix());
  for (const [part, settings] of Object.entries(lists)) parts[part].replaceChildren(...settings.map(row));
  setText(parts.command, command);
  setHidden(parts.mosquitto, command === "");
  setText(parts.program, program);
  copies(parts.copyCommand, parts.command, "The command");
  copies(parts.copyProgram, parts.program, "The program");
  setHidden(parts.ways, false);
}

function row({ name, value, copies: worth }) {
  const element = copyOf("setting");
  const { copy, ...own } = partsOf(element);
  own.name.textContent = name;
  own.value.textContent = value;
  own.value.classList.toggle("said", !worth);
  setHidden(copy, !worth);
  copy.setAttribute("aria-label", `Copy ${name || value}`);
  copies(copy, own.value, name || value);
  return element;
}

/** Let a button copy the text of an element; where a browser forbids that, select it. */
function copies(button, element, what) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(element.textContent);
      setText(parts.copied, `${what} is copied.`);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), COPIED_MS);
    } catch {
      getSelection().selectAllChildren(element);
      setText(parts.copied, "Your browser does not let the page copy: the text is selected, copy it.");
      button.textContent = "Selected";
    }
  });
}

/** Four random hexadecimal digits. */
const suffix = () => [...crypto.getRandomValues(new Uint8Array(2))].map((n) => n.toString(16).padStart(2, "0")).join("");
