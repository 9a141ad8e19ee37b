// Numbers and times as people read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function count(number) {
  return number === null || number === undefined ? "–" : whole.format(number);
}

export function rate(number) {
  if (number === null || number === undefined) return "–";
  return number >= 100 ? whole.format(number) : number.toPrecision(3).replace(/\.?0+$/, "");
}

export function bytes(number) {
  if (number === null || number === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) { number /= 1024; unit += 1; }
  return `${unit === 0 || number >= 100 ? whole.format(number) : number.toFixed(1)} ${units[unit]}`;
}

export function span(ms) {
  if (ms === null || ms === undefined) return "–";
  const size = Math.abs(ms);
  if (size < 1000) return `${Math.round(ms)} ms`;
  if (size < 60e3) return `${(ms / 1000).toFixed(size < 10e3 ? 2 : 1)} s`;
  if (size < 3600e3) return `${Math.floor(ms / 60e3)} min ${Math.floor((size % 60e3) / 1000)} s`;
  if (size < 86400e3) return `${Math.floor(ms / 3600e3)} h ${Math.floor((size % 3600e3) / 60e3)} min`;
  return `${Math.floor(ms / 86400e3)} d ${Math.floor((size % 86400e3) / 3600e3)} h`;
}

export function percent(part) {
  return part === null || part === undefined ? "–" : `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`;
}

export function amplitude(number) {
  return number === null || number === undefined ? "–" : Number(number).toPrecision(3);
}

const two = (number) => String(number).padStart(2, "0");

// UTC, as everything in this program.
export function clock(ms) {
  if (ms === null || ms === undefined) return "–";
  const at = new Date(ms);
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
}

export function moment(ms) {
  if (ms === null || ms === undefined) return "–";
  const at = new Date(ms);
  if (Number.isNaN(at.getTime())) return String(ms);
  return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())} ${clock(ms)}`;
}

export function ago(ms, now = Date.now()) {
  if (!ms) return "–";
  const past = Math.max(0, now - ms);
  return past < 2000 ? "now" : `${span(Math.floor(past / 1000) * 1000).replace(/\.\d+ s/, " s")} ago`;
}

// A process of a job: a worker from 1 on, or 0 for that of its sinks.
export function process(number) {
  return number === 0 ? "sinks" : `worker ${number}`;
}

// `amplitude_out_of_range` as words.
export function words(name) {
  return name.replaceAll("_", " ");
}
