// Alarms of a job that are raised, and what was raised lately.

import { el, every } from "./dom.js";
import { get, has } from "./api.js";
import { ago } from "./format.js";

const RECENT_MS = 3600e3;

// Whether the alarm is of the job, or of a further worker of it, as coast/2.
const isOf = (job, it) => it.job === job || it.job.startsWith(`${job}/`);

export function alarmList(job) {
  const node = el("ul", { class: "alarms", "aria-label": "Alarms" });
  let seen = "";
  const stop = every(5000, async () => {
    if (!(await has("get", "/alarms"))) return;
    const { alarms } = await get("/alarms");
    const now = Date.now();
    const ours = alarms.filter((it) => isOf(job, it) && (!it.recovered_ms || now - it.recovered_ms < RECENT_MS)).slice(0, 5);
    const text = JSON.stringify([ours, Math.floor(now / 60e3)]);
    if (text === seen) return;
    seen = text;
    node.replaceChildren(...ours.map((it) => el("li", { "data-raised": !it.recovered_ms },
      el("strong", {}, it.kind.replaceAll("_", " "), it.job === job ? "" : ` of ${it.job}`), el("span", {}, it.text),
      el("span", { class: "muted" }, it.recovered_ms ? `over ${ago(it.recovered_ms, now)}` : `since ${ago(it.raised_ms, now)}`))));
  });
  return { node, close: stop };
}
