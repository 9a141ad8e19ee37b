// A canvas as sharp as the screen, drawn again when its size, its data or the colours change.

import { el } from "../dom.js";
import { colors, whenRecolored } from "./colors.js";

// What is due is drawn in turns, so that no frame takes long.
const due = new Set();
const TURN_MS = 8;

function turn() {
  const began = performance.now();
  for (const canvas of due) {
    due.delete(canvas);
    canvas.paint();
    if (performance.now() - began > TURN_MS) break;
  }
  if (due.size) requestAnimationFrame(turn);
}

export class Canvas {
  // `draw(context, width, height)` draws in CSS pixels.
  constructor(label, draw) {
    this.node = el("canvas", { role: "img", "aria-label": label });
    Object.assign(this, { draw, width: 0, height: 0 });
    // Its size is not looked at while it is drawn: that would lay out the page once for each of them.
    this.size = new ResizeObserver(([{ contentRect }]) => {
      [this.width, this.height, this.scale] = [contentRect.width, contentRect.height, devicePixelRatio || 1];
      Object.assign(this.node, { width: this.width * this.scale, height: this.height * this.scale });
      this.redraw();
    });
    this.size.observe(this.node);
    this.forget = whenRecolored(() => this.redraw());
  }

  redraw() {
    if (!due.size) requestAnimationFrame(turn);
    due.add(this);
  }

  paint() {
    const { width, height, scale } = this;
    if (!width || !height) return;
    const context = this.node.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = "11px system-ui, sans-serif";
    this.draw(context, width, height);
  }

  describe(text) {
    if (this.node.getAttribute("aria-label") !== text) this.node.setAttribute("aria-label", text);
  }

  close() {
    this.size.disconnect();
    this.forget();
    due.delete(this);
  }
}

// A line through points.
export function stroke(context, color, ...points) {
  context.strokeStyle = color;
  context.lineWidth = 1;
  context.beginPath();
  for (const point of points) context.lineTo(...point);
  context.stroke();
}

export function dot(context, color, x, y, radius) {
  context.fillStyle = color;
  context.beginPath();
  context.arc(x, y, radius, 0, 7);
  context.fill();
}

// A text on a ground of its own, within the width.
export function label(context, text, x, y, width) {
  const { ink, panel } = colors();
  const shown = text.length > 48 ? `${text.slice(0, 47)}…` : text;
  const size = context.measureText(shown).width;
  const left = Math.min(Math.max(4, x), width - size - 8);
  context.globalAlpha = 0.85;
  context.fillStyle = panel;
  context.fillRect(left - 3, y - 8, size + 6, 16);
  context.globalAlpha = 1;
  context.fillStyle = ink;
  context.fillText(shown, left, y + 4);
}
