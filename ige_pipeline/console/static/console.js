// The console works without this file. With it, the page asks for news only while somebody looks, keys lead to pages,
// and a whole row of a list can be clicked.
"use strict";

const asksByItself = (element) => (element.getAttribute("hx-trigger") || "").startsWith("every");
let answered = new Date();

document.addEventListener("htmx:beforeRequest", (event) => {
  if (asksByItself(event.detail.elt) && document.hidden) event.preventDefault();
  // What somebody reads or steps through must not move under them.
  if (asksByItself(event.detail.elt) && event.detail.elt.contains(document.activeElement)) event.preventDefault();
});

// A page that looks alive and is not would be believed.
document.addEventListener("htmx:afterRequest", (event) => {
  const note = document.getElementById("stale");
  if (!note || !asksByItself(event.detail.requestConfig.elt)) return;
  if (event.detail.successful) answered = new Date();
  note.hidden = event.detail.successful;
  if (!note.hidden) note.textContent = `This page is not live since ${answered.toISOString().slice(11, 19)} UTC: no answer comes.`;
});

document.addEventListener("click", (event) => {
  if (event.target.closest("a, button, input, label, select, summary")) return;
  const row = event.target.closest("table.list tbody tr");
  const link = row && row.querySelector("a.row");
  if (link && !String(window.getSelection())) link.click();
});

const places = { o: "/console/", m: "/console/messages", w: "/console/why-not", d: "/console/drafts", l: "/console/dead", t: "/console/triggers" };
let began = 0;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  if (event.key === "/") {
    const search = document.querySelector("input[type=search]");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  } else if (event.key === "g") {
    began = Date.now();
  } else if (places[event.key] && Date.now() - began < 1500) {
    window.location.assign(places[event.key]);
  } else if (event.key === "j" || event.key === "k") {
    const rows = [...document.querySelectorAll("table.list a.row")];
    const at = rows.indexOf(document.activeElement);
    const next = rows[event.key === "j" ? at + 1 : at - 1];
    if (next) { event.preventDefault(); next.focus(); }
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("input[data-all]")) {
    for (const box of event.target.form.querySelectorAll("input[name=id]")) box.checked = event.target.checked;
  }
});
