// What the service is, and how it goes.

import { ask, flowing, points, requests, sockets } from '../api.js';
import { ago, are, b, bad, chart, clock, code, command, counted, empty, head, html, ms, number, part, resource, state, together, view, warning } from '../parts.js';
import { Requests } from './traffic.js';

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
