/** The header of the pages, which is the same in each, and what stands below it about who looks. */

import { setHidden } from "./render.js";

const at = (id) => document.getElementById(id);

/** Its elements: {status, account, signIn, note}. */
export const headerElements = () => ({
  status: at("connection-status"),
  account: at("account"),
  signIn: at("sign-in"),
  note: at("link-note"),
});

/** Show the way to the page for operators to whom it is for. */
export function showOperations({ operate }) {
  at("page-header").toggleAttribute("data-operator", operate);
  setHidden(at("operations-link"), !operate);
}
