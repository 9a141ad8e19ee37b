// The page: which part of it is shown, and who gets the events.

import { dropToken, get, hasToken, keepToken, post, whenUnauthorized, whoami } from "./api.js";
import { themeButton } from "./draw/colors.js";
import { attempt, copyButton, el, empty, put } from "./dom.js";
import { jobView } from "./views/job.js";
import { JobList, jobsView } from "./views/jobs.js";
import { resources } from "./views/resources.js";
import { follow } from "./stream.js";
import { graphView } from "./views/graph.js";
import { newJob } from "./views/editor.js";

const main = document.getElementById("main");
const connection = document.getElementById("connection");
const list = new JobList(document.getElementById("jobs"));
let [jobs, now, view, shown] = [null, 0, null, null];

// `#/job/NAME/PART`, `#/jobs`, `#/graph`, `#/resources`, `#/new`, or nothing.
function place() {
  const [kind, name, part] = location.hash.replace(/^#\//, "").split("/");
  if (kind !== "job" || !name) return { kind };
  try { return { kind, name: decodeURIComponent(name), part }; } catch { return { kind: "jobs" }; }
}

const OTHERS = { graph: graphView, new: newJob, resources };

function show() {
  if (!jobs) return;
  let at = place();
  // A page with one job shows it.
  if (at.kind === "" && jobs.length === 1) at = { kind: "job", name: jobs[0].name };
  const entry = jobs.find((job) => job.name === at.name);
  const make = entry ? () => jobView(at.name, at.part) : at.name !== undefined ? () => gone(at.name) : OTHERS[at.kind] ?? jobsView;
  const key = entry ? `job ${at.name}/${at.part ?? ""}` : at.name !== undefined ? `gone ${at.name}` : at.kind in OTHERS ? at.kind : "jobs";
  if (key !== shown) {
    view?.close();
    shown = key;
    view = make();
    main.replaceChildren(view.node);
    document.title = entry ? `${at.name} – seismic` : "seismic";
  }
  if (entry) view.update(entry, now, jobs);
  else view.update(jobs);
  list.update(jobs, at.name);
}

function gone(name) {
  // One that was submitted just now is known with the next event.
  const node = el("div", el("p.muted", "Loading …"));
  const timer = setTimeout(() => node.replaceChildren(empty(`There is no job “${name}”`, el("p", el("a", { href: "#/jobs" }, "All jobs")))), 2500);
  return { node, update() {}, close() { clearTimeout(timer); } };
}

function askForToken() {
  if (document.getElementById("token")) return;
  const input = el("input", { id: "token", type: "password", autocomplete: "off", required: true });
  const title = el("p.empty-title", hasToken() ? "This token does not count here" : "This server wants a token");
  const form = el("form.empty", { onsubmit: (event) => { event.preventDefault(); keepToken(input.value.trim()); location.reload(); } },
    title, el("p", "This tab keeps it until it is closed."),
    el("label", { for: "token" }, "Token"), input, el("button", { type: "submit", class: "primary" }, "Go on"));
  const text = (name, label) => el("input", { name, required: true, autocomplete: "off", "aria-label": label, placeholder: label });
  const roles = ["viewer", "developer", "approver", "operator", "admin"].map((role) => el("option", role));
  const ask = el("form.empty", { onsubmit: askAdmin }, el("p", "Or ask an admin for one:"), el("div.row-buttons",
    text("name", "Name"), el("select", { name: "role", "aria-label": "Role" }, roles), text("why", "What for"), el("button", { type: "submit" }, "Ask")));
  view?.close();
  [view, shown] = [null, null];
  main.replaceChildren(form, ask);
  input.focus();
  if (hasToken()) get("/token-requests/own").then(({ about }) => put(title, `Request ${about.id} is ${about.state}${about.decided_why ? `: ${about.decided_why}` : ""}`), () => {});
}

// The token is in the answer, and counts once it is granted: the next event shows the jobs then.
async function askAdmin(event) {
  event.preventDefault();
  const { name, role, why } = Object.fromEntries(new FormData(event.target));
  attempt(async () => {
    const { request, token } = await post("/token-requests", { name, roles: [role], why });
    keepToken(token);
    event.target.replaceChildren(el("p", `Request ${request.id} waits. This is its token, which counts once it is granted; it is shown this once:`), el("code", token), copyButton("Copy", () => token));
  });
}

// Whose token this tab has, and how to forget it.
async function showMe() {
  if (!hasToken()) return;
  const { who, roles } = await whoami();
  const leave = el("button.quiet", { title: `${roles.join(", ")}: forget the token of this tab`,
    onclick: () => { dropToken(); location.reload(); } }, `Sign out ${who}`);
  document.getElementById("theme").before(leave);
}

themeButton(document.getElementById("theme"));
whenUnauthorized(askForToken);
showMe().catch((error) => console.debug(error.message));
addEventListener("hashchange", () => { show(); main.focus({ preventScroll: true }); });
follow("/api/v1/events", (event) => { [jobs, now] = [event.jobs, event.at_ms]; show(); }, (isLive, status) => {
  put(connection, isLive ? "live" : "not connected");
  connection.dataset.health = isLive ? "ok" : "bad";
  if (status === 401 || status === 403) askForToken();
});
