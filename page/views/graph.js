// Jobs as a graph, with what flows on its edges; the chain of one job, or all of them.

import { attempt, el, empty, every, onlyServers, panel } from "../dom.js";
import { get, has, may, path } from "../api.js";
import { GraphCanvas } from "../graph/canvas.js";
import { rate } from "../format.js";
import { health } from "./jobs.js";

const LABELS = { source: "Source", topic: "Topic", operator: "Operator", sink: "Sink" };

export const graphView = () => view(null);
export const graphPart = (job) => view(job);

function view(job) {
  let [graphs, jobs, marks, newest] = [null, [], null, 0];
  const rates = new Rates();
  const note = el("p.muted");
  const body = el("div");
  const canvas = new GraphCanvas(job ? `Graph of ${job}` : "Graph of all jobs", (id) => {
    const name = owner(id);
    if (name) location.hash = path`#/job/${name}/${name === job ? "edit" : "graph"}`;
  });
  const pick = (label) => el("select", { "aria-label": label, hidden: true, onchange: () => attempt(mark) });
  const [since, to] = [pick("Compare with"), pick("Version that is shown")];
  const edit = el("a.button", { hidden: true, href: job ? path`#/job/${job}/edit` : "#/new" }, job ? "Edit" : "New job");
  may("post", "/check").then((is) => { edit.hidden = !is; }, () => {});
  const owner = (id) => (id.startsWith("job ") ? graphs.find((it) => it.nodes.some((node) => node.id === id))?.name : null);

  const draw = () => {
    if (!graphs) return;
    const isAway = ({ name }) => jobs.some((it) => it.name === name && it.is_archived);
    const chain = job ? chainOf(job, graphs.map((it) => (marks && it.name === job ? marks.graph : it))) : graphs.filter((it) => !isAway(it));
    // What flows is that of the job as it is.
    const { nodes, edges } = merged(chain, jobs, (name, edge) => (marks && marks.to !== newest && name === job ? "" : rates.text(name, edge)));
    const changes = marks ? [...marks.semantics, ...marks.other].map(({ key }) => key) : [];
    note.textContent = marks ? `Version ${marks.to} ${changes.length ? `is other than ${marks.from} in ${changes.join(", ")}` : `says what ${marks.from} says`}` : "";
    canvas.put(nodes, edges);
  };
  const mark = async () => {
    const [from, until] = [since.value, to.value];
    to.hidden = !from;
    const found = from ? await get(`${path`/jobs/${job}/diff`}?from=${from}&to=${until}`) : null;
    if (from !== since.value || until !== to.value) return;
    marks = found;
    draw();
  };
  const stop = every(5000, async () => {
    if (!(await has("get", "/graph"))) return body.replaceChildren(onlyServers("Only a server knows it"));
    ({ jobs: graphs } = await get("/graph"));
    if (!graphs.length) body.replaceChildren(empty("No jobs yet", el("p", "A job that is made here is a file as any other.")));
    else if (!canvas.node.isConnected) body.replaceChildren(canvas.node);
    draw();
    if (!job) return;
    const found = await get(`${path`/jobs/${job}/versions`}?limit=100`);
    if (newest === found.newest) return;
    newest = found.newest;
    const options = (word) => found.versions.map(({ number, author }) => el("option", { value: number }, `${word} version ${number} of ${author}`));
    since.hidden = found.versions.length < 2;
    since.replaceChildren(el("option", { value: "" }, "no comparison"), ...options("since"));
    to.replaceChildren(...options("in"));
    await mark();
  });
  return {
    node: panel(job ? "Graph" : "All jobs", el("div.row-buttons", since, to, edit), note, body),
    update(...given) {
      // Of one job, its entry comes first.
      jobs = given.at(-1);
      rates.add(jobs);
      draw();
    },
    close() { stop(); canvas.close(); },
  };
}

// The jobs that read what this one writes, or write what it reads, and so on.
function chainOf(job, graphs) {
  const chain = new Set(graphs.filter(({ name }) => name === job));
  const topics = new Set();
  for (let size = -1; size !== chain.size;) {
    size = chain.size;
    for (const graph of graphs) {
      const theirs = graph.nodes.filter(({ kind }) => kind === "topic").map(({ id }) => id);
      if (chain.has(graph) || theirs.some((id) => topics.has(id))) {
        chain.add(graph);
        theirs.forEach((id) => topics.add(id));
      }
    }
  }
  // What it says of a topic goes before what others say of it.
  return [...chain].sort((a, b) => (b.name === job) - (a.name === job));
}

// One graph of several, in which each topic is once, and nothing leads to one that a job writes but that job.
function merged(graphs, jobs, flow) {
  const nodes = new Map();
  let edges = [];
  for (const graph of graphs) {
    const entry = jobs.find((it) => it.name === graph.name);
    for (const node of graph.nodes) {
      if (nodes.has(node.id)) continue;
      const isOperator = node.kind === "operator";
      nodes.set(node.id, { ...node, job: graph.name, label: isOperator ? graph.name : LABELS[node.kind], health: isOperator && entry ? health(entry.state) : null });
    }
    edges.push(...graph.edges.map((edge) => ({ ...edge, text: flow(graph.name, edge) })));
  }
  const written = new Set(edges.filter(({ from }) => from.startsWith("job ")).map(({ to }) => to));
  edges = edges.filter(({ from, to }) => !(from.startsWith("source ") && written.has(to)));
  const isEnd = (id) => edges.some(({ from }) => from === id);
  return { nodes: [...nodes.values()].filter(({ id, kind }) => kind !== "source" || isEnd(id)), edges };
}

// How much a second flows on each edge, from one event to a later one.
class Rates {
  constructor() { this.last = new Map(); }

  add(jobs) {
    for (const { name, point, sinks, appended, rollups } of jobs) {
      const now = { at: point.at_ms, read: point.records_per_s, rows: point.rows, dead_letters: point.dead_letters, appended, rollup: rollups, sink: sinks.map(({ rows }) => rows) };
      const { newest, before } = this.last.get(name) ?? { newest: now, before: now };
      if (now.at - newest.at < 900) { newest.read = now.read; this.last.set(name, { newest, before }); continue; }
      this.last.set(name, { newest: now, before: newest });
    }
  }

  text(job, { flow, number }) {
    const found = this.last.get(job);
    if (!found || flow === "none") return "";
    const { newest, before } = found;
    if (flow === "read") return `${rate(newest.read)}/s`;
    const [now, past] = [newest, before].map((it) => (number === null ? it[flow] : it[flow][number]));
    const s = (newest.at - before.at) / 1000;
    // A message may have several records.
    return (now ?? null) === null || !s ? "" : `${rate(Math.max(0, now - (past ?? now)) / s)}${flow === "appended" ? " msg" : ""}/s`;
  }
}
