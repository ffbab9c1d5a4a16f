// What is asked and refused, as it comes; and who holds a socket.

import { html, signal, view } from '../lib.js';
import { ask, flowing, requests, unseen } from '../api.js';
import { Chart, Chips, Codes, Do, Empty, Head, Part, Search, State, Sub, Table, Why, ago, clock, confirm, counted, moment, number, resource, size, some, way } from '../parts.js';

const SHOWN = 200;
/** What took so many milliseconds is slow. */
const SLOW = 50;

/** Codes that say too little by themselves. */
const WORDS = {
  missing: 'no token', invalid: 'unknown token', revoked: 'revoked token', rotated: 'rotated token', expired: 'expired token', too_many: 'too many attempts',
  host: 'host not allowed', origin: 'origin not allowed', full: 'too many connections', unavailable: 'database away', cancelled: 'client gone', read_only: 'nothing is written here',
};
const word = code => { const text = WORDS[code] || code.replaceAll('_', ' '); return text[0].toUpperCase() + text.slice(1); };
export const who = it => it.token || (it.digest === 'local' ? 'anyone here' : it.digest ? 'MCP_TOKEN' : 'unknown client');

/** Requests, each of which opens to why it was refused. */
export const Requests = view(({ first }) => {
  const open = signal(first || 0);
  const turn = key => { open.value = open.value === key ? 0 : key; };
  return ({ list }) => html`<${Table} heads=${['Time', 'Who', 'Asked', 'Answer', '#Rows', '#ms']} click=${(key, event) => { if (typeof key === 'number' && !event.target.closest('button')) turn(key); }}
    rows=${[...list].reverse().flatMap(it => [{ key: it.number, class: 'opens', look: ['t', 'who', '', it.code === 'ok' ? 'yes' : 'no'], cells: [
      clock(it.at),
      html`${who(it)}<${Sub}>${some(it.tenant, way(it.transport), !it.token && it.address)}<//>`,
      it.action ? html`<code>${it.action} ${it.model === 'unknown' ? '' : it.model}</code>${it.model === 'unknown' && !it.named && ' of an unknown model'}${it.filters.length > 0 && html` by <${Codes} all=${it.filters} />`}` : html`<span class="quiet">to be let in</span>`,
      html`<button class="opener" aria-expanded=${open.value === it.number} onClick=${() => turn(it.number)}>${it.code === 'ok' ? 'Answered' : word(it.code)}${it.named && html`: <code>${it.named}</code>`}</button>`,
      it.code === 'ok' ? number(it.rows) : '–', it.action ? it.ms : '–',
    ] }, open.value === it.number && { key: `why-${it.number}`, class: it.code === 'ok' ? '' : 'open', whole: html`<${Why} number=${it.number} />` }])} />`;
});

export const Traffic = view(({ query }) => {
  const wanted = new URLSearchParams(query);
  const [kind, text, paused, by] = [signal(wanted.get('code') || 'all'), signal(''), signal(null), signal('token')];
  const sums = signal(resource(() => ask('/analytics?by=token')));
  const fits = it => {
    if ((kind.value === 'refused' && it.code === 'ok') || (kind.value === 'slow' && it.ms < SLOW)) return false;
    const told = [who(it), it.tenant, it.address, it.action, it.model, it.code, it.named, word(it.code), ...it.filters].join(' ').toLowerCase();
    return text.value.toLowerCase().split(/\s+/).every(part => told.includes(part));
  };
  const of = it => by.value === 'model' ? it.model : some(it.tenant, by.value === 'token' && it.token) || 'MCP_TOKEN';
  return () => {
    unseen.value = 0;
    const all = paused.value || requests.value;
    const [list, last] = [all.filter(fits).slice(-SHOWN), all.at(-1)];
    return html`<${Head} state=${html`<${State} no=${!flowing.value}>${paused.value ? 'Paused' : flowing.value ? 'Live' : 'Broken off, and tried again'}<//>`}>
      ${last ? html`${Date.now() - Date.parse(last.at) > 60_000 && html`Quiet since <b>${clock(last.at)}</b>. `}<b>${counted(all.length, 'request')}</b> of this instance ${all.length === 1 ? 'is' : 'are'} kept, <b>${counted(all.filter(it => it.code !== 'ok').length, 'refusal')}</b> among them. A line opens to why it was refused, and to the smallest change that lets it through.` : 'Nothing was asked since the start.'}<//>
    <${Part} title="Requests" tools=${html`<${Chips} of=${kind} label="Which" all=${[['all', 'Everything'], ['refused', 'Refused'], ['slow', 'Slow']]} />
      <button class="chip" aria-pressed=${!!paused.value} onClick=${() => { paused.value = paused.value ? null : requests.value; }}>Pause</button><${Search} of=${text} />`}>
      ${list.length ? html`<${Requests} list=${list} first=${Number(wanted.get('open'))} />` : html`<${Empty}><p>${all.length ? 'Nothing here fits the filter.' : 'No request yet: the first one appears here by itself.'}</p><//>`}<//>
    <${Part} title="Sums of the last week" tools=${html`<${Chips} of=${by} label="Sums by" all=${['token', 'model', 'tenant', 'hour'].map(it => [it, `By ${it}`])} then=${it => { sums.value = resource(() => ask(`/analytics?by=${it}`)); }} />`}>
      ${sums.value.part(data => !data.length ? html`<${Empty}><p>Nothing was counted yet.</p><//>` : by.value === 'hour'
        ? html`<div class="sheet figure"><${Chart} kind="bars" label="Requests by hour" unit="requests" points=${data.map(it => [moment(it.hour), it.requests])} /></div>`
        : html`<${Table} heads=${[word(by.value), '#Requests', '#Refused', '#Rows', '#Bytes']} rows=${data.map(it => [of(it), number(it.requests), number(it.errors), number(it.rows), size(it.bytes)])} />`)}<//>`;
  };
});

export const Sockets = view(() => {
  const open = resource(() => ask('/sessions'));
  const close = it => confirm('Close it?', `The socket of ${who(it)} from ${it.address} ends once its answers are written, and is told so.`, 'Close it', async () => { await ask(`/sessions/${it.id}`, undefined, 'DELETE'); await open.again(); });
  return () => open.show(list => html`<${Head} state=${html`<button onClick=${open.again}>Look again</button>`}>
      ${list.length ? html`<b>${counted(list.length, 'socket')}</b> and streams are open on this instance. A client whose socket is closed may connect again, unless its token is revoked.` : 'Nobody is connected.'}<//>
    ${list.length ? html`<${Table} heads=${['Who', 'From', 'By', 'Since', '#Requests', '~Last', '']} rows=${list.map(it => ({ key: it.id, look: ['who'], cells: [
      html`${who(it)}<${Sub}>${it.tenant}<//>`, it.address, way(it.transport), ago(it.since), number(it.requests), it.last_request_at ? clock(it.last_request_at) : '–',
      html`<${Do} no what="Close" of=${`the socket of ${who(it)} from ${it.address}`} act=${() => close(it)} />`] }))} />`
      : html`<${Empty}><p>A socket or an event stream appears here once it is open. A request by HTTP alone is none.</p><//>`}`);
});
