// Elements from plain values. What comes from outside only ever becomes text.

// `el("p.muted", { id: "x" }, "text", child)`; attributes may be left out.
export function el(name, ...children) {
  const [tag, ...classes] = name.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  // It sends no form unless it says so.
  if (tag === "button") node.type = tag;
  const attributes = children[0]?.constructor === Object ? children.shift() : {};
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if ((value ?? false) !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => (child ?? false) !== false));
  return node;
}

// Text, written only when it has changed.
export function put(node, text) {
  const now = String(text ?? "");
  if (node.textContent !== now) node.textContent = now;
}

// A table whose columns are [title, class] pairs; rows are lists of cells.
export function table(label, columns, rows) {
  const head = columns.map(([title, kind]) => el("th", { scope: "col", class: kind || null }, title));
  const cell = (value, at) => el("td", { class: columns[at][1] || null }, value ?? "–");
  return el("div.scroll", { tabindex: "0", role: "region", "aria-label": label },
    el("table", el("thead", el("tr", head)),
      el("tbody", rows.map((row) => el("tr", row.map(cell))))));
}

export const section = (title, ...children) => panel(title, [], ...children);

// A section with more than its title at its head.
export const panel = (title, head, ...children) => el("section.panel", { "aria-label": title }, el("div.panel-head", el("h2", title), head), ...children);

export function empty(title, ...children) {
  return el("div.empty", el("p.empty-title", title), ...children);
}

// Of what one job that runs alone does not have.
export const onlyServers = (title) => empty(title, el("p", el("code", "seismic serve")));

let timer = 0;
// A sentence at the bottom of the page, also for screen readers.
export function say(text, isBad = false) {
  const said = document.getElementById("said");
  put(said, text);
  said.className = `said shown${isBad ? " bad" : ""}`;
  clearTimeout(timer);
  timer = setTimeout(() => { said.className = "said"; }, isBad ? 10000 : 4000);
}

// Does something; where that fails, it is said why.
export async function attempt(work, title = "") {
  try {
    return await work();
  } catch (error) {
    say(title ? `${title}: ${error.message}` : error.message, true);
  }
}

const drawn = new WeakMap();
// Has a node show what `make` gives, again only when `value` has changed.
export function redraw(node, value, make) {
  const now = JSON.stringify(value);
  if (drawn.get(node) === now) return;
  drawn.set(node, now);
  node.replaceChildren(...[make()].flat());
}

// A button that copies what `text` gives then.
export function copyButton(title, text) {
  const copied = async () => {
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      // Without encryption, browsers have no clipboard for pages of other machines.
      const area = el("textarea", { readonly: true, "aria-hidden": "true" }, text());
      document.body.append(area);
      area.select();
      const isDone = document.execCommand("copy");
      area.remove();
      if (!isDone) return say("The browser does not let it be copied", true);
    }
    say("Copied");
  };
  return el("button.quiet.copy", { onclick: copied }, title);
}

// Calls `work` now and then every `ms`, one call at a time, while the page is seen; returns its end.
export function every(ms, work) {
  let isOver = false;
  const turn = async () => {
    if (isOver) return;
    if (!document.hidden) {
      try { await work(); } catch (error) { if (!isOver) console.debug(error.message); }
    }
    if (!isOver) setTimeout(turn, ms);
  };
  turn();
  return () => { isOver = true; };
}
