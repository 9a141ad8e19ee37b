// Numbers and times as people read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

// What is not known is a dash.
const known = (show) => (it) => ((it ?? null) === null ? "–" : show(it));

export const count = known((number) => whole.format(number));

export const rate = known((number) => (number >= 100 ? whole.format(number) : number.toPrecision(3).replace(/\.?0+$/, "")));

export const bytes = known((number) => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) { number /= 1024; unit += 1; }
  return `${unit === 0 || number >= 100 ? whole.format(number) : number.toFixed(1)} ${units[unit]}`;
});

export const span = known((ms) => {
  const size = Math.abs(ms);
  if (size < 1000) return `${Math.round(ms)} ms`;
  if (size < 60e3) return `${(ms / 1000).toFixed(size < 10e3 ? 2 : 1)} s`;
  if (size < 3600e3) return `${Math.floor(ms / 60e3)} min ${Math.floor((size % 60e3) / 1000)} s`;
  if (size < 86400e3) return `${Math.floor(ms / 3600e3)} h ${Math.floor((size % 3600e3) / 60e3)} min`;
  return `${Math.floor(ms / 86400e3)} d ${Math.floor((size % 86400e3) / 3600e3)} h`;
});

export const percent = known((part) => `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`);

export const amplitude = known((number) => Number(number).toPrecision(3));

// UTC, as everywhere.
const utc = (ms) => new Date(ms).toISOString();

export const clock = known((ms) => utc(ms).split("T")[1].slice(0, 8));

export const moment = known((ms) => (Number.isNaN(new Date(ms).getTime()) ? String(ms) : utc(ms).replace("T", " ").slice(0, -5)));

export function ago(ms, now = Date.now()) {
  if (!ms) return "–";
  const past = Math.max(0, now - ms);
  return past < 2000 ? "now" : `${span(Math.floor(past / 1000) * 1000).replace(/\.\d+ s/, " s")} ago`;
}

// A process of a job: a worker from 1 on, or 0 for that of its sinks.
export const process = (number) => (number === 0 ? "sinks" : `worker ${number}`);

// `amplitude_out_of_range` as words.
export const words = (name) => name.replaceAll("_", " ");
