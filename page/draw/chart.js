// One number of a job over time.

import { el, put } from "../dom.js";
import { Canvas, dot, label, stroke } from "./canvas.js";
import { colors } from "./colors.js";
import { clock, moment } from "../format.js";

const FOOT = 16;

export class Chart {
  // `show` writes a value in words; round numbers are those of `unit`.
  constructor(title, show, unit = 1) {
    Object.assign(this, { title, show, unit, points: [], from: 0, to: 1, pointer: null });
    this.now = el("span.chart-now", "–");
    this.canvas = new Canvas(title, (context, width, height) => this.draw(context, width, height));
    this.node = el("figure.chart",
      el("figcaption", el("span.chart-title", title), this.now), this.canvas.node);
    const { node } = this.canvas;
    node.addEventListener("pointermove", (event) => { this.pointer = event.offsetX; this.canvas.redraw(); });
    node.addEventListener("pointerleave", () => { this.pointer = null; this.canvas.redraw(); });
  }

  // Points are [ms, value or null], by time; the time axis goes from `from` to `to`.
  put(points, from, to) {
    Object.assign(this, { points, from, to });
    const known = points.filter(([, value]) => value !== null && value !== undefined);
    const last = known.at(-1);
    put(this.now, last ? this.show(last[1]) : "–");
    const values = known.map(([, value]) => value);
    this.most = values.length ? Math.max(...values) : 0;
    const least = values.length ? Math.min(...values) : 0;
    this.canvas.describe(last
      ? `${this.title}: now ${this.show(last[1])}, between ${this.show(least)} and ${this.show(this.most)} since ${clock(from)} UTC`
      : `${this.title}: no values yet`);
    this.canvas.redraw();
  }

  draw(context, width, height) {
    const { accent, wash, line, muted } = colors();
    const bottom = height - FOOT;
    const top = nice((this.most || this.unit) / this.unit) * this.unit;
    const x = (ms) => ((ms - this.from) / (this.to - this.from)) * width;
    const y = (value) => bottom - (value / top) * (bottom - 14);
    for (const value of [0, top / 2, top]) {
      const at = Math.round(y(value)) + 0.5;
      stroke(context, line, [0, at], [width, at]);
    }
    context.fillStyle = muted;
    context.fillText(this.show(top), 0, y(top) - 3);
    context.fillText(clock(this.from), 0, height - 3);
    context.textAlign = "right";
    context.fillText(clock(this.to), width, height - 3);
    context.textAlign = "left";
    for (const part of parts(this.points, (this.to - this.from) / 20)) {
      context.beginPath();
      part.forEach(([ms, value], at) => (at ? context.lineTo(x(ms), y(value)) : context.moveTo(x(ms), y(value))));
      context.strokeStyle = accent;
      context.lineWidth = 1.5;
      context.lineJoin = "round";
      context.stroke();
      context.lineTo(x(part.at(-1)[0]), bottom);
      context.lineTo(x(part[0][0]), bottom);
      context.fillStyle = wash;
      context.fill();
    }
    if (this.pointer !== null) this.drawPointer(context, width, bottom, x, y);
  }

  drawPointer(context, width, bottom, x, y) {
    let nearest = null;
    for (const point of this.points) {
      if (point[1] === null || point[1] === undefined) continue;
      if (!nearest || Math.abs(x(point[0]) - this.pointer) < Math.abs(x(nearest[0]) - this.pointer)) nearest = point;
    }
    if (!nearest) return;
    const { muted, accent } = colors();
    const at = x(nearest[0]);
    stroke(context, muted, [at, 0], [at, bottom]);
    dot(context, accent, at, y(nearest[1]), 3);
    label(context, `${this.show(nearest[1])} at ${moment(nearest[0]).slice(11)}`, at + 6, 8, width);
  }

  close() { this.canvas.close(); }
}

// The least of 1, 2 and 5 times a power of ten that is not below `value`.
export function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value * 0.999) * power;
}

// What hangs together: neither values that are not there nor long gaps within.
function parts(points, gap) {
  const all = [];
  let part = [];
  for (const point of points) {
    const isKnown = point[1] !== null && point[1] !== undefined;
    const isFar = part.length && point[0] - part.at(-1)[0] > gap;
    if (isFar && part.length) { all.push(part); part = []; }
    if (isKnown) part.push(point);
  }
  if (part.length) all.push(part);
  return all;
}
