// The newest lines of the job's log.

import { el, every, section } from "../dom.js";
import { get, path } from "../api.js";
import { moment, process } from "../format.js";

const LINES = 300;
const LEVELS = ["error", "warn", "info", "debug", "trace"];

export function log(job) {
  let least = "trace";
  let lines = [];
  let seen = "";
  const list = el("div.log", { tabindex: "0", role: "log", "aria-label": "Log" });
  const draw = () => {
    const shown = lines.filter((line) => LEVELS.indexOf(line.level) <= LEVELS.indexOf(least));
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    list.replaceChildren(...(shown.length ? shown.map((line) => el("div.log-line", { "data-level": line.level },
      el("span.muted", line.time_ms ? moment(line.time_ms).slice(5) : ""), el("span.level", line.level), el("span", line.worker == null ? line.message : `${process(line.worker)}: ${line.message}`)))
      : [el("p.muted", "No lines.")]));
    if (isAtEnd) list.scrollTop = list.scrollHeight;
  };
  const choice = el("select", { "aria-label": "Least level", onchange: (event) => { least = event.target.value; draw(); } },
    ["error", "warn", "info", "trace"].map((level) => el("option", { value: level, selected: level === least }, level === "trace" ? "all levels" : level === "error" ? "errors" : `${level} and above`)));
  const stop = every(2000, async () => {
    const answer = await get(`${path`/jobs/${job}/logs`}?lines=${LINES}`);
    const now = JSON.stringify([answer.lines.length, answer.lines.at(-1), answer.lines[0]]);
    if (now === seen) return;
    seen = now;
    lines = answer.lines;
    draw();
  });
  return { node: section("Log", el("p", choice), list), close: stop };
}
