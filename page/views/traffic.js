// What is asked and refused, and why; who holds a socket; and all of it at a glance.

import { ask, flowing, points, requests, sockets, unseen } from '../api.js';
import { act, ago, announce, are, away, b, bad, button, capital, chart, chips, clock, code, codes, command, confirm, counted, empty, filter, head, held, html, link, moment, ms, note, number, part, resource, size, small, some, state, table, together, unfit, view, warning, way, yes } from '../parts.js';

const SHOWN = 200;
// Milliseconds from which on a request is slow.
const SLOW = 50;

const went = it => it.code === 'ok' ? 'Answered' : capital(`${it.action ? '' : 'not let in: '}${it.code.replaceAll('_', ' ')}`);
const who = it => it.token || (it.digest === 'local' ? 'anyone here' : it.digest ? 'MCP_TOKEN' : 'unknown client');

const Why = view(({ number: of }) => {
  const explained = resource(() => ask(`/traffic/${of}`));
  const done = held('');
  const let_through = ({ text, change }) => confirm('Let it through?', `This ${text}. It is in force within a second, and stands in the audit.`, 'Change it', async () => {
    await ask(change.path, change.body, 'PATCH');
    announce(done('Changed: the next request like this is let through.'));
  });
  return () => explained.part(it => {
    const ok = it.code === 'ok';
    return html`<div class="why pairs"><div><h3>${ok ? 'What was judged' : 'Why'}</h3>
      <ol>${it.why.map(step => html`<li class=${step.state}><span>${step.text}${away(`(${step.state})`)}</span></li>`)}</ol>
      ${note([it.filters.length > 0 && `Its filter names ${some(it.filters)}. `, it.audit && ['The audit has it as ', link(`#/audit?find=${encodeURIComponent(`"seq":${it.audit},`)}`, `number ${it.audit}`), `, ${moment(it.at)}.`]])}</div>
    <div><h3>${ok ? 'Answered' : 'What would let it through'}</h3>
      ${ok ? note(`${counted(it.rows, 'row')}, ${size(it.bytes)}, in ${it.ms} ms.`) : !it.remedies.length && note('Nothing that is set here.')}
      ${it.remedies.map(it => [note(`${capital(it.text)}.`), it.command && command(it.command), it.change && button('Do it here', () => let_through(it))])}
      ${done() && yes(done())}</div></div>`;
  });
});

export const Requests = view(() => {
  const opened = held(0);
  return ({ list }) => table(['Time', 'Who', 'Asked', 'Answer', '#Rows', '#Bytes', '#ms'], list.toReversed(), it => {
    const [ok, is, known] = [it.code === 'ok', opened() === it.number, it.model !== 'unknown'];
    const turn = () => opened(is ? 0 : it.number);
    return {
      look: is && !ok ? 'opens open' : 'opens',
      open: event => { if (!event.target.closest('button, a')) turn(); },
      cells: [
        html`<time>${clock(it.at)}</time>`, [b(who(it)), small(some(it.tenant, way(it.transport), !it.token && it.address))],
        it.action ? [code(`${it.action} ${it.tool || (known && it.model) || ''}`), !known && !it.named && ' of an unknown model', it.filters.length > 0 && [' by ', codes(it.filters)]] : small('to be let in'),
        html`<button class=${ok ? 'opener yes' : 'opener no'} aria-expanded=${is} onClick=${turn}>${went(it)}${it.named && [': ', code(it.named)]}</button>`,
        ok ? number(it.rows) : '–', ok ? size(it.bytes) : '–', it.action ? it.ms : '–',
      ],
      more: is && html`<${Why} number=${it.number} />`,
    };
  });
});

export const Traffic = view(({ wanted }) => {
  const [kind, paused, by, words] = [held(wanted.get('code') || 'all'), held(null), held('token'), filter()];
  const summed = () => resource(() => ask(`/analytics?by=${by()}`));
  const sums = held(summed());
  const fits = it => (kind() !== 'refused' || it.code !== 'ok') && (kind() !== 'slow' || it.ms >= SLOW) && words.fits([it, who(it), went(it)]);
  const of = it => by() === 'model' ? it.model : some(it.tenant, by() === 'token' && it.token) || 'MCP_TOKEN';
  return () => {
    unseen(0);
    const all = paused() || requests();
    const [list, last] = [all.filter(fits).slice(-SHOWN), all.at(-1)];
    return [
      head(last ? [Date.now() - Date.parse(last.at) > 60_000 && ['Quiet since ', b(clock(last.at)), '. '], b(counted(all.length, 'request')), ` ${are(all.length)} kept, `, b(counted(all.filter(it => it.code !== 'ok').length, 'refusal')), ' among them. A line opens to why, and to the smallest change that lets it through.'] : 'Nothing was asked since the start.',
        state(paused() ? 'Paused' : flowing() ? 'Live' : 'Broken off, and tried again', !flowing())),
      part('Requests', [chips(kind, 'Which', [['all', 'Everything'], ['refused', 'Refused'], ['slow', 'Slow']]),
        html`<button class="chip" aria-pressed=${!!paused()} onClick=${() => paused(paused() ? null : requests())}>Pause</button>`, words.field()],
      list.length ? html`<${Requests} list=${list} />` : all.length ? unfit() : empty('No request yet: the first one appears here by itself.')),
      part('Sums of the last week', chips(by, 'Sums by', ['token', 'model', 'tenant', 'hour'].map(it => [it, `By ${it}`]), () => sums(summed())),
        sums().part(data => !data.length ? empty('Nothing was counted yet.')
          : by() === 'hour' ? html`<div class="sheet figure">${chart(data.map(it => [moment(it.hour), it.requests]), 'Requests by hour', 'requests', 'bars')}</div>`
          : table([capital(by()), '#Requests', '#Refused', '#Rows', '#Bytes'], data, it => [of(it), number(it.requests), number(it.errors), number(it.rows), size(it.bytes)]))),
    ];
  };
});

export const Sockets = view(() => {
  const open = resource(() => ask('/sessions'));
  const close = it => confirm('Close it?', `The socket of ${who(it)} from ${it.address} ends once its answers are written, and is told so.`, 'Close it', () => ask(`/sessions/${it.id}`, undefined, 'DELETE').then(open.again));
  return () => open.show(list => [
    head(list.length ? [b(counted(list.length, 'socket')), ' and streams are open here. Whose socket is closed may connect again, unless the token is revoked.'] : 'Nobody is connected.', button('Look again', open.again)),
    list.length ? table(['Who', 'From', 'By', '~Since', '#Requests', '#Rows', '#Waiting', '~Last', ''], list, it => [
      [b(who(it)), small(it.tenant)], it.address, way(it.transport), ago(it.since), number(it.requests), number(it.rows), size(it.waiting_bytes), it.last_request_at ? clock(it.last_request_at) : '–', act('Close', `the socket of ${who(it)} from ${it.address}`, () => close(it), true)])
      : empty('Sockets and event streams appear here. A request by HTTP alone is none.'),
  ]);
});

const SPAN = 600;
const STEP = 10;
const sum = (all, member) => all.reduce((total, it) => total + it[member], 0);
const slowest = all => Math.max(0, ...all.map(it => it.p99));
const short = n => n >= 1e6 ? `${(n / 1e6).toFixed(2)} million` : number(n);

function steps(of) {
  const begin = Math.floor(Date.now() / 1000 / STEP) * STEP - SPAN + STEP;
  const by = Array.from({ length: SPAN / STEP }, () => []);
  for (const it of points()) by[Math.floor((it.at - begin) / STEP)]?.push(it);
  return by.map((all, at) => [clock(begin + at * STEP), of(all)]);
}

export const Overview = view(() => {
  const known = resource(() => together(ask, '/service', '/health', '/check', '/series'));
  const figure = (name, value, unit, ...drawn) => html`<div class="figure"><dt>${name}</dt><dd>${value} <small>${unit}</small></dd><dd>${chart(...drawn)}</dd></div>`;
  return () => known.show(([service, health, warnings, { minutes }]) => {
    const [away, tenants, seconds] = [health.filter(it => !it.answers), health.filter(it => it.id), points()];
    const open = sockets() ?? service.sessions;
    const refused = requests().filter(it => it.code !== 'ok').slice(-5);
    const recent = sum(seconds.filter(it => it.at > Date.now() / 1000 - 6), 'requests') / 5;
    const half = seconds.map(it => it.p50).sort((one, other) => one - other)[seconds.length >> 1];
    const today = minutes.filter(it => it.at * 1000 >= new Date().setHours(0, 0, 0, 0));
    const later = seconds.filter(it => it.at > (minutes.at(-1)?.at ?? 0) + 59);
    const hours = Array.from({ length: new Date().getHours() + 1 }, (_, hour) => [`${hour}:00`, sum(today.filter(it => new Date(it.at * 1000).getHours() === hour), 'rows')]);
    return [
      head(html`${service.place ? [b(service.place), ', '] : 'The databases of tenants, '}version ${service.version}, up ${ago(service.since)}.
        ${service.place && html` <a href="#/exposure"><b>${counted(service.models, 'model')}</b></a> with ${b(counted(service.fields, 'field'))} ${are(service.models)} shown, ${b(counted(service.hidden, 'field'))} ${are(service.hidden)} hidden.`}
        ${tenants.length > 0 && ` ${counted(tenants.length, 'database')} of tenants.`} <a href="#/sockets">${counted(open, 'socket')}</a> ${are(open)} open.
        ${warnings.length ? ` ${counted(warnings.length, 'thing')} ${are(warnings.length)} weak, below.` : ' Nothing is weak.'}
        ${!flowing() && bad(' The figures stand still: the service does not answer.')}`,
      state(!flowing() ? 'Broken off, and tried again' : away.length ? `${counted(away.length, 'database')} away` : 'Answering, read-only', !flowing() || away.length)),
      away.map(it => html`<p class="fault">${b(it.name || it.place)}: ${it.fault?.what}. ${it.fault?.help}.</p>`),
      html`<dl class="sheet figures">
        ${figure('Requests', number(Math.round(recent * 10) / 10), 'a second', steps(all => sum(all, 'requests')), 'Requests in ten seconds, over ten minutes', 'requests')}
        ${figure('Answered in, p99', ms(slowest(seconds)), `p50 ${ms(half)}`, steps(slowest), 'Milliseconds, p99, over ten minutes', 'ms', 'still')}
        ${figure('Refused', short(sum(seconds, 'errors')), 'in ten minutes', steps(all => sum(all, 'errors')), 'Refusals in ten seconds, over ten minutes', 'refusals', 'bars no')}
        ${figure('Rows read today', short(sum(today, 'rows') + sum(later, 'rows')), '', hours, 'Rows by hour, today', 'rows', 'bars')}
      </dl>`,
      part('Refused lately', html`<a href="#/traffic?code=refused">All of it</a>`, refused.length ? html`<${Requests} list=${refused} />`
        : requests().length ? empty(`Nothing was refused among the last ${counted(requests().length, 'request')}.`) : empty('No request yet. Ask one:', command(`lucarne query list users --url ws://${service.listen}`))),
      part('What is weak', '', warnings.length ? warnings.map(warning) : empty('Nothing: ', code('lucarne check'), ' would say the same.')),
    ];
  });
});
