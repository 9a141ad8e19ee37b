// Sensors in a list: searched and sorted by the server, so that there may be any number.

import { el, every, put } from "../dom.js";
import { get, path } from "../api.js";
import { ago, count, rate, span } from "../format.js";
import { health, healthWords } from "../health.js";

const PAGE = 50;
// Keys that come together are one search.
const PAUSE_MS = 60;
// Keys of the API's `sort`.
const COLUMNS = [
  ["sensor", "Sensor", ""], ["records", "Records", "num"], ["rate", "Rate, Hz", "num"], ["gaps", "Gaps", "num"],
  ["rejected", "Rejected", "num"], ["late", "Late", "num"], ["clock_offset", "Clock offset", "num"], ["last_seen", "Last seen", "num"],
];

export function sensorList(job, choose) {
  let [sort, search, offset, chosen, total, asked] = ["records", "", 0, [], 0, 0];
  let shown = [];
  const rows = new Map();
  const heads = COLUMNS.map(([key, title, kind]) =>
    el("th", { scope: "col", class: kind || null }, el("button.sort", { onclick: () => { sort = key; offset = 0; load(); } }, title)));
  const body = el("tbody");
  const note = el("span.muted.num");
  const back = el("button", { onclick: () => { offset -= PAGE; load(); } }, "Previous");
  const on = el("button", { onclick: () => { offset += PAGE; load(); } }, "Next");
  const input = el("input", { type: "search", placeholder: "Search sensors", "aria-label": "Search sensors", autocomplete: "off", spellcheck: "false" });
  let typing = 0;
  input.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => { search = input.value.trim(); offset = 0; load(); }, PAUSE_MS);
  });

  async function load() {
    const turn = ++asked;
    const answer = await get(`${path`/jobs/${job}/sensors?search=${search}&sort=${sort}`}&offset=${offset}&limit=${PAGE}`);
    // Somebody has typed on: a newer answer is under way.
    if (turn !== asked) return;
    ({ total, sensors: shown } = answer);
    if (offset && offset >= total) { offset = 0; return load(); }
    draw();
  }

  function draw() {
    heads.forEach((head, at) => head.setAttribute("aria-sort", COLUMNS[at][0] !== sort ? "none" : sort === "sensor" ? "ascending" : "descending"));
    const newest = Math.max(0, ...shown.map((it) => it.last_seen_ms));
    const seen = new Set(shown.map((it) => it.sensor));
    for (const [id, row] of rows) if (!seen.has(id)) { row.node.remove(); rows.delete(id); }
    shown.forEach((sensor, at) => {
      if (!rows.has(sensor.sensor)) rows.set(sensor.sensor, row(sensor.sensor, choose));
      const { node, update } = rows.get(sensor.sensor);
      update(sensor, newest, chosen.includes(sensor.sensor));
      // Rows that stay where they are keep their focus.
      if (body.children[at] !== node) body.insertBefore(node, body.children[at] ?? null);
    });
    const last = Math.min(offset + PAGE, total);
    put(note, total ? `${count(offset + 1)}–${count(last)} of ${count(total)}` : search ? `no sensor has “${search}” in its id` : "no sensor has sent a record yet");
    back.disabled = offset === 0;
    on.disabled = last >= total;
    back.hidden = on.hidden = total <= PAGE;
  }

  const stop = every(5000, load);
  return {
    node: el("section.panel.sensors", { "aria-label": "Sensors" },
      el("div.panel-head", el("h2", "Sensors"), input),
      el("div.scroll.tall", { tabindex: "0", role: "region", "aria-label": "List of sensors" },
        el("table", el("thead", el("tr", heads)), body)),
      el("div.panel-foot", note, back, on)),
    choose(sensors) { chosen = [...sensors]; if (shown.length) draw(); },
    close() { stop(); clearTimeout(typing); },
  };
}

function row(id, choose) {
  const dot = el("span.dot");
  const button = el("button.sensor", { title: "Show or hide its strip", onclick: () => choose(id) }, dot, el("span", id));
  const cells = COLUMNS.slice(1).map(([, , kind]) => el("td", { class: kind }));
  const node = el("tr", el("th", { scope: "row" }, button), cells);
  return {
    node,
    update(it, newest, isChosen) {
      const words = healthWords(it, newest);
      dot.dataset.health = { ok: "ok", warn: "warn", silent: "off" }[health(it, newest)];
      button.setAttribute("aria-pressed", isChosen);
      button.setAttribute("aria-label", `${id}, ${words}: strip`);
      const values = [count(it.records), rate(it.rate_hz), count(it.gaps), count(it.rejected), count(it.late), span(it.clock_offset_ms), ago(it.last_seen_ms)];
      values.forEach((value, at) => put(cells[at], value));
    },
  };
}
