/** Shows notifications of the browser: each by one tab only, however many hear of it. */

import { buildPath } from "../page/place.js";

const TOLD = "buildfeed.told";
const MOST = 50; // notices that are remembered

/** Whether this browser can show any. */
export const canNotify = () => typeof Notification !== "undefined" && isSecureContext;

/** `granted`, `denied`, or `default` while one was not asked. */
export const permission = () => Notification.permission;

/** Ask; only after somebody pressed something, else browsers refuse. */
export const askPermission = () => Notification.requestPermission();

/** Show a notice about a build; pressing it opens the build. */
export async function notify({ tag, title, body }, place) {
  if (permission() !== "granted" || !(await isFirst(tag))) return;
  let shown;
  try {
    shown = new Notification(title, { body, tag, icon: document.querySelector("link[rel=icon]")?.href });
  } catch {
    return; // phones show only those of a service worker
  }
  shown.onclick = () => {
    window.focus();
    location.assign(buildPath(place));
    shown.close();
  };
}

/** Whether no other tab has told it. Without locks two tabs may both: then the one replaces the other, by its tag. */
function isFirst(tag) {
  const { locks } = navigator;
  return locks ? locks.request(TOLD, () => take(tag)) : take(tag);
}

function take(tag) {
  try {
    const told = JSON.parse(localStorage.getItem(TOLD)) ?? [];
    if (told.includes(tag)) return false;
    localStorage.setItem(TOLD, JSON.stringify([...told, tag].slice(-MOST)));
  } catch {
    // The browser keeps nothing.
  }
  return true;
}
