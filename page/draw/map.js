// Sensors where they stand, over the coastlines of Natural Earth.

import { el } from "../dom.js";
import { Canvas, dot, label, stroke } from "./canvas.js";
import { colors } from "./colors.js";
import { nice } from "./chart.js";
import { health, healthWords } from "../health.js";

const KM_PER_DEGREE = 111.2;
const CLOSEST = 4000;

const BASE = 45;
let coast = null;

// Rings of [longitude, latitude] pairs, flat, from the texts that coast.py writes.
async function coastlines() {
  const rings = await (await fetch("/draw/coast.json")).json();
  return rings.split(" ").map((text) => {
    const steps = numbers(text);
    let [x, y] = steps;
    const ring = [x / 10, y / 10];
    for (let at = 2; at < steps.length; at += 2) {
      x += steps[at];
      y += steps[at + 1];
      ring.push(x / 10, y / 10);
    }
    return ring;
  });
}

// Digits of 45, the lowest first; all but the last of a number are 45 more. The lowest bit is the sign.
function numbers(text) {
  const all = [];
  let [sum, unit] = [0, 1];
  for (let at = 0; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - 35;
    sum += unit * (digit % BASE);
    unit *= BASE;
    if (digit >= BASE) continue;
    all.push(sum % 2 ? -(sum + 1) / 2 : sum / 2);
    [sum, unit] = [0, 1];
  }
  return all;
}

