// The token of this tab, and what is asked with it.

import { held } from './lib.js';

// Minutes without input after which the token is forgotten.
const PATIENCE = 30;

export const isClient = held(false);
// Whether the traffic is followed now.
export const flowing = held(false);
export const requests = held([]);
export const points = held([]);
export const sockets = held(null);
// Refusals that were not looked at.
export const unseen = held(0);

let token = '';
/** @type {(why: string) => void} */
let close = () => {};
let heard = Date.now();
let ended = new AbortController();

export function enter(given, as, ending) {
  [token, close, ended, heard] = [given, ending, new AbortController(), Date.now()];
  isClient(as === 'client');
  requests([]);
  points([]);
  sockets(null);
  unseen(0);
}

export function leave(why) {
  if (!token) return;
  token = '';
  ended.abort();
  flowing(false);
  close(why);
}

export const secret = () => token;

const { rawJSON } = /** @type {any} */ (JSON);
// JSON whose numbers keep their digits, as texts where a browser has no raw numbers.
export function parse(text) {
  const kept = rawJSON ? text : text.replace(/("(?:[^"\\]|\\.)*")|-?\d[\d.eE+-]{15,}/g, (it, isText) => isText ? it : `"${it}"`);
  const exact = /** @type {any} */ ((_, it, told) => rawJSON && typeof it === 'number' && `${it}` !== told.source ? rawJSON(told.source) : it);
  return JSON.parse(kept, exact);
}

export async function ask(path, body, method = body ? 'POST' : 'GET', read = JSON.parse) {
  const asked = await send(`../admin/api${path}`, { method, body: body && JSON.stringify(body) });
  return read(await asked.text()).data;
}

// Throws a refusal with everything that was told of it.
export async function send(url, more = {}) {
  const mine = ended;
  const answer = await fetch(url, { headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }, cache: 'no-store', signal: mine.signal, ...more }).catch(error => {
    throw mine.signal.aborted ? error : new Error('The service does not answer.');
  });
  if (answer.ok) return answer;
  const { status } = answer;
  const { error = `The service answered ${status}.`, ...told } = await answer.json().catch(() => ({}));
  // Failures are counted after a token was found wrong: one that is right never waits for them.
  if ((status === 401 || told.code === 'too_many_failures') && mine === ended) leave('The token of this tab is not valid any more.');
  throw Object.assign(new Error(error), told, { status });
}

// Where clients ask, seen from here.
export async function base() {
  const { listen, tls } = await ask('/service');
  return `${tls ? 'https' : 'http'}://${location.hostname}:${listen.split(':').pop()}`;
}

// Reads the traffic until the token is gone; all of it where the stream broke off, for a service that began again counts from one.
export async function follow() {
  const mine = ended;
  for (let wait = 500; !mine.signal.aborted; wait = Math.min(wait * 2, 15_000)) {
    try {
      const [traffic, series] = await Promise.all([ask('/traffic'), ask('/series')]);
      requests(traffic);
      points(series.seconds);
      const answer = await send(`../admin/api/traffic/stream?after=${traffic.at(-1)?.number ?? 0}`);
      flowing(true);
      wait = 500;
      for await (const told of events(answer)) take(told);
    } catch {} // It is tried again.
    if (mine.signal.aborted) return;
    flowing(false);
    await new Promise(resume => setTimeout(resume, wait));
  }
}

function take(told) {
  requests([...requests(), ...told.requests].slice(-1_000));
  unseen(unseen() + told.requests.filter(it => it.code !== 'ok').length);
  const from = told.points[0]?.at;
  if (from) points([...points().filter(it => it.at < from && it.at > from - 600), ...told.points]);
  sockets(told.sessions);
}

async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (text + value).split('\n\n');
    text = parts.pop();
    for (const part of parts) {
      const data = /^data: (.*)/m.exec(part);
      if (data) yield JSON.parse(data[1]);
    }
  }
}

for (const kind of ['keydown', 'pointerdown']) {
  addEventListener(kind, () => { heard = Date.now(); }, { capture: true, passive: true });
}
setInterval(() => {
  if (Date.now() - heard > PATIENCE * 60_000) leave(`Nothing was done here for ${PATIENCE} minutes.`);
}, 20_000);
