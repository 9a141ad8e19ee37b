// Asks the server that this page came from.

const TOKEN = "seismic-token";
let onUnauthorized = () => {};
let known = null;

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

export function headers() {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

export function path(strings, ...parts) {
  return strings.reduce((all, text, at) => all + text + (at < parts.length ? encodeURIComponent(parts[at]) : ""), "");
}

async function ask(method, where, body) {
  const more = method === "GET" ? {} : { "X-Seismic-Request": "1", "Content-Type": "application/json" };
  const options = { method, headers: { ...headers(), ...more }, cache: "no-store", credentials: "omit" };
  if (body !== undefined) options.body = JSON.stringify(body);
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
export const post = (where, body = {}) => ask("POST", where, body);

// Whether the server has this route: one job of `seismic run --http` has fewer than a server.
export async function has(method, route) {
  known ??= ask("GET", "/openapi.json").catch((error) => { known = null; throw error; });
  return Boolean((await known).paths[`/api/v1${route}`]?.[method.toLowerCase()]);
}
