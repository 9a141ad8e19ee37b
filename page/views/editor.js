// Makes or changes a job as a graph. What it saves is the file that people edit by hand: the server changes the keys
// that were changed here, and leaves all else of it as it is.

import { attempt, el, empty, onlyServers, put, say } from "../dom.js";
import { get, has, path, post, send } from "../api.js";
import { askWhy, confirmed } from "./actions.js";
import { Draft, sinkTables } from "../graph/draft.js";
import { fields } from "../graph/form.js";
import { GraphCanvas } from "../graph/canvas.js";
import { trial } from "./trial.js";

const PAUSE_MS = 250;
const ALONE = "Press the node where the edge ends, or Escape";

export const editorPart = (job) => editor(job);
export const newJob = () => editor(null);

function editor(job) {
  const draft = new Draft(job);
  let [schema, chosen, tag, text, asked, timer, isOver, isChecked] = [null, null, null, "", 0, 0, false, false];
  const canvas = new GraphCanvas("The job that is edited", (id) => choose(id), (from, to) => connect(from, to));
  const hint = el("p.muted", { role: "status" });
  const form = el("form.panel.editor-form", { "aria-label": "Keys of what is chosen", onsubmit: (event) => event.preventDefault() });
  const wrong = el("ul.faults", { "aria-label": "What is wrong" });
  const file = el("pre", { "aria-label": "Job file", tabindex: "0" });
  const sinks = el("select", { "aria-label": "Type of sink" });
  const palette = el("div.palette", { role: "toolbar", "aria-label": "Palette" });
  const save = el("button", { hidden: !job, onclick: () => keep(false) }, "Save draft");
  const submit = el("button.primary", { onclick: () => keep(true) }, "Submit …");
  const discard = el("button", { hidden: true, onclick: () => forget() }, "Discard draft");
  const state = el("span.muted", { role: "status" });
  const tries = el("div");
  const node = el("div.editor", palette, hint, el("div.editor-two",
    el("div", el("section.panel", { "aria-label": "Graph" }, canvas.node),
      el("section.panel", { "aria-label": "Check" }, el("div.panel-head", state, el("div.row-buttons", discard, save, submit)), wrong,
        el("details", { open: true }, el("summary", "Job file"), file)), tries),
    form));

  const draw = () => {
    const nodes = draft.nodes();
    for (const it of nodes) it.isChosen = it.id === chosen;
    canvas.put(nodes, draft.edges());
    windows.disabled = sql.disabled = draft.kind !== null;
    const missing = draft.missing();
    wrong.replaceChildren(...[...draft.faults, ...missing].map((fault) => el("li", fault)));
    put(state, !isChecked ? "Checking …" : draft.faults.length ? "This is wrong with it:" : missing.length ? "Still missing:" : "It is valid");
    put(file, text || "# nothing yet");
    submit.disabled = !isChecked || draft.faults.length > 0 || missing.length > 0;
    save.disabled = !isChecked || !draft.edits.length;
  };
  const add = (kind, type) => { const id = draft.place(kind, type); changed(); choose(id); canvas.focus(id); };
  const tool = (title, act) => el("button", { onclick: act }, title);
  const windows = tool("Windows", () => add("windows"));
  const sql = tool("SQL statement", () => add("sql"));
  palette.append(el("span.muted", "Add"), tool("Topic", () => add("topic")), windows, sql, sinks, tool("Sink", () => add("sink", sinks.value)), tool("Job …", () => choose(null)));
  canvas.onconnecting = (id) => put(hint, id === null ? "" : ALONE);

  const connect = (from, to) => {
    const { id, why } = draft.connect(from, to);
    if (why) return say(why, true);
    changed();
    choose(id);
    canvas.focus(id);
  };
  const remove = (free) => {
    if (free) draft.free(chosen);
    else if (!draft.remove(chosen)) return say("A job has what computes, and its results", true);
    changed();
    choose(draft.kind ? "operator" : null);
  };
  canvas.node.addEventListener("keydown", ({ key, target }) => { if (key === "Delete" && target.dataset.id === chosen && chosen) remove(false); });

  const choose = (id) => {
    chosen = id;
    draw();
    if (!schema || isOver) return;
    const shown = draft.form(id ?? "job", schema);
    const at = draft.nodes().find((it) => it.id === id);
    const buttons = [];
    if (id === "topic" && draft.topic !== undefined || id?.startsWith("sink ")) buttons.push(tool("Disconnect", () => remove(true)));
    if (id === "topic" && draft.topic !== undefined || id?.startsWith("sink ") || draft.find(id)) buttons.push(tool("Remove", () => remove(false)));
    form.replaceChildren(el("div.panel-head", el("h2", at ? `${at.label}: ${at.title}` : "Job"), el("div.row-buttons", buttons)),
      ...fields(shown.properties, shown.names, shown.values, (way, value) => { shown.set(way, value); changed(); }));
    if (!form.querySelector(".field")) form.append(el("p.muted", "It has no keys."));
  };

  const changed = () => {
    // An answer that is under way is of the keys before.
    asked++;
    isChecked = false;
    draw();
    clearTimeout(timer);
    timer = setTimeout(() => check().catch((error) => {
      if (isOver) return;
      [draft.faults, isChecked] = [[error.message], true];
      draw();
    }), PAUSE_MS);
  };
  const check = async () => {
    const mine = ++asked;
    const answer = await post("/check", { ...(job ? { job } : { text: "" }), set: draft.edits });
    if (mine !== asked || isOver) return;
    draft.take(answer);
    [tag, text, isChecked] = [answer.base, answer.text, true];
    discard.hidden = !answer.is_draft;
    draw();
  };

  const keep = async (isSubmitted) => {
    const said = isSubmitted && (await askWhy(job ? `Submit another version of ${job}?` : `Submit ${draft.values.name ?? "the job"}?`, "What is said here stays with the version.", "Submit", false));
    if (said === null) return;
    const comment = said || null;
    attempt(async () => {
      const { name, version } = job ? await keepDraft(isSubmitted, comment) : await post("/jobs", { text, comment });
      if (!isSubmitted) return;
      say(`Job ${name} has version ${version}`);
      location.hash = path`#/job/${name}/graph`;
    });
  };
  // Changes are of the draft or version that was seen: where somebody else was quicker, they are refused.
  const keepDraft = async (isSubmitted, comment) => {
    if (draft.edits.length) {
      const { revision } = await send("PUT", path`/jobs/${job}/draft`, { set: draft.edits, comment }, tag);
      draft.edits = [];
      tag = `draft-${revision}`;
      if (!isSubmitted) say("The draft is saved");
      await check();
    }
    return isSubmitted ? post(path`/jobs/${job}/draft/submit`, { comment }, tag) : {};
  };
  const forget = async () => {
    if (!(await confirmed("Discard the draft?", "What was changed since the newest version is gone.", "Discard"))) return;
    attempt(async () => {
      await send("DELETE", path`/jobs/${job}/draft`, {}, tag);
      draft.edits = [];
      await check();
      choose(null);
    });
  };

  const begin = async () => {
    if (!(await has("post", "/check"))) return node.replaceChildren(onlyServers("Only a server has jobs to edit"));
    const [{ jobs }, all] = await Promise.all([get("/graph"), get("/schema")]);
    draft.others = jobs.filter(({ name }) => name !== job);
    schema = all;
    sinks.append(...sinkTables(schema).map(({ type }) => el("option", { value: type.const, selected: type.const === "csv" }, type.const)));
    await check();
    choose(null);
    if (await has("post", "/test")) tries.append(trial(() => (job ? { job, set: draft.edits } : { text })));
  };
  begin().catch((error) => node.replaceChildren(empty("It cannot be edited", el("p", error.message))));
  return { node, update() {}, close() { isOver = true; clearTimeout(timer); canvas.close(); } };
}
