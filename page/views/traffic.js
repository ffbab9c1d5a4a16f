// What is asked and refused, as it comes, and why; and who holds a socket.

import { ask, flowing, requests, unseen } from '../api.js';
import { act, ago, announce, are, chart, chips, clock, codes, command, confirm, counted, empty, filter, head, html, moment, number, part, resource, signal, size, some, state, table, view, way } from '../parts.js';

const SHOWN = 200;
/** What took so many milliseconds is slow. */
const SLOW = 50;

const capital = text => text[0].toUpperCase() + text.slice(1);
/** How a request went, or why a client was not let in. */
const went = it => it.code === 'ok' ? 'Answered' : capital(`${it.action ? '' : 'not let in: '}${it.code.replaceAll('_', ' ')}`);
const who = it => it.token || (it.digest === 'local' ? 'anyone here' : it.digest ? 'MCP_TOKEN' : 'unknown client');

/** Why a request was refused, and what would let it through. */
const Why = view(({ number: of }) => {
  const explained = resource(() => ask(`/traffic/${of}`));
  const done = signal('');
  const let_through = ({ text, change }) => confirm('Let it through?', `This ${text}. It is in force within a second, and stands in the audit.`, 'Change it', async () => {
    await ask(change.path, change.body, 'PATCH');
    announce(done.value = 'Changed: the next request like this is let through.');
  });
  return () => explained.part(it => {
    const ok = it.code === 'ok';
    return html`<div class="why pairs"><div><h3>${ok ? 'What was judged' : 'Why'}</h3>
      <ol>${it.why.map(step => html`<li class=${step.state}><span>${step.text}<span class="away"> (${step.state})</span></span></li>`)}</ol>
      <p class="note">${it.filters.length > 0 && `Its filter names ${some(it.filters)}. `}${it.digest && `The audit has it under ${it.digest}, ${moment(it.at)}.`}</p></div>
    <div><h3>${ok ? 'Answered' : 'What would let it through'}</h3>
      ${ok ? html`<p class="note">${counted(it.rows, 'row')}, ${size(it.bytes)}, in ${it.ms} ms.</p>` : !it.remedies.length && html`<p class="note">Nothing that is set here.</p>`}
      ${it.remedies.map(it => html`<p class="note">${capital(it.text)}.</p>${it.command && command(it.command)}${it.change && html`<button onClick=${() => let_through(it)}>Do it here</button>`}`)}
      ${done.value && html`<p class="yes">✓ ${done.value}</p>`}</div></div>`;
  });
});

/** Requests, each of which opens to why it was refused. */
export const Requests = view(({ first }) => {
  const opened = signal(first);
  return ({ list }) => table(['Time', 'Who', 'Asked', 'Answer', '#Rows', '#ms'], [...list].reverse(), it => {
    const [ok, is] = [it.code === 'ok', opened.value === it.number];
    const turn = () => { opened.value = is ? 0 : it.number; };
    return {
      look: is ? ok ? 'opens' : 'opens open' : 'opens',
      open: event => { if (!event.target.closest('button')) turn(); },
      cells: [
        html`<time>${clock(it.at)}</time>`, html`<b>${who(it)}</b><small>${some(it.tenant, way(it.transport), !it.token && it.address)}</small>`,
        it.action ? html`<code>${it.action} ${it.model === 'unknown' ? '' : it.model}</code>${it.model === 'unknown' && !it.named && ' of an unknown model'}${it.filters.length > 0 && html` by ${codes(it.filters)}`}` : html`<small>to be let in</small>`,
        html`<button class=${ok ? 'opener yes' : 'opener no'} aria-expanded=${is} onClick=${turn}>${went(it)}${it.named && html`: <code>${it.named}</code>`}</button>`,
        ok ? number(it.rows) : '–', it.action ? it.ms : '–',
      ],
      more: is && html`<${Why} number=${it.number} />`,
    };
  });
});

export const Traffic = view(({ query }) => {
  const wanted = new URLSearchParams(query);
  const [kind, paused, by, words] = [signal(wanted.get('code') || 'all'), signal(null), signal('token'), filter()];
  const sums = signal(resource(() => ask('/analytics?by=token')));
  const fits = it => (kind.value !== 'refused' || it.code !== 'ok') && (kind.value !== 'slow' || it.ms >= SLOW) && words.fits([it, who(it), went(it)]);
  const of = it => by.value === 'model' ? it.model : some(it.tenant, by.value === 'token' && it.token) || 'MCP_TOKEN';
  return () => {
    unseen.value = 0;
    const all = paused.value || requests.value;
    const [list, last] = [all.filter(fits).slice(-SHOWN), all.at(-1)];
    return [
      head(last ? html`${Date.now() - Date.parse(last.at) > 60_000 && html`Quiet since <b>${clock(last.at)}</b>. `}<b>${counted(all.length, 'request')}</b> of this instance ${are(all.length)} kept, <b>${counted(all.filter(it => it.code !== 'ok').length, 'refusal')}</b> among them. A line opens to why it was refused, and to the smallest change that lets it through.` : 'Nothing was asked since the start.',
        state(paused.value ? 'Paused' : flowing.value ? 'Live' : 'Broken off, and tried again', !flowing.value)),
      part('Requests', html`${chips(kind, 'Which', [['all', 'Everything'], ['refused', 'Refused'], ['slow', 'Slow']])}
        <button class="chip" aria-pressed=${!!paused.value} onClick=${() => { paused.value = paused.value ? null : requests.value; }}>Pause</button>${words.field()}`,
      list.length ? html`<${Requests} list=${list} first=${Number(wanted.get('open'))} />` : empty(all.length ? 'Nothing here fits the filter.' : 'No request yet: the first one appears here by itself.')),
      part('Sums of the last week', chips(by, 'Sums by', ['token', 'model', 'tenant', 'hour'].map(it => [it, `By ${it}`]), it => { sums.value = resource(() => ask(`/analytics?by=${it}`)); }),
        sums.value.part(data => !data.length ? empty('Nothing was counted yet.')
          : by.value === 'hour' ? html`<div class="sheet figure">${chart(data.map(it => [moment(it.hour), it.requests]), 'Requests by hour', 'requests', 'bars')}</div>`
          : table([capital(by.value), '#Requests', '#Refused', '#Rows', '#Bytes'], data, it => [of(it), number(it.requests), number(it.errors), number(it.rows), size(it.bytes)]))),
    ];
  };
});

export const Sockets = view(() => {
  const open = resource(() => ask('/sessions'));
  const close = it => confirm('Close it?', `The socket of ${who(it)} from ${it.address} ends once its answers are written, and is told so.`, 'Close it', () => ask(`/sessions/${it.id}`, undefined, 'DELETE').then(open.again));
  return () => open.show(list => [
    head(list.length ? html`<b>${counted(list.length, 'socket')}</b> and streams are open on this instance. A client whose socket is closed may connect again, unless its token is revoked.` : 'Nobody is connected.', html`<button onClick=${open.again}>Look again</button>`),
    list.length ? table(['Who', 'From', 'By', 'Since', '#Requests', '~Last', ''], list, it => [
      html`<b>${who(it)}</b><small>${it.tenant}</small>`, it.address, way(it.transport), ago(it.since), number(it.requests), it.last_request_at ? clock(it.last_request_at) : '–', act('Close', `the socket of ${who(it)} from ${it.address}`, () => close(it), true)])
      : empty('A socket or an event stream appears here once it is open. A request by HTTP alone is none.'),
  ]);
});
