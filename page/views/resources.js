// Files that the server keeps for jobs and tests, by name.

import { attempt, el, empty, every, redraw, say, section, table } from "../dom.js";
import { get, may, path, send } from "../api.js";
import { confirmed } from "./actions.js";
import { bytes, moment } from "../format.js";

export function resources() {
  const [body, file] = [el("div"), el("input", { id: "file", type: "file", required: true })];
  const form = el("form.palette", { hidden: true, onsubmit: (event) => { event.preventDefault(); put(file.files[0]); } },
    el("label", { for: "file" }, "File"), file, el("button", { type: "submit", class: "primary" }, "Upload"));
  let mayWrite = false;
  const change = async (method, name, content, done) => {
    await attempt(async () => {
      await send(method, path`/resources/${name}`, content);
      say(`${name} ${done}`);
      form.reset();
    });
    await look();
  };
  const put = (it) => change("PUT", it.name, it, "is kept");
  const forget = async (name) => {
    if (await confirmed(`Delete ${name}?`, "No version of a job has pinned it.", "Delete")) change("DELETE", name, undefined, "is deleted");
  };
  const look = async () => {
    const all = (await get("/resources")).resources;
    mayWrite = await may("put", "/resources/{resource}");
    form.hidden = !mayWrite;
    redraw(body, [all, mayWrite], () => (all.length ? table("Resources", [["Name"], ["Size", "num"], ["SHA-256"], ["Put, UTC", "num"], ["By"], ["Pinned by", "wide"], [""]], all.map((it) => [
      it.name, bytes(it.bytes), el("code", { title: it.sha256 }, it.sha256.slice(0, 12)), moment(it.at_ms), it.author,
      it.pinned_by.map((of) => `${of.job} ${of.version}`).join(", ") || (it.is_pinned ? "another project" : ""),
      mayWrite && !it.is_pinned ? el("button", { "aria-label": `Delete ${it.name}`, onclick: () => forget(it.name) }, "Delete") : ""]))
      : empty("No resources yet", el("p", "Tables, packs and expected rows, which job files and tests name as ", el("code", "resource:NAME"), "."))));
  };
  return { node: section("Resources", form, body), update() {}, close: every(3000, look) };
}
