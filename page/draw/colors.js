// Colours of the style sheet, for canvases.

let cached = null;

export function colors() {
  if (cached) return cached;
  const root = document.documentElement;
  const of = (name) => { root.style.color = `var(--${name})`; return getComputedStyle(root).color; };
  cached = {
    ink: of("ink"), muted: of("muted"), line: of("line"), panel: of("panel"), accent: of("accent"),
    wash: of("wash"), warn: of("warn"), land: of("land"), sea: of("sea"),
  };
  root.style.color = "";
  return cached;
}

const listeners = new Set();

// Calls `draw` when colours have changed; returns the end of it.
export function whenRecolored(draw) {
  listeners.add(draw);
  return () => listeners.delete(draw);
}

function recolor() {
  cached = null;
  for (const draw of listeners) draw();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolor);

// The button that goes from the system's colours to light, to dark, and back.
export function themeButton(button) {
  const all = ["auto", "light", "dark"];
  const show = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    recolor();
  };
  let theme = localStorage.getItem("seismic-theme");
  if (!all.includes(theme)) theme = "auto";
  show(theme);
  button.addEventListener("click", () => {
    theme = all[(all.indexOf(theme) + 1) % all.length];
    localStorage.setItem("seismic-theme", theme);
    show(theme);
  });
}