export class SensorMap {
  constructor(choose) {
    Object.assign(this, { sensors: [], chosen: [], over: null, isMoved: false, centre: [0, 20], scale: 1 });
    this.canvas = new Canvas("Map of the sensors", (context, width, height) => this.draw(context, width, height));
    coast ??= coastlines().catch(() => []);
    coast.then((rings) => { this.rings = rings; this.canvas.redraw(); });
    const button = (text, label, onclick) => el("button.quiet", { "aria-label": label, title: label, onclick }, text);
    this.node = el("div.map", this.canvas.node,
      el("div.map-buttons", button("+", "Nearer", () => this.zoom(1.6)), button("−", "Further", () => this.zoom(1 / 1.6)),
        button("⤢", "All sensors", () => { this.isMoved = false; this.canvas.redraw(); })));
    const { node } = this.canvas;
    node.tabIndex = 0;
    node.addEventListener("wheel", (event) => { event.preventDefault(); this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.offsetX, event.offsetY); }, { passive: false });
    node.addEventListener("keydown", (event) => this.key(event));
    node.addEventListener("pointerleave", () => this.hover(null));
    let from = null;
    node.addEventListener("pointerdown", (event) => { from = [event.offsetX, event.offsetY, false]; node.setPointerCapture(event.pointerId); });
    node.addEventListener("pointermove", (event) => {
      if (!from) return this.hover(this.at(event.offsetX, event.offsetY));
      const [dx, dy] = [event.offsetX - from[0], event.offsetY - from[1]];
      if (!from[2] && Math.hypot(dx, dy) < 4) return;
      from = [event.offsetX, event.offsetY, true];
      this.pan(-dx, -dy);
    });
    node.addEventListener("pointerup", (event) => {
      const found = from && !from[2] ? this.at(event.offsetX, event.offsetY) : null;
      from = null;
      if (found) choose(found.sensor);
    });
  }

  put(sensors) {
    this.sensors = sensors.filter((it) => it.latitude !== null && it.longitude !== null);
    this.newest = Math.max(0, ...sensors.slice(0, 1000).map((it) => it.last_seen_ms));
    const troubled = this.sensors.filter((it) => health(it, this.newest) !== "ok").length;
    this.canvas.describe(`Map of ${this.sensors.length} sensors, ${troubled} of them marked; the list has the same sensors`);
    this.canvas.redraw();
  }

  choose(sensors) { this.chosen = sensors; this.canvas.redraw(); }

  // All sensors, with room around them.
  fit(width, height) {
    let [west, east, south, north] = [180, -180, 90, -90];
    for (const { longitude, latitude } of this.sensors) {
      west = Math.min(west, longitude); east = Math.max(east, longitude);
      south = Math.min(south, latitude); north = Math.max(north, latitude);
    }
    if (!this.sensors.length) [west, east, south, north] = [-170, 170, -55, 75];
    this.centre = [(west + east) / 2, (south + north) / 2];
    const wide = Math.max(0.2, (east - west) * this.squeeze());
    this.scale = Math.min(width / wide, height / Math.max(0.2, north - south), CLOSEST) * 0.8;
  }

  // A degree of longitude, in degrees of latitude.
  squeeze() { return Math.max(0.1, Math.cos((this.centre[1] * Math.PI) / 180)); }

  place(longitude, latitude) {
    return [this.width / 2 + (longitude - this.centre[0]) * this.squeeze() * this.scale, this.height / 2 - (latitude - this.centre[1]) * this.scale];
  }

  at(x, y) {
    let best = null;
    let nearest = 12;
    for (const sensor of this.sensors) {
      const [sx, sy] = this.place(sensor.longitude, sensor.latitude);
      const distance = Math.hypot(sx - x, sy - y);
      if (distance < nearest) [best, nearest] = [sensor, distance];
    }
    return best;
  }

  hover(sensor) {
    if (this.over === sensor) return;
    this.over = sensor;
    this.canvas.node.style.cursor = sensor ? "pointer" : "grab";
    this.canvas.redraw();
  }

  pan(dx, dy) {
    this.isMoved = true;
    this.centre = [clamp(this.centre[0] + dx / (this.squeeze() * this.scale), 180), clamp(this.centre[1] - dy / this.scale, 85)];
    this.canvas.redraw();
  }

  zoom(by, x = this.width / 2, y = this.height / 2) {
    const scale = Math.min(Math.max(this.scale * by, 1), CLOSEST);
    const part = 1 - this.scale / scale;
    this.pan((x - this.width / 2) * part, (y - this.height / 2) * part);
    this.scale = scale;
  }

  key(event) {
    const moves = { ArrowLeft: [-40, 0], ArrowRight: [40, 0], ArrowUp: [0, -40], ArrowDown: [0, 40] };
    if (moves[event.key]) this.pan(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(1.6);
    else if (event.key === "-") this.zoom(1 / 1.6);
    else if (event.key === "0") { this.isMoved = false; this.canvas.redraw(); }
    else return;
    event.preventDefault();
  }

  draw(context, width, height) {
    Object.assign(this, { width, height });
    if (!this.isMoved) this.fit(width, height);
    const { sea, land, line, muted, accent, warn, ink } = colors();
    context.fillStyle = sea;
    context.fillRect(0, 0, width, height);
    context.beginPath();
    // What crosses the date line is there on both sides.
    for (const turn of [0, -360, 360]) {
      for (const ring of this.rings ?? []) {
        if (turn && !ring.some((degrees, at) => at % 2 === 0 && Math.abs(degrees) > 180 && degrees * turn < 0)) continue;
        for (let at = 0; at < ring.length; at += 2) {
          const [x, y] = this.place(ring[at] + turn, ring[at + 1]);
          at ? context.lineTo(x, y) : context.moveTo(x, y);
        }
        context.closePath();
      }
    }
    context.fillStyle = land;
    context.fill("evenodd");
    context.strokeStyle = line;
    context.lineWidth = 1;
    context.stroke();
    this.drawScale(context, width, height, muted);
    const paint = { ok: accent, warn, silent: muted };
    const small = this.sensors.length > 300;
    for (const sensor of this.sensors) {
      const [x, y] = this.place(sensor.longitude, sensor.latitude);
      if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
      dot(context, paint[health(sensor, this.newest)], x, y, small ? 2.5 : 4);
    }
    // Above all of them.
    for (const sensor of this.sensors) {
      if (!this.chosen.includes(sensor.sensor)) continue;
      const [x, y] = this.place(sensor.longitude, sensor.latitude);
      context.strokeStyle = ink;
      context.lineWidth = 1.5;
      context.beginPath(); context.arc(x, y, 7, 0, 7); context.stroke();
      if (sensor !== this.over) label(context, sensor.sensor, x + 10, y, width);
    }
    if (this.over) {
      const [x, y] = this.place(this.over.longitude, this.over.latitude);
      label(context, `${this.over.sensor} · ${healthWords(this.over, this.newest)}`, x + 10, y, width);
    }
  }

  drawScale(context, width, height, muted) {
    const km = nice(((width / 5) * KM_PER_DEGREE) / this.scale / 2);
    const size = (km / KM_PER_DEGREE) * this.scale;
    const [top, bottom] = [height - 14.5, height - 9.5];
    stroke(context, muted, [10.5, top], [10.5, bottom], [10.5 + size, bottom], [10.5 + size, top]);
    context.fillStyle = muted;
    context.fillText(km < 1 ? `${Math.round(km * 1000)} m` : `${km} km`, 15, height - 13);
  }

  close() { this.canvas.close(); }
}

const clamp = (value, most) => Math.min(Math.max(value, -most), most);
