// What the service is, and how it goes, in a sentence and four figures.

import { ask, flowing, points, requests, sockets } from '../api.js';
import { ago, are, chart, clock, command, counted, empty, head, html, number, part, resource, state, view, warning } from '../parts.js';
import { Requests } from './traffic.js';

const SPAN = 600;
const STEP = 10;
const sum = (all, member) => all.reduce((total, it) => total + it[member], 0);
const slowest = all => Math.max(0, ...all.map(it => it.p99));
const short = n => n >= 1e6 ? `${(n / 1e6).toFixed(2)} million` : number(n);

/** The last ten minutes in steps. */
function steps(seconds, of) {
  const begin = Math.floor(Date.now() / 1000 / STEP) * STEP - SPAN + STEP;
  const by = Array.from({ length: SPAN / STEP }, () => []);
  for (const it of seconds) by[Math.floor((it.at - begin) / STEP)]?.push(it);
  return by.map((all, at) => [clock(begin + at * STEP), of(all)]);
}

export const Overview = view(() => {
  const known = resource(() => Promise.all(['/service', '/health', '/check', '/series'].map(it => ask(it))));
  const figure = (name, value, unit, chart) => html`<div class="figure"><dt>${name}</dt><dd>${value} <small>${unit}</small></dd><dd>${chart}</dd></div>`;
  return () => known.show(([service, health, warnings, { minutes }]) => {
    const [away, tenants, seconds] = [health.filter(it => !it.answers), health.filter(it => it.id), points.value];
    const open = sockets.value ?? service.sessions;
    const refused = requests.value.filter(it => it.code !== 'ok').slice(-5);
    const recent = sum(seconds.filter(it => it.at > Date.now() / 1000 - 6), 'requests') / 5;
    const [worst, half] = [slowest(seconds), seconds.map(it => it.p50).sort((one, other) => one - other)[seconds.length >> 1]];
    const ms = n => n ? n.toLocaleString('en', { maximumSignificantDigits: 3 }) : '–';
    const today = minutes.filter(it => it.at * 1000 >= new Date().setHours(0, 0, 0, 0));
    const later = seconds.filter(it => it.at > (minutes.at(-1)?.at ?? 0) + 59);
    const hours = Array.from({ length: new Date().getHours() + 1 }, (_, hour) => [`${hour}:00`, sum(today.filter(it => new Date(it.at * 1000).getHours() === hour), 'rows')]);
    return [
      head(html`${service.place ? html`<b>${service.place}</b>, ` : 'The databases of tenants, '}version ${service.version}, up ${ago(service.since)}.
        ${service.place && html` <a href="#/exposure"><b>${counted(service.models, 'model')}</b></a> with <b>${counted(service.fields, 'field')}</b> ${are(service.models)} shown, <b>${counted(service.hidden, 'field')}</b> ${are(service.hidden)} hidden.`}
        ${tenants.length > 0 && ` ${counted(tenants.length, 'database')} of tenants.`} <a href="#/sockets">${counted(open, 'socket')}</a> ${are(open)} open.
        ${warnings.length ? html` ${counted(warnings.length, 'thing')} ${are(warnings.length)} weak, below.` : ' Nothing is weak.'}
        ${!flowing.value && html` <span class="no">The figures stand still: the service does not answer.</span>`}`,
      state(!flowing.value ? 'Broken off, and tried again' : away.length ? `${counted(away.length, 'database')} away` : 'Answering, read-only', !flowing.value || away.length)),
      away.map(it => html`<p class="fault"><b>${it.name || it.place}</b>: ${it.fault?.what}. ${it.fault?.help}.</p>`),
      html`<dl class="figures">
        ${figure('Requests', number(Math.round(recent * 10) / 10), 'a second', chart(steps(seconds, all => sum(all, 'requests')), 'Requests in ten seconds, over ten minutes', 'requests'))}
        ${figure('Answered in ms, p99', ms(worst), `p50 ${ms(half)}`, chart(steps(seconds, slowest), 'Milliseconds of the 99th percentile, over ten minutes', 'ms', 'still'))}
        ${figure('Refused', short(sum(seconds, 'errors')), 'in ten minutes', chart(steps(seconds, all => sum(all, 'errors')), 'Refusals in ten seconds, over ten minutes', 'refusals', 'bars no'))}
        ${figure('Rows read today', short(sum(today, 'rows') + sum(later, 'rows')), '', chart(hours, 'Rows by hour, today', 'rows', 'bars'))}
      </dl>`,
      part('Refused lately', html`<a href="#/traffic?code=refused">All of it</a>`, refused.length ? html`<${Requests} list=${refused} />`
        : requests.value.length ? empty(`Nothing was refused among the last ${counted(requests.value.length, 'request')}.`) : empty('No request yet. Ask one:', command(`lucarne query list users --url ws://${service.listen}`))),
      part('What is weak', '', warnings.length ? warnings.map(warning) : empty('Nothing: ', html`<code>lucarne check</code>`, ' would say the same.')),
    ];
  });
});
