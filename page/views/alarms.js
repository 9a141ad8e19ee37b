// Alarms of a job that are raised, what was raised lately, and what of it has not arrived.

import { el, every, redraw } from "../dom.js";
import { get, has } from "../api.js";
import { ago } from "../format.js";

const RECENT_MS = 3600e3;

// Whether the alarm is of the job, or of a further worker of it, as coast/2.
const isOf = (job, it) => it.job === job || it.job.startsWith(`${job}/`);

export function alarmList(job) {
  const node = el("ul.alarms", { "aria-label": "Alarms" });
  const stop = every(5000, async () => {
    if (!(await has("get", "/alarms"))) return;
    const { alarms, undelivered } = await get("/alarms");
    const now = Date.now();
    const ours = alarms.filter((it) => isOf(job, it) && (!it.recovered_ms || now - it.recovered_ms < RECENT_MS)).slice(0, 5);
    // What is on its way for the first time is no trouble.
    const lacking = undelivered.filter((it) => (it.tries > 0 || it.state === "undelivered") && it.jobs.some((of) => isOf(job, { job: of })));
    redraw(node, [ours, lacking, Math.floor(now / 60e3)], () => [...notDelivered(lacking), ...ours.map((it) => el("li", { "data-raised": !it.recovered_ms },
      el("strong", it.kind.replaceAll("_", " "), it.job === job ? "" : ` of ${it.job}`), el("span", it.text),
      el("span.muted", it.recovered_ms ? `over ${ago(it.recovered_ms, now)}` : `since ${ago(it.raised_ms, now)}`)))]);
  });
  return { node, close: stop };
}

// One line a target: how many messages it has not taken, and its newest error.
function notDelivered(lacking) {
  const targets = new Map();
  for (const it of lacking) {
    const key = `${it.target} ${it.state}`;
    targets.set(key, [...(targets.get(key) ?? []), it]);
  }
  return [...targets.values()].slice(0, 5).map((all) => {
    const { target, state, tries, error } = all.at(-1);
    const how = state === "waiting" ? `tried ${tries} times, is tried again` : `given up after ${tries} tries`;
    return el("li", { "data-undelivered": true },
      el("strong", "not delivered"), el("span", `${all.length} ${all.length === 1 ? "message" : "messages"} of alarms to ${target}: ${error ?? "it rests"}`),
      el("span.muted", how));
  });
}
