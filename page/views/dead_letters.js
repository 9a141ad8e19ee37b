// Records that were not counted, by reason, and the newest of them decoded.

import { el, empty, every, put, redraw, section } from "../dom.js";
import { get, path } from "../api.js";
import { count, moment, words } from "../format.js";

const SHOWN = 100;

export function deadLetters(job) {
  let reason = "";
  const bars = el("div.bars", { role: "group", "aria-label": "Dead letters by reason" });
  const all = new Map();
  const list = el("div");
  const open = new Set();
  const load = async () => {
    const { dead_letters: letters } = await get(`${path`/jobs/${job}/dead-letters`}?limit=${SHOWN}${reason ? path`&reason=${reason}` : ""}`);
    redraw(list, [reason, letters.map(key)], () => (letters.length ? letters.map((it) => letter(it, open)) : empty(reason ? `No dead letter is there because of “${words(reason)}”` : "No dead letters", el("p", "Every record that was read was counted in a window."))));
  };
  const choose = (name) => {
    reason = reason === name ? "" : name;
    for (const [of, { node }] of all) node.setAttribute("aria-pressed", of === reason);
    load();
  };
  const stop = every(5000, load);
  return {
    node: el("div", section("By reason", bars), section("Newest", list)),
    update(entry) {
      const counts = Object.entries(entry.counts.by_reason).filter(([, number]) => number > 0).sort((a, b) => b[1] - a[1]);
      const most = Math.max(1, ...counts.map(([, number]) => number));
      for (const [name, number] of counts) {
        if (!all.has(name)) {
          all.set(name, bar(name, () => choose(name)));
          bars.append(all.get(name).node);
        }
        const { fill, shown } = all.get(name);
        fill.style.width = `${(number / most) * 100}%`;
        put(shown, count(number));
      }
      bars.hidden = !counts.length;
    },
    close: stop,
  };
}

function bar(name, choose) {
  const fill = el("span.fill");
  const shown = el("span.num");
  const node = el("button.bar", { "aria-pressed": "false", title: "Show only these", onclick: choose },
    el("span.bar-name", words(name)), el("span.track", fill), shown);
  return { node, fill, shown };
}

const key = (it) => `${it.partition}/${it.offset}`;

function letter(it, open) {
  const of = it.record?.sensor_id ?? it.record?.records?.[0]?.sensor_id;
  const where = `${it.input_topic} ${it.input_partition}/${it.input_offset}${it.index > 0 ? `, record ${it.index}` : ""}`;
  const text = it.record ? JSON.stringify(it.record, null, 2) : `${it.original_len} bytes that are no record, in base64:\n${it.bytes}`;
  const node = el("details.letter", { open: open.has(key(it)) },
    el("summary", el("span.num.muted", moment(it.written_ms)), el("strong", words(it.reason)),
      el("span", of === undefined ? "" : of === "" ? "no sensor" : of), el("span.muted", where)),
    el("pre", text));
  node.addEventListener("toggle", () => (node.open ? open.add(key(it)) : open.delete(key(it))));
  return node;
}
