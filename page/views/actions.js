// What can be asked of a job.

import { el, say } from "../dom.js";
import { may, path, post } from "../api.js";

const ON = ["starting", "running", "degraded", "restarting", "paused"];
const OFF = ["created", "finished", "stopped", "failed"];

export const SAVEPOINTS = "/jobs/{name}/savepoints";

const ALL = [
  { name: "start", title: "Start", route: "/jobs/{name}/start", fits: [...OFF, "degraded"] },
  { name: "resume", title: "Resume", route: "/jobs/{name}/resume", fits: ["paused"] },
  { name: "pause", title: "Pause", route: "/jobs/{name}/pause", fits: ["running", "degraded", "starting"] },
  { name: "archive", title: "Archive", route: "/jobs/{name}/archive", fits: [...ON, ...OFF, "draining"], asks: "It is stopped and put away. Everything of it is kept, and it can be brought back." },
  { name: "unarchive", title: "Bring back", route: "/jobs/{name}/unarchive", fits: OFF, ofArchived: true },
  { name: "stop", title: "Stop", route: "/jobs/{name}/stop", fits: ON, asks: "It makes its last commits and ends. Start it again at any time." },
];

export function actions(job) {
  const buttons = ALL.map((action) => el("button", { hidden: true, onclick: () => run(job, action) }, action.title));
  const known = ALL.map(() => false);
  let saves = false;
  ALL.forEach((action, at) => may("post", action.route).then((is) => { known[at] = is; }, () => {}));
  may("post", SAVEPOINTS).then((is) => { saves = is; }, () => {});
  const save = el("button", { hidden: true, onclick: () => savepoint(job) }, "Savepoint");
  return {
    node: el("div", { class: "actions", role: "group", "aria-label": "Actions" }, buttons, save),
    update(entry) {
      ALL.forEach((action, at) => { buttons[at].hidden = !known[at] || !action.fits.includes(entry.state) || Boolean(action.ofArchived) !== Boolean(entry.is_archived); });
      save.hidden = !saves;
    },
  };
}

async function run(job, action) {
  if (action.asks && !(await confirmed(`${action.title} ${job}?`, action.asks, action.title))) return;
  try {
    await post(`${path`/jobs/${job}/`}${action.name}`);
    say(`${action.title}: accepted`);
  } catch (error) {
    say(`${action.title}: ${error.message}`, true);
  }
}

export async function savepoint(job) {
  const input = el("input", { name: "name", required: true, maxlength: "64", autocomplete: "off", "aria-label": "Name of the savepoint", placeholder: "before-upgrade" });
  if (!(await confirmed(`Savepoint of ${job}`, "A checkpoint with a name, which is kept until it is deleted.", "Save", input))) return;
  try {
    await post(path`/jobs/${job}/savepoints`, { name: input.value.trim() });
    say(`Savepoint ${input.value.trim()}: requested`);
  } catch (error) {
    say(`Savepoint: ${error.message}`, true);
  }
}

// Asks in a dialog; whether the answer is yes.
export function confirmed(title, text, yes, input = null) {
  const no = el("button", { onclick: () => dialog.close() }, "Cancel");
  const form = el("form", { onsubmit: (event) => { event.preventDefault(); dialog.close("yes"); } },
    el("h2", { id: "asked" }, title), el("p", {}, text), input,
    el("div", { class: "dialog-buttons" }, no, el("button", { class: "primary", type: "submit" }, yes)));
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
