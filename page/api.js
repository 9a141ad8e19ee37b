// Asks the server that this page came from.
//
// The token is in this tab's storage, and sent by hand. A cookie would be sent by the browser, to every port of this
// host and with what other pages make it ask; this is sent to nobody else, and gone when the tab is closed.

const TOKEN = "seismic-token";
let onUnauthorized = () => {};
let known = null;
let me = null;

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

// What is to happen when the server wants a token.
export function whenUnauthorized(then) { onUnauthorized = then; }

export function keepToken(token) { sessionStorage.setItem(TOKEN, token); }

export function hasToken() { return sessionStorage.getItem(TOKEN) !== null; }

export function dropToken() { sessionStorage.removeItem(TOKEN); }

export function headers() {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

export function path(strings, ...parts) {
  return strings.reduce((all, text, at) => all + text + (at < parts.length ? encodeURIComponent(parts[at]) : ""), "");
}

async function ask(method, where, body, tag) {
  const isFile = body instanceof Blob;
  const more = method === "GET" ? {} : { "X-Seismic-Request": "1", "Content-Type": isFile ? "application/octet-stream" : "application/json" };
  if (tag) more["If-Match"] = `"${tag}"`;
  const options = { method, headers: { ...headers(), ...more }, cache: "no-store", credentials: "omit" };
  if (body !== undefined) options.body = isFile ? body : JSON.stringify(body);
  let answer;
  try {
    answer = await fetch(`/api/v1${where}`, options);
  } catch {
    throw new ApiError(0, "unreachable", "the server does not answer");
  }
  const value = await answer.json().catch(() => null);
  if (answer.ok) return value;
  if (answer.status === 401) onUnauthorized();
  const { code, message } = value?.error ?? { code: "failed", message: `the server answered ${answer.status}` };
  throw new ApiError(answer.status, code, message);
}

export const get = (where) => ask("GET", where);
// A change may say which version it is of.
export const post = (where, body = {}, tag = null) => ask("POST", where, body, tag);
export const send = ask;

// Who asks, and what they may do.
export function whoami() {
  me ??= get("/whoami").catch((error) => { me = null; throw error; });
  return me;
}

async function operation(method, route) {
  known ??= get("/openapi.json").catch((error) => { known = null; throw error; });
  return (await known).paths[`/api/v1${route}`]?.[method.toLowerCase()];
}

// Whether the server has this route: one job of `seismic run --http` has fewer than a server.
export const has = async (method, route) => Boolean(await operation(method, route));

// Whether it has this route and whoever asks may use it. The server decides again when it is used.
export async function may(method, route) {
  const [found, { may: rights }] = await Promise.all([operation(method, route), whoami()]);
  return Boolean(found) && rights.includes(found["x-seismic-right"]);
}
