// The list of jobs, always there, and the table of them where none is chosen.

import { el, empty, put, section, table } from "../dom.js";
import { has, may, path } from "../api.js";
import { count, rate, span } from "../format.js";
import { pending } from "./versions.js";
import { requests } from "./requests.js";

// Links to each job; on a phone a row above the job.
export class JobList {
  constructor(node) {
    this.node = node;
    this.links = new Map();
    Promise.all([has("get", "/graph"), may("post", "/check"), has("get", "/resources")]).then((known) => {
      [this.hasGraph, this.mayEdit, this.hasResources] = known;
      this.shown = null;
    }, () => {});
  }

  update(all, chosen) {
    // Those that are put away are in the table of all.
    const jobs = all.filter((job) => !job.is_archived || job.name === chosen);
    const names = jobs.map((job) => job.name).join("\n");
    if (names !== this.shown) {
      this.shown = names;
      this.links = new Map(jobs.map((job) => [job.name, link(job.name)]));
      this.node.replaceChildren(
        ...[["jobs", "All jobs", true], ["graph", "Graph", this.hasGraph], ["resources", "Resources", this.hasResources], ["new", "New job", this.mayEdit]]
          .map(([to, title, isThere]) => el("a.all-jobs", { href: `#/${to}`, hidden: !isThere }, title)),
        ...[...this.links.values()].map(({ node }) => node));
    }
    for (const it of this.node.querySelectorAll(".all-jobs")) it.setAttribute("aria-current", it.hash === location.hash ? "page" : "false");
    for (const job of jobs) {
      const { node, state, rate: shown } = this.links.get(job.name);
      node.setAttribute("aria-current", job.name === chosen ? "page" : "false");
      setState(state, job.state);
      put(shown, isOn(job.state) ? `${rate(job.point.records_per_s)}/s` : job.state);
    }
  }
}

function link(name) {
  const state = el("span.dot");
  const shown = el("span.num.muted");
  const node = el("a.job-link", { href: path`#/job/${name}` },
    state, el("span.job-name", name), shown);
  return { node, state, rate: shown };
}

const isOn = (state) => state === "running" || state === "degraded";

// How well a state is, as a class.
const HEALTH = { running: "ok", finished: "ok", degraded: "warn", restarting: "warn", starting: "warn", draining: "warn", failed: "bad" };
export const health = (state) => HEALTH[state] ?? "off";

export function setState(node, state) { node.dataset.health = health(state); }

export function pill(state) {
  const node = el("span.pill", state);
  setState(node, state);
  return node;
}

// Every job in a line.
export function jobsView() {
  const node = el("div");
  const waiting = [pending(), requests()];
  let seen = "";
  return {
    node: el("div", waiting.map((it) => it.node), node),
    update(jobs) {
      const now = JSON.stringify(jobs.map((job) => [job.name, job.state, job.is_archived, job.why, Math.round(job.point.at_ms / 1000)]));
      // A link that has the focus keeps it until the numbers are looked at again.
      if (now === seen || node.contains(document.activeElement)) return;
      seen = now;
      if (!jobs.length) return node.replaceChildren(noJobs());
      const columns = [["Job"], ["State"], ["Records/s", "num"], ["Lag", "num"], ["Event latency", "num"], ["Sensors", "num"], ["Restarts", "num"], ["Why", "wide"]];
      const rows = (some) => some.map((job) => [
        el("a", { href: path`#/job/${job.name}` }, job.name), pill(job.is_archived ? "archived" : job.state), rate(job.point.records_per_s),
        count(job.point.lag), span(job.point.event_latency_ms), count(job.sensors), count(job.restarts), job.why,
      ]);
      const away = jobs.filter((job) => job.is_archived);
      node.replaceChildren(el("h1", "Jobs"), el("div.panel", table("Jobs", columns, rows(jobs.filter((job) => !job.is_archived)))),
        away.length ? section("Archived", table("Archived", columns, rows(away))) : "");
    },
    close() { waiting.forEach((it) => it.close()); },
  };
}

function noJobs() {
  return empty("No jobs yet",
    el("p", "A job reads records from a topic and writes one row per sensor and second. ", el("a", { href: "#/new" }, "Make one here"), ", or make a job file, give it a name, and submit it:"),
    el("pre", "seismic job init coast.toml\nseismic job submit coast.toml --start"),
    el("p", "A server that was started with ", el("code", "--jobs DIR"), " runs the files of that folder. To see a job at work first:"),
    el("pre", "seismic serve --demo"));
}
