// One job: what it does, what can be asked of it, and its parts.

import { copyButton, el, put } from "../dom.js";
import { actions } from "./actions.js";
import { alarmList } from "./alarms.js";
import { setState } from "./jobs.js";
import { path } from "../api.js";
import { count, moment, span } from "../format.js";
import { overview } from "./overview.js";
import { deadLetters } from "./dead_letters.js";
import { checkpoints } from "./checkpoints.js";
import { configuration } from "./configuration.js";
import { versions } from "./versions.js";
import { log } from "./log.js";
import { graphPart } from "./graph.js";
import { editorPart } from "./editor.js";

const PARTS = [
  ["overview", "Overview", overview],
  ["graph", "Graph", graphPart],
  ["dead-letters", "Dead letters", deadLetters],
  ["checkpoints", "Checkpoints", checkpoints],
  ["configuration", "Configuration", configuration],
  ["versions", "Versions", versions],
  ["log", "Log", log],
];
// Reached from the graph.
const EDIT = ["edit", "Edit", editorPart];

export function jobView(name, wanted) {
  const [id, , make] = [...PARTS, EDIT].find(([part]) => part === wanted) ?? PARTS[0];
  const state = el("span.pill");
  const why = el("span.muted");
  const error = el("p.error-line");
  let last = "";
  const copy = copyButton("Copy error", () => last);
  const facts = FACTS.map(([title]) => el("dd.num", { "data-fact": title }));
  const buttons = actions(name);
  const alarms = alarmList(name);
  const part = make(name);
  const link = ([of, title]) =>
    el("a", { href: path`#/job/${name}/${of}`, "aria-current": of === id || (id === "edit" && of === "graph") ? "page" : "false" }, title);
  return {
    node: el("div",
      el("div.job-head",
        el("div.job-title", el("h1", name), state), buttons.node,
        el("p.why", why, " ", copy), error),
      alarms.node,
      el("dl.facts", FACTS.map(([title], at) => el("div", el("dt", title), facts[at]))),
      el("nav.parts", { "aria-label": "Parts of the job" }, PARTS.map(link)),
      part.node),
    update(entry, now, jobs) {
      put(state, entry.is_archived ? "archived" : entry.state);
      setState(state, entry.is_archived ? "archived" : entry.state);
      put(why, `${entry.why} · for ${span(Math.max(0, Math.floor((now - entry.since_ms) / 1000) * 1000)).replace(/\.\d+ s/, " s")}${entry.restarts ? ` · restarted ${entry.restarts} times` : ""}`);
      put(error, entry.last_error && entry.state !== "running" && !entry.why.includes(entry.last_error) ? entry.last_error : "");
      last = entry.last_error ? `job ${name} is ${entry.state} since ${moment(entry.since_ms)} UTC: ${entry.why}\nlast error: ${entry.last_error}` : "";
      copy.hidden = !last;
      FACTS.forEach(([, of], at) => put(facts[at], of(entry)));
      buttons.update(entry);
      part.update?.(entry, jobs);
    },
    close() {
      part.close?.();
      alarms.close();
    },
  };
}

// Where every record went: read = closed + open + late + rejected, as `seismic status` counts.
const FACTS = [
  ["Read", (it) => count(it.counts.read)],
  ["Closed", (it) => count(it.counts.closed)],
  ["Open", (it) => count(it.counts.open)],
  ["Late", (it) => count(it.counts.late)],
  ["Rejected", (it) => count(it.counts.rejected)],
  ["Windows", (it) => count(it.counts.windows)],
  ["Sensors", (it) => count(it.sensors)],
  ["Not yet in sinks", (it) => (it.sinks.length ? count(it.sinks.reduce((all, sink) => all + (sink.lag_rows ?? Math.max(0, it.point.rows - sink.rows)), 0)) : "–")],
];
