// What the job was told, and where each value comes from.

import { el, empty, section, table } from "../dom.js";
import { get, has, path } from "../api.js";

export function configuration(job) {
  const body = el("div", {}, el("p", { class: "muted" }, "Loading …"));
  let values = {};
  const all = el("input", { type: "checkbox", id: "defaults", onchange: () => draw() });
  const draw = () => {
    const shown = Object.entries(values).filter(([, it]) => all.checked || it.source !== "default");
    body.replaceChildren(shown.length
      ? table("Configuration", [["Key"], ["Value", "wide mono"], ["Source", "muted"]], shown.map(([key, it]) => [key, text(it.value), it.source]))
      : empty("Everything is as by default"));
  };
  const load = async () => {
    if (!(await has("get", "/jobs/{name}/configuration"))) {
      return body.replaceChildren(empty("Only a server knows it", el("p", {}, "This job runs alone; its options are those of its command line. ", el("code", {}, "seismic job show"))));
    }
    const answer = await get(path`/jobs/${job}/configuration`);
    values = answer.values;
    draw();
  };
  load().catch((error) => body.replaceChildren(empty("It cannot be shown", el("p", {}, error.message))));
  return { node: section("Configuration", el("p", {}, el("label", { for: "defaults" }, all, " also what is by default")), body) };
}

function text(value) {
  if (value === null) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}
