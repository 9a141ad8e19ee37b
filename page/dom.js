// Elements from plain values. What comes from outside only ever becomes text.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  // It sends no form unless it says so.
  if (tag === "button") node.type = tag;
  set(node, attributes);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "text") put(node, value);
    else if (value === false || value === null || value === undefined) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : value);
  }
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
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    el("table", {}, el("thead", {}, el("tr", {}, head)),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map(cell))))));
}

export function section(title, ...children) {
  const head = el("h2", {}, title);
  return el("section", { class: "panel", "aria-label": title }, el("div", { class: "panel-head" }, head), ...children);
}

export function empty(title, ...children) {
  return el("div", { class: "empty" }, el("p", { class: "empty-title" }, title), ...children);
}

let timer = 0;
// A sentence at the bottom of the page, also for screen readers.
export function say(text, isBad = false) {
  const said = document.getElementById("said");
  put(said, text);
  said.className = `said shown${isBad ? " bad" : ""}`;
  clearTimeout(timer);
  timer = setTimeout(() => { said.className = "said"; }, isBad ? 10000 : 4000);
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
  return el("button", { class: "quiet copy", onclick: copied }, title);
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
