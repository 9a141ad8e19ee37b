// The numbers of a job over time, live.

import { el, every } from "../dom.js";
import { get, path } from "../api.js";
import { Chart } from "./chart.js";
import { bytes, count, percent, rate, span } from "../format.js";

const RANGES = [["5 minutes", 300], ["1 hour", 3600], ["1 day", 86400], ["7 days", 604800]];
// As many as a chart has pixels.
const POINTS = 600;

const SHOWN = [
  ["Records/s", (it) => it.records_per_s, rate],
  ["Lag, messages", (it) => it.lag, count],
  ["Event latency", (it) => it.event_latency_ms, span],
  ["Commit time", (it) => it.commit_ms, span],
  ["CPU, of one core", (it) => it.cpu, percent],
  ["Memory", (it) => it.memory_bytes, bytes, 2 ** 20],
];

export function charts(job) {
  const all = SHOWN.map(([title, of, show, unit]) => ({ of, chart: new Chart(title, show, unit) }));
  let seconds = RANGES[0][1];
  let points = [];
  const draw = () => {
    const to = points.length ? points.at(-1).at_ms : Date.now();
    const from = to - seconds * 1000;
    for (const { of, chart } of all) chart.put(points.map((it) => [it.at_ms, of(it)]), from, to);
  };
  const load = async () => {
    const asked = seconds;
    const answer = await get(`${path`/jobs/${job}/metrics`}?seconds=${asked}&points=${POINTS}`);
    if (asked !== seconds) return;
    points = answer.points;
    draw();
  };
  const choice = el("select", { "aria-label": "Time range of the charts", onchange: (event) => { seconds = Number(event.target.value); load(); } },
    RANGES.map(([title, value]) => el("option", { value }, title)));
  const stop = every(30000, load);
  return {
    node: el("section.charts-part", { "aria-label": "Numbers over time" },
      el("div.part-head", el("h2", "Numbers"), choice),
      el("div.charts", all.map(({ chart }) => chart.node))),
    update(entry) {
      const last = points.at(-1);
      // A job that does not run has no numbers.
      if (!entry.point.at_ms || seconds > 3600 || (last && entry.point.at_ms - last.at_ms < (seconds * 1000) / POINTS)) return;
      points.push(entry.point);
      const from = entry.point.at_ms - seconds * 1000;
      while (points[0].at_ms < from) points.shift();
      draw();
    },
    close() {
      stop();
      for (const { chart } of all) chart.close();
    },
  };
}
