// Tokens that somebody has asked for: what waits, and what an admin decides.

import { attempt, el, every, redraw, say, section, table } from "../dom.js";
import { get, may, post } from "../api.js";
import { askWhy } from "./actions.js";
import { moment } from "../format.js";

const TITLE = "Asked for a token";
const COLUMNS = [["Name"], ["To be good for", "wide"], ["By, and why", "wide"], ["UTC", "num"], [""]];

export function requests() {
  const body = el("div");
  const node = section(TITLE, body);
  node.hidden = true;
  const stop = every(3000, async () => {
    if (!(await may("get", "/token-requests"))) return;
    const { requests: all } = await get("/token-requests");
    if (document.querySelector("dialog")) return;
    node.hidden = !all.length;
    redraw(body, all, () => table(TITLE, COLUMNS, all.map((it) => [it.name, rights(it), `${it.asked_by}: ${it.why}`, moment(it.asked_ms), buttons(it)])));
  });
  return { node, close: stop };
}

function rights(it) {
  const limits = ["jobs", "select", "insert"].filter((key) => String(it[key]) !== "*").map((key) => `${key} ${it[key].join(", ")}`);
  return [it.roles.join(", "), ...limits, it.expires_ms && `until ${moment(it.expires_ms)}`].filter(Boolean).join("; ");
}

const buttons = (it) => el("div.row-buttons", ["Grant", "Refuse"].map((title) =>
  el("button", { "aria-label": `${title} the token of ${it.name}`, onclick: () => decide(it, title) }, title)));

async function decide({ id, name }, title) {
  const comment = await askWhy(`${title} the token of ${name}?`, "Who asks and who is named, nobody has proved. What is said here is in the audit log.", title);
  if (comment === null) return;
  attempt(async () => {
    await post(`/token-requests/${id}/${title.toLowerCase()}`, { comment });
    say(`${title}: done`);
  }, title);
}
