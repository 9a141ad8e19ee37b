// A graph on the page: nodes are buttons, so that keys and screen readers have them, and edges are drawn behind.

import { el, put } from "../dom.js";
import { HEIGHT, WIDTH, layout } from "./layout.js";

const SVG = "http://www.w3.org/2000/svg";
const NARROW = 620;
const EDGE = 6;

const svg = (tag, attributes) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};

export class GraphCanvas {
  // `choose(node)` is called when a node is pressed; with `connect(from, to)`, nodes have a port for edges.
  constructor(label, choose, connect = null) {
    Object.assign(this, { choose, connect, nodes: [], edges: [], buttons: new Map(), texts: [], from: null, shape: "" });
    this.lines = svg("svg", { "aria-hidden": "true", class: "edges" });
    this.inner = el("div.graph-inner", this.lines);
    this.node = el("div.graph", { role: "group", "aria-label": label }, this.inner);
    this.size = new ResizeObserver(() => this.draw());
    this.size.observe(this.node);
    this.node.addEventListener("keydown", (event) => this.key(event));
  }

  // Nodes are { id, kind, label, title, detail, health?, mark?, href?, isLoose?, ports? }, edges { from, to, text? }.
  put(nodes, edges) {
    const ids = new Set(nodes.map(({ id }) => id));
    [this.nodes, this.edges] = [nodes, edges.filter(({ from, to }) => ids.has(from) && ids.has(to))];
    this.draw();
  }

  draw() {
    const { nodes, edges } = this;
    const isUpright = this.node.clientWidth < NARROW;
    const shape = JSON.stringify([isUpright, nodes.map(({ id, ports }) => [id, ports]), edges.map(({ from, to }) => [from, to])]);
    if (shape !== this.shape) this.arrange(isUpright, shape);
    for (const node of nodes) this.show(node);
    edges.forEach((edge, at) => put(this.texts[at], edge.text ?? ""));
  }

  arrange(isUpright, shape) {
    this.shape = shape;
    const focused = document.activeElement?.dataset?.id;
    const { places, width, height } = layout(this.nodes, this.edges, isUpright);
    Object.assign(this.inner.style, { width: `${width + 30}px`, height: `${height + 4}px` });
    this.places = places;
    this.texts = this.edges.map(() => svg("text", {}));
    this.lines.replaceChildren(...this.edges.flatMap((edge, at) => line(places.get(edge.from), places.get(edge.to), isUpright, this.texts[at])));
    // Tab goes as data moves.
    const [first, second] = isUpright ? ["y", "x"] : ["x", "y"];
    const inOrder = [...this.nodes].sort(({ id: a }, { id: b }) => places.get(a)[first] - places.get(b)[first] || places.get(a)[second] - places.get(b)[second]);
    this.buttons = new Map(inOrder.map((node) => [node.id, this.make(node, places.get(node.id))]));
    this.inner.replaceChildren(this.lines, ...[...this.buttons.values()].map(({ box }) => box));
    if (focused) this.focus(focused);
  }

  make({ id, kind, ports }, place) {
    const parts = ["node-kind", "node-title", "node-detail"].map((name) => el("span", { class: name }));
    const button = el("button.node", { "data-id": id, "data-kind": kind, onclick: () => this.press(id) }, parts);
    const port = ports && this.connect ? el("button.port", { onclick: () => this.begin(id) }, "+") : null;
    const box = el("div.node-box", button, port);
    Object.assign(box.style, { left: `${place.x}px`, top: `${place.y}px`, width: `${WIDTH}px`, height: `${HEIGHT}px` });
    port?.addEventListener("pointerdown", (event) => this.drag(event, id));
    return { box, button, port, parts };
  }

