// A canvas as sharp as the screen, drawn again when its size, its data or the colours change.

import { el } from "../dom.js";
import { whenRecolored } from "./colors.js";

export class Canvas {
  // `draw(context, width, height)` draws in CSS pixels.
  constructor(label, draw) {
    this.node = el("canvas", { role: "img", "aria-label": label });
    this.draw = draw;
    this.isDue = false;
    this.size = new ResizeObserver(() => this.redraw());
    this.size.observe(this.node);
    this.forget = whenRecolored(() => this.redraw());
  }

  redraw() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      const { clientWidth: width, clientHeight: height } = this.node;
      if (!width || !height) return;
      const scale = devicePixelRatio || 1;
      if (this.node.width !== Math.round(width * scale) || this.node.height !== Math.round(height * scale)) {
        this.node.width = Math.round(width * scale);
        this.node.height = Math.round(height * scale);
      }
      const context = this.node.getContext("2d");
      context.setTransform(scale, 0, 0, scale, 0, 0);
      context.clearRect(0, 0, width, height);
      context.font = "11px system-ui, sans-serif";
      this.draw(context, width, height);
    });
  }

  describe(text) {
    if (this.node.getAttribute("aria-label") !== text) this.node.setAttribute("aria-label", text);
  }

  close() {
    this.size.disconnect();
    this.forget();
  }
}
