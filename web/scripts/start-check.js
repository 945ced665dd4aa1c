/**
 * Says so when the page did not start: in a browser that is too old, or where something in front of
 * the gateway answered in place of a script. A script of 2009's language, and no module: it has to run
 * where those do not.
 */
addEventListener("load", function () {
  var body = document.body;
  if (body.getAttribute("data-page")) return; // app.js and login.js set it
  var status = document.querySelector("#connection-status [data-part=text]");
  if (status) status.textContent = "Not started";
  document.querySelector("[data-part=empty]").textContent =
    "This page could not start. Reload it; perhaps you have to sign in again. " +
    "It needs Chrome or Edge 94, Firefox 93, Safari 15, or a newer one.";
  body.setAttribute("data-pictured", "");
});
