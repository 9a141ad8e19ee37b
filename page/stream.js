// Server-sent events over fetch, which unlike EventSource can send a token.

import { headers } from "./api.js";

const LONGEST_PAUSE = 10000;
// Events come each second: after so long without one the connection is dead.
const SILENCE = 8000;

// Follows the stream for ever: `take(event)` for each, `tell(isLive, status)` when that may have changed.
export function follow(where, take, tell) {
  let pause = 500;
  let status = 0;
  const once = async () => {
    const control = new AbortController();
    let guard = 0;
    const hide = () => { if (document.hidden) control.abort(); };
    document.addEventListener("visibilitychange", hide);
    const alive = () => { clearTimeout(guard); guard = setTimeout(() => control.abort(), SILENCE); };
    alive();
    try {
      const answer = await fetch(where, { headers: headers(), cache: "no-store", signal: control.signal });
      status = answer.status;
      if (!answer.ok) throw new Error(`the server answered ${status}`);
      await read(answer.body.getReader(), (event) => { alive(); pause = 500; tell(true); take(event); });
    } finally {
      document.removeEventListener("visibilitychange", hide);
      clearTimeout(guard);
      control.abort();
    }
  };
  const always = async () => {
    for (;;) {
      await whenShown();
      try { await once(); } catch (error) { console.debug(error.message); }
      tell(false, status);
      // A tab that was hidden follows again as soon as it is shown.
      if (document.hidden) continue;
      await new Promise((done) => setTimeout(done, pause));
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  };
  always();
}

// A hidden tab follows nothing: browsers have few connections for all tabs of a server.
async function whenShown() {
  while (document.hidden) {
    await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
  }
}

async function read(reader, take) {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      const data = text.slice(0, end).split("\n").filter((line) => line.startsWith("data: "));
      text = text.slice(end + 2);
      if (data.length) take(JSON.parse(data.map((line) => line.slice(6)).join("\n")));
    }
  }
}
