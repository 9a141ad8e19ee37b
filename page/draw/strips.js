// Strip charts: smallest, mean and largest amplitude of each window of the chosen sensors.

import { el, every, panel, put } from "../dom.js";
import { get, path } from "../api.js";
import { Canvas, stroke } from "./canvas.js";
import { colors } from "./colors.js";
import { amplitude, clock } from "../format.js";

const SECONDS = 300;

export function strips(job, choose) {
  const all = new Map();
  const list = el("div.strips");
  const hint = el("p.muted", "Choose sensors in the list or on the map: each gets a strip here.");
  const stop = every(1500, async () => {
    await Promise.all([...all.values()].map((strip) => strip.load(job)));
    // One axis for all: what happens together stands together.
    const newest = Math.max(0, ...[...all.values()].map((strip) => strip.newest()));
    for (const strip of all.values()) strip.show(newest);
  });
  return {
    node: panel("Strips", el("span.muted", "min, mean and max of each window, 5 minutes"), hint, list),
    choose(sensors) {
      for (const [id, strip] of all) if (!sensors.includes(id)) { strip.close(); all.delete(id); }
      for (const id of sensors) {
        if (all.has(id)) continue;
        const strip = new Strip(id, () => choose(id));
        all.set(id, strip);
        list.append(strip.node);
        strip.load(job).then(() => strip.show(strip.newest()), () => {});
      }
      hint.hidden = all.size > 0;
    },
    close() { stop(); for (const strip of all.values()) strip.close(); },
  };
}

class Strip {
  constructor(sensor, remove) {
    Object.assign(this, { sensor, rows: [], to: 0 });
    this.canvas = new Canvas(sensor, (context, width, height) => this.draw(context, width, height));
    this.now = el("span.num.muted");
    this.node = el("figure.strip",
      el("figcaption", el("strong", { title: sensor }, sensor), this.now,
        el("button.quiet", { "aria-label": `Hide the strip of ${sensor}`, onclick: remove }, "×")),
      this.canvas.node);
  }

  newest() { return this.rows.at(-1)?.window_end_ms ?? 0; }

  async load(job) {
    const last = this.rows.at(-1);
    const from = last ? last.window_start_ms + 1 : 0;
    const { rows } = await get(`${path`/jobs/${job}/rows?sensor=${this.sensor}`}&from_ms=${from}&limit=${SECONDS}`);
    this.rows.push(...rows);
    if (this.rows.length > SECONDS) this.rows.splice(0, this.rows.length - SECONDS);
  }

  show(to) {
    this.to = to;
    const last = this.rows.at(-1);
    put(this.now, last ? `${amplitude(last.min)} / ${amplitude(last.avg)} / ${amplitude(last.max)}` : "no rows yet");
    this.canvas.describe(last ? `${this.sensor}: at ${clock(last.window_start_ms)} UTC min ${amplitude(last.min)}, mean ${amplitude(last.avg)}, max ${amplitude(last.max)}` : `${this.sensor}: no rows yet`);
    this.canvas.redraw();
  }

  draw(context, width, height) {
    const { accent, wash, line, muted } = colors();
    const from = this.to - SECONDS * 1000;
    const seen = this.rows.filter((row) => row.window_end_ms > from && row.min !== null);
    if (!seen.length) return;
    const least = Math.min(...seen.map((row) => row.min));
    const most = Math.max(...seen.map((row) => row.max));
    const room = most - least || 1;
    const x = (ms) => ((ms - from) / (this.to - from)) * width;
    const y = (value) => height - 14 - ((value - least) / room) * (height - 26);
    const zero = Math.round(y(Math.min(Math.max(0, least), most))) + 0.5;
    stroke(context, line, [0, zero], [width, zero]);
    context.fillStyle = wash;
    for (const row of seen) {
      const left = x(row.window_start_ms);
      context.fillRect(left, y(row.max), Math.max(1, x(row.window_end_ms) - left), Math.max(1, y(row.min) - y(row.max)));
    }
    context.strokeStyle = accent;
    context.lineWidth = 1.25;
    context.beginPath();
    let before = null;
    for (const row of seen) {
      const [px, py] = [x((row.window_start_ms + row.window_end_ms) / 2), y(row.avg)];
      // A window that is missing is a gap, not a line.
      before === row.window_start_ms ? context.lineTo(px, py) : context.moveTo(px, py);
      before = row.window_end_ms;
    }
    context.stroke();
    context.fillStyle = muted;
    context.fillText(amplitude(most), 2, 9);
    context.fillText(amplitude(least), 2, height - 3);
    context.textAlign = "right";
    context.fillText(`${clock(this.to)} UTC`, width - 2, height - 3);
    context.textAlign = "left";
  }

  close() {
    this.canvas.close();
    this.node.remove();
  }
}
