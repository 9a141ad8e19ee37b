// Checkpoints, savepoints and changes of state.

import { copyButton, el, empty, every, onlyServers, redraw, section, table } from "../dom.js";
import { get, has, may, path } from "../api.js";
import { savepoint } from "./actions.js";
import { bytes, count, moment, process } from "../format.js";

const SHOWN = 100;

export function checkpoints(job) {
  const [named, all, states] = [el("div"), el("div"), el("div")];
  const make = el("button", { hidden: true, onclick: () => savepoint(job) }, "New savepoint");
  may("post", "/jobs/{name}/savepoints").then((is) => { make.hidden = !is; }, () => {});
  const parts = el("div",
    section("Savepoints", el("p.muted", "A checkpoint with a name. A job can go back to it, or a copy can begin there. ", make), named),
    section("Checkpoints", all), section("Changes of state", states));
  const stop = every(3000, async () => {
    const [{ savepoints }, { checkpoints: kept }] = await Promise.all([get(path`/jobs/${job}/savepoints`), get(path`/jobs/${job}/checkpoints`)]);
    redraw(named, savepoints, () => savepoints.length
      ? table("Savepoints", [["Name"], ["State"], ["Created, UTC", "num"], ["Partitions", "num"], ["Size", "num"]], savepoints.map((it) =>
        [it.name, it.is_complete ? "complete" : "requested", moment(it.created_ms), count(it.partitions.length), bytes(it.partitions.reduce((sum, part) => sum + part.bytes, 0))]))
      : empty("No savepoints", el("p", "Make one before an upgrade or a change of the job file.")));
    const newest = [...kept].sort((a, b) => b.created_ms - a.created_ms).slice(0, SHOWN);
    redraw(all, newest, () => newest.length
      ? table("Checkpoints", [["Partition", "num"], ["Number", "num"], ["Position", "num"], ["Created, UTC", "num"], ["Size", "num"], ["Kept as"], ["Names"]], newest.map((it) =>
        [count(it.partition), count(it.number), count(it.position), moment(it.created_ms), bytes(it.bytes), it.kept_as ?? "", it.names.join(", ")]))
      : empty("No checkpoints yet", el("p", "The first one is taken when the job has committed for a while.")));
    if (!(await has("get", "/jobs/{name}/transitions"))) return redraw(states, [], () => onlyServers("Only a server keeps them"));
    const { transitions } = await get(`${path`/jobs/${job}/transitions`}?limit=${SHOWN}`);
    redraw(states, transitions, () => table("Changes of state", [["Since, UTC", "num"], ["Process"], ["State"], ["Why", "wide"], ["Error", "wide"]],
      transitions.map((it) => [moment(it.since_ms), process(it.worker), it.state, it.why, it.last_error ? el("span", it.last_error, " ", copyButton("Copy error", () => it.last_error)) : ""])));
  });
  return { node: parts, close: stop };
}