  show(node) {
    const { button, port, parts } = this.buttons.get(node.id);
    [node.label, node.title, node.detail].forEach((text, at) => put(parts[at], text));
    button.title = [node.title, node.detail, node.mark].filter(Boolean).join("\n");
    const states = { health: node.health, mark: node.mark, loose: node.isLoose && "yes", chosen: node.isChosen && "yes", fault: node.isFaulty && "yes", from: this.from === node.id && "yes" };
    for (const [name, value] of Object.entries(states)) {
      if (value) button.dataset[name] = value;
      else delete button.dataset[name];
    }
    button.setAttribute("aria-label", [node.label, node.title, node.detail, node.isLoose && "not connected", node.isFaulty && "wrong", node.mark].filter(Boolean).join(", "));
    port?.setAttribute("aria-label", `Connect ${node.title} to …`);
  }

  focus(id) { this.buttons.get(id)?.button.focus(); }

  press(id) {
    if (this.from === null) return this.choose(id);
    const from = this.from;
    this.end();
    if (from !== id) this.connect(from, id);
  }

  // An edge begins here, and ends at the next node that is pressed.
  begin(id) {
    if (this.from === id) return this.end();
    this.from = id;
    this.node.dataset.connecting = "yes";
    this.draw();
    this.onconnecting?.(id);
  }

  end() {
    this.from = null;
    delete this.node.dataset.connecting;
    this.thread?.remove();
    this.draw();
    this.onconnecting?.(null);
  }

  // Arrows go to the next node in their direction; Escape ends an edge that is begun.
  key(event) {
    if (event.key === "Escape" && this.from !== null) { event.preventDefault(); return this.end(); }
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    const here = this.places?.get(event.target.dataset.id);
    if (!way || !here) return;
    event.preventDefault();
    let [best, least] = [null, Infinity];
    for (const [id, { x, y }] of this.places) {
      const along = (x - here.x) * way[0] + (y - here.y) * way[1];
      const aside = Math.abs((x - here.x) * way[1]) + Math.abs((y - here.y) * way[0]);
      if (along > 0 && along + 2 * aside < least) [best, least] = [id, along + 2 * aside];
    }
    if (best) this.focus(best);
  }

  // The port is dragged to another node.
  drag(event, id) {
    const begun = [event.clientX, event.clientY];
    const start = this.places.get(id);
    const corner = () => this.inner.getBoundingClientRect();
    const move = (now) => {
      if (!this.thread?.isConnected && Math.hypot(now.clientX - begun[0], now.clientY - begun[1]) < EDGE) return;
      if (!this.thread?.isConnected) {
        if (this.from !== id) this.begin(id);
        this.thread = svg("path", { class: "thread" });
        this.lines.append(this.thread);
      }
      const { left, top } = corner();
      this.thread.setAttribute("d", `M${start.x + WIDTH} ${start.y + HEIGHT / 2}L${now.clientX - left} ${now.clientY - top}`);
    };
    const up = (now) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", up);
      if (!this.thread?.isConnected) return;
      const over = document.elementFromPoint(now.clientX, now.clientY)?.closest?.(".node-box")?.querySelector(".node");
      if (over && over.dataset.id !== id) this.press(over.dataset.id);
      else this.end();
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
  }

  close() { this.size.disconnect(); }
}

function line(from, to, isUpright, text) {
  const [x1, y1] = isUpright ? [from.x + WIDTH / 2, from.y + HEIGHT] : [from.x + WIDTH, from.y + HEIGHT / 2];
  const [x2, y2] = isUpright ? [to.x + WIDTH / 2, to.y] : [to.x, to.y + HEIGHT / 2];
  const bend = isUpright ? `${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2}` : `${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2}`;
  const head = isUpright ? `M${x2 - 4} ${y2 - 7}L${x2} ${y2}L${x2 + 4} ${y2 - 7}` : `M${x2 - 7} ${y2 - 4}L${x2} ${y2}L${x2 - 7} ${y2 + 4}`;
  const isAside = !isUpright && y1 !== y2;
  text.setAttribute("text-anchor", isAside ? "end" : "middle");
  text.setAttribute("x", isUpright ? x2 : isAside ? x2 - 7 : (x1 + x2) / 2);
  text.setAttribute("y", isUpright ? y2 - 14 : isAside ? y2 - 7 : y1 - 6);
  return [svg("path", { d: `M${x1} ${y1}C${bend} ${x2} ${y2}` }), svg("path", { d: head }), text];
}
