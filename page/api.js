// The token of this tab, and what is asked with it.

import { batch, signal } from './lib.js';

/** Minutes without input after which the token is forgotten. */
const PATIENCE = 30;

export const role = signal('operator');
/** Whether the stream of traffic is read now. */
export const flowing = signal(false);
export const requests = signal([]);
export const points = signal([]);
export const sockets = signal(/** @type {number | null} */ (null));
/** Requests that were refused and not looked at. */
export const unseen = signal(0);

let token = '';
/** @type {(why: string) => void} */
let close = () => {};
let heard = Date.now();
let ended = new AbortController();

/** A refusal, with everything that was told of it. */
export class Refused extends Error {
  
  constructor(status, told) {
    super(told.error || `the service answered ${status}`);
    this.status = status;
    this.code = told.code || '';
    this.hint = told.hint || '';
    this.faults = told.faults || [];
  }
}

export function enter(given, as, ending) {
  token = given;
  close = ending;
  ended = new AbortController();
  heard = Date.now();
  batch(() => {
    role.value = as;
    requests.value = [];
    points.value = [];
    sockets.value = null;
    unseen.value = 0;
  });
}

/** Forgets the token, and says why. */
export function leave(why) {
  if (!token) return;
  token = '';
  ended.abort();
  flowing.value = false;
  close(why);
}

export const secret = () => token;

/** Asks the admin API. */
export async function ask(path, body, method) {
  const asked = await send(`../admin/api${path}`, {
    method: method || (body === undefined ? 'GET' : 'POST'),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await asked.json()).data;
}

export async function send(url, more = {}) {
  const mine = ended;
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  let answer;
  try {
    answer = await fetch(url, { headers, cache: 'no-store', signal: mine.signal, ...more });
  } catch (error) {
    if (mine.signal.aborted) throw error;
    throw new Error('The service does not answer.');
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  // Failures are counted after a token was found wrong: one that is right never waits for them.
  if ((answer.status === 401 || told.code === 'too_many_failures') && mine === ended) leave('The token of this tab is not valid any more.');
  throw new Refused(answer.status, told);
}

/** Where clients ask, as it is seen from here. */
export async function base() {
  const { listen, tls } = await ask('/service');
  return `${tls ? 'https' : 'http'}://${location.hostname}:${listen.split(':').pop()}`;
}

/** Reads the stream of traffic until the token is gone; where it broke off all is read anew, for a service that was started again counts from one. */
export async function follow() {
  const mine = ended;
  for (let wait = 500; !mine.signal.aborted; wait = Math.min(wait * 2, 15_000)) {
    try {
      const [traffic, series] = await Promise.all([ask('/traffic'), ask('/series')]);
      batch(() => {
        requests.value = traffic;
        points.value = series.seconds;
      });
      const answer = await send(`../admin/api/traffic/stream?after=${traffic.at(-1)?.number ?? 0}`);
      flowing.value = true;
      wait = 500;
      for await (const told of events(answer)) take(told);
    } catch {
      // It is tried again; where the token is gone the loop ends.
    }
    if (mine.signal.aborted) return;
    flowing.value = false;
    await new Promise(resume => setTimeout(resume, wait));
  }
}

function take(told) {
  batch(() => {
    if (told.requests.length) {
      requests.value = [...requests.value, ...told.requests].slice(-1_000);
      unseen.value += told.requests.filter(it => it.code !== 'ok').length;
    }
    if (told.points.length) {
      const from = told.points[0].at;
      const kept = points.value.filter(it => it.at < from && it.at > from - 600);
      points.value = [...kept, ...told.points];
    }
    sockets.value = told.sessions;
  });
}

async function* events(answer) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const parts = text.split('\n\n');
    text = parts.pop() || '';
    for (const part of parts) {
      const data = part.split('\n').find(line => line.startsWith('data: '));
      if (data) yield JSON.parse(data.slice(6));
    }
  }
}

for (const kind of ['keydown', 'pointerdown']) {
  addEventListener(kind, () => { heard = Date.now(); }, { capture: true, passive: true });
}
setInterval(() => {
  if (Date.now() - heard > PATIENCE * 60_000) leave(`Nothing was done here for ${PATIENCE} minutes.`);
}, 20_000);
