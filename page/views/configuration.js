// What the job was told, and where each value comes from; its version, and what is other in it than in another one.

import { attempt, el, empty, onlyServers, panel, table } from "../dom.js";
import { get, has, path } from "../api.js";
import { moment } from "../format.js";

export function configuration(job) {
  const [body, changes, about] = [el("div", el("p.muted", "Loading …")), el("div"), el("p")];
  let [values, version] = [{}, 0];
  const all = el("input", { type: "checkbox", id: "defaults", onchange: () => draw() });
  const since = el("select", { "aria-label": "Compare with", hidden: true, onchange: () => attempt(compare) }, el("option", { value: "" }, "no comparison"));
  const draw = () => {
    const shown = Object.entries(values).filter(([, it]) => all.checked || it.source !== "default");
    body.replaceChildren(shown.length
      ? table("Configuration", [["Key"], ["Value", "wide mono"], ["Source", "muted"]], shown.map(([key, it]) => [key, text(it.value), it.source]))
      : empty("Everything is as by default"));
  };
  const compare = async () => {
    const from = since.value;
    if (!from) return changes.replaceChildren();
    const { semantics, other } = await get(`${path`/jobs/${job}/diff`}?from=${from}&to=${version}`);
    const part = (title, keys) => [el("h3", title), keys.length
      ? table(title, [["Key"], [`In version ${from}`, "wide mono"], [`In version ${version}`, "wide mono"]], keys.map((it) => [it.key, text(it.from), text(it.to)]))
      : el("p.muted", "Nothing.")];
    changes.replaceChildren(...part("Changes results", semantics), ...part("Changes no results", other));
  };
  const load = async () => {
    if (!(await has("get", "/jobs/{name}/configuration"))) return body.replaceChildren(onlyServers("Only a server knows it"));
    const [answer, { versions }] = await Promise.all([get(path`/jobs/${job}/configuration`), get(`${path`/jobs/${job}/versions`}?limit=100`)]);
    ({ values, version } = answer);
    const now = versions.find(({ number }) => number === version);
    about.textContent = `Version ${version}${now ? ` of ${now.author}, ${moment(now.at_ms)} UTC${now.comment && `: ${now.comment}`}` : ""}`;
    since.append(...versions.filter((it) => it !== now).map(({ number, author }) => el("option", { value: number }, `since version ${number} of ${author}`)));
    since.hidden = since.options.length < 2;
    draw();
  };
  load().catch((error) => body.replaceChildren(empty("It cannot be shown", el("p", error.message))));
  return { node: panel("Configuration", since, about, changes, el("p", el("label", { for: "defaults" }, all, " also what is by default")), body) };
}

function text(value) {
  if ((value ?? null) === null) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}
