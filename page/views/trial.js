// Tries the edited job on packs kept here.

import { attempt, el, section, table } from "../dom.js";
import { get, post } from "../api.js";
import { amplitude, count, moment, words } from "../format.js";

const SHOWN = 50;
const NUMBERS = [["shuffle_s", "Shuffle, s"], ["duplicate_percent", "Doubled, %"], ["drop_percent", "Drop, %"], ["seed", "Seed"]];

// `what()`: the job file, or a job and changes.
export function trial(what) {
  const packs = el("select", { multiple: true, required: true, "aria-label": "Packs" });
  const expect = el("select", { "aria-label": "Expected rows" }, el("option", { value: "" }, "none expected"));
  const text = (name, label, more) => el("input", { name, "aria-label": label, placeholder: label, ...more });
  const numbers = NUMBERS.map(([name, label]) => text(name, label, { type: "number", min: 0, step: name === "seed" ? 1 : "any" }));
  const delays = text("delay", "Delays: S1=5 S2=60");
  const start = el("button", { type: "submit" }, "Test");
  const out = el("div", { role: "status" });
  const run = async () => {
    start.disabled = true;
    const told = { input: [...packs.selectedOptions].map(({ value }) => value), expect: expect.value || null };
    for (const { name, value } of numbers) if (value) told[name] = Number(value);
    told.delay_s = Object.fromEntries([...delays.value.matchAll(/(\S+)=(\S+)/g)].map(([, sensor, seconds]) => [sensor, Number(seconds)]));
    await attempt(async () => out.replaceChildren(...shown(await post("/test", { ...what(), ...told }))), "Test");
    start.disabled = false;
  };
  attempt(async () => {
    const options = () => resources.map(({ name }) => el("option", { value: name }, name));
    const { resources } = await get("/resources");
    packs.append(...resources.length ? options() : [el("option", { disabled: true }, "no packs")]);
    expect.append(...options());
  });
  return section("Test", el("form.palette", { onsubmit: (event) => { event.preventDefault(); run(); } }, packs, numbers, delays, expect, start),
    el("p.muted", "The edited job reads ", el("a", { href: "#/resources" }, "resources"), " in memory. Nothing stays."), out);
}

function shown({ counts, rows, dead_letters: letters, disturbed = {}, expected, differences }) {
  const { read, counted, late, rejected, gave, filtered } = counts;
  const changed = Object.entries(disturbed).filter(([, number]) => number).map(([what, number]) => `${count(number)} ${what}`);
  const ended = gave >= 0 ? `${count(gave)} gave ${count(counts.rows)} rows, ${count(filtered)} none, ${count(read - gave - filtered)} dead letters`
    : `${count(counted)} counted in ${count(counts.rows)} rows, ${count(late)} late, ${count(rejected)} rejected`;
  const all = [el("p", `${count(read)} records read${changed.length ? `, messages: ${changed.join(", ")}` : ""}; ${ended}`)];
  const part = (title, columns, list, row) => list.length && all.push(table(title, columns, list.slice(0, SHOWN).map(row)));
  if (differences) all.push(el("p", `${count(differences.length)} differences`), ...differences.slice(0, SHOWN).map((it) => el("p", it)));
  if (expected) {
    all.push(el("p", `${count(expected.equal)} of ${count(expected.expected)} expected rows found, ${count(expected.found - expected.equal)} others`));
    part("Differences", [[""], ["Row", "wide"], ["Expected, found", "wide"]], expected.differences, ({ kind, row, fields }) =>
      [kind, row, fields.map((it) => `${it.field}: ${it.expected}, ${it.found}`).join("; ")]);
  }
  if (gave >= 0) part("Rows", Object.keys(rows[0] ?? {}).map((name) => [name]), rows, (it) => Object.values(it).map(String));
  else part("Rows", [["Window, UTC", "num"], ["Sensor"], ["Records", "num"], ["Min", "num"], ["Mean", "num"], ["Max", "num"]], rows, (it) =>
    [moment(it.window_start_ts), it.sensor_id, count(it.record_count), ...["min", "avg", "max"].map((of) => amplitude(it[`${of}_amplitude`]))]);
  part("Dead letters", [["Reason"], ["Record", "wide mono"]], letters, (it) => [words(it.reason), it.detail ?? JSON.stringify(it.record ?? undefined) ?? it.bytes]);
  return all;
}
