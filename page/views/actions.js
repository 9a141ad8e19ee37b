// What can be asked of a job.

import { attempt, el, say } from "../dom.js";
import { get, may, path, post } from "../api.js";

const ON = ["starting", "running", "degraded", "restarting", "paused"];
const OFF = ["created", "finished", "stopped", "failed"];

// Each is a route of the job with its name; without `fits`, whatever state the job is in. `body` asks for what is sent with it;
// null: the answer is no.
const ALL = [
  { name: "start", title: "Start", fits: [...OFF, "degraded"] },
  { name: "resume", title: "Resume", fits: ["paused"] },
  { name: "pause", title: "Pause", fits: ["running", "degraded", "starting"] },
  { name: "scale", title: "Scale …", fits: ["running", "degraded"], body: workers },
  { name: "archive", title: "Archive", fits: [...ON, ...OFF, "draining"], asks: "It is stopped and put away. Everything of it is kept, and it can be brought back." },
  { name: "unarchive", title: "Bring back", fits: OFF, ofArchived: true },
  { name: "stop", title: "Stop", fits: ON, asks: "It makes its last commits and ends. Start it again at any time." },
  { name: "savepoints", title: "Savepoint", act: savepoint },
];

export function actions(job) {
  const buttons = ALL.map((action) => el("button", { hidden: true, onclick: () => (action.act ?? run)(job, action) }, action.title));
  const known = ALL.map(() => false);
  ALL.forEach(({ name }, at) => may("post", `/jobs/{name}/${name}`).then((is) => { known[at] = is; }, () => {}));
  return {
    node: el("div.actions", { role: "group", "aria-label": "Actions" }, buttons),
    update({ state, is_archived: isArchived }) {
      ALL.forEach(({ fits, ofArchived }, at) => { buttons[at].hidden = !known[at] || Boolean(fits) && (!fits.includes(state) || Boolean(ofArchived) !== Boolean(isArchived)); });
    },
  };
}

async function run(job, action) {
  if (action.asks && !(await confirmed(`${action.title} ${job}?`, action.asks, action.title))) return;
  attempt(async () => {
    const body = await action.body?.(job);
    if (body === null) return;
    await post(`${path`/jobs/${job}/`}${action.name}`, body);
    say(`${action.title}: accepted`);
  }, action.title);
}

async function workers(job) {
  const of = await get(path`/jobs/${job}/autoscale`);
  const [what, min, max] = of.one_process ? ["slots", 1, of.parallelism_max] : ["workers", of.workers_min, of.workers_max];
  const input = el("input", { type: "number", min, max, required: true, "aria-label": what });
  const text = `It may have ${min} to ${max} ${what}. A savepoint comes first; what does not work is taken back.`;
  return (await confirmed(`Scale ${job}`, text, "Scale", input)) ? { [what]: +input.value } : null;
}

export async function savepoint(job) {
  const input = el("input", { name: "name", required: true, maxlength: "64", autocomplete: "off", "aria-label": "Name of the savepoint", placeholder: "before-upgrade" });
  if (!(await confirmed(`Savepoint of ${job}`, "A checkpoint with a name, which is kept until it is deleted.", "Save", input))) return;
  attempt(async () => {
    await post(path`/jobs/${job}/savepoints`, { name: input.value.trim() });
    say(`Savepoint ${input.value.trim()}: requested`);
  }, "Savepoint");
}

// Asks in a dialog; whether the answer is yes.
export function confirmed(title, text, yes, input = null) {
  const no = el("button", { onclick: () => dialog.close() }, "Cancel");
  const form = el("form", { onsubmit: (event) => { event.preventDefault(); dialog.close("yes"); } },
    el("h2", { id: "asked" }, title), el("p", text), input,
    el("div.dialog-buttons", no, el("button.primary", { type: "submit" }, yes)));
  const dialog = el("dialog", { "aria-labelledby": "asked" }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => {
    dialog.remove();
    done(dialog.returnValue === "yes");
  }));
}

// Asks for a sentence; null: the answer is no.
export async function askWhy(title, text, yes, required = true) {
  const input = el("input", { name: "comment", required, maxlength: "1000", autocomplete: "off", "aria-label": "Why", placeholder: "Why" });
  return (await confirmed(title, text, yes, input)) ? input.value.trim() : null;
}
