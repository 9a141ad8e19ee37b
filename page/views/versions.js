// The versions of a job with their stages, and those of all jobs that wait for approval.

import { attempt, el, every, onlyServers, redraw, say, section, table } from "../dom.js";
import { get, has, may, path, post, whoami } from "../api.js";
import { askWhy } from "./actions.js";
import { moment } from "../format.js";

const SHOWN = 100;
const HEALTH = { approved: "ok", running: "ok", tested: "warn", rejected: "bad" };

// What may be done with a version, by whom.
const DECISIONS = [
  { name: "approve", title: "Approve", fits: (it, me) => it.author !== me && it.is_proved && !["approved", "withdrawn"].includes(it.decided?.decision) },
  { name: "reject", title: "Reject", fits: (it) => it.decided?.decision !== "rejected" },
  { name: "withdraw", title: "Withdraw", fits: (it, me) => it.author === me && it.decided?.decision !== "withdrawn" },
];

export function versions(job) {
  const body = el("div", el("p.muted", "Loading …"));
  const stop = follow(body, async () => {
    if (!(await has("get", "/jobs/{name}/versions"))) return null;
    const { versions: all } = await get(`${path`/jobs/${job}/versions`}?limit=${SHOWN}`);
    return all.map((it) => ({ ...it, job }));
  }, (all) => rows("Versions", all, false),
  () => onlyServers("Only a server keeps them"));
  return { node: section("Versions", body), close: stop };
}

// Versions that wait, where the server starts none that is not approved.
export function pending() {
  const body = el("div");
  const node = section("Waiting for approval", body);
  node.hidden = true;
  const stop = follow(body, async () => {
    if (!(await has("get", "/approvals"))) return [];
    const { versions: all } = await get(`/approvals?limit=${SHOWN}`);
    node.hidden = !all.length;
    return all;
  }, (all) => rows("Waiting for approval", all, true), () => "");
  return { node, close: stop };
}

// Draws what is asked for when it has changed, and not while somebody is asked about it.
function follow(body, ask, draw, none) {
  return every(3000, async () => {
    const [all, me] = await Promise.all([ask(), whoami()]);
    const allowed = await Promise.all(DECISIONS.map(({ name }) => may("post", `/jobs/{name}/${name}`)));
    if (document.querySelector("dialog")) return;
    const can = DECISIONS.filter((_, at) => allowed[at]);
    redraw(body, [all, allowed], () => (all ? draw(all.map((it) => ({ ...it, can: can.filter(({ fits }) => fits(it, me.who)) }))) : none()));
  });
}

function rows(label, all, isOfAll) {
  const columns = [["Version", "num"], ["Stage"], ["Submitted, UTC", "num"], ["By"], ["Why", "wide"], ["Test", "wide"], ["Decision", "wide"], [""]];
  if (isOfAll) columns.unshift(["Job"]);
  return table(label, columns, all.map((it) => {
    const cells = [it.number, stage(it.stage), moment(it.at_ms), it.author, it.comment, tested(it.tested), decided(it.decided), buttons(it)];
    return isOfAll ? [el("a", { href: path`#/job/${it.job}/versions` }, it.job), ...cells] : cells;
  }));
}

const stage = (name) => el("span.pill", { "data-health": HEALTH[name] ?? "off" }, name);

function tested(it) {
  if (!it) return "none";
  return `${it.by}: ${it.read} records of ${it.input} in ${it.rows} rows, ${it.late} late, ${it.rejected} rejected, ${it.is_compared ? "as expected" : "not compared"}`;
}

const decided = (it) => (it ? `${it.decision} by ${it.by}${it.comment ? `: ${it.comment}` : ""}` : "");

function buttons(it) {
  return el("div.row-buttons", it.can.map(({ name, title }) =>
    el("button", { "aria-label": `${title} version ${it.number} of ${it.job}`, onclick: () => decide(it, name, title) }, title)));
}

async function decide(it, name, title) {
  const isUntested = name === "approve" && !it.tested;
  const text = `${isUntested ? "It has passed no test. " : ""}What is said here stays with the version and in the audit log.`;
  const comment = await askWhy(`${title} version ${it.number} of ${it.job}?`, text, title, name !== "withdraw");
  if (comment === null) return;
  const body = { version: it.number, comment };
  if (isUntested) body.untested = true;
  attempt(async () => {
    const { stage: now } = await post(`${path`/jobs/${it.job}/`}${name}`, body);
    say(`Version ${it.number} of ${it.job} is ${now}`);
  }, title);
}
