// What the service is, and how it goes, in a sentence and four figures.

import { html, view } from '../lib.js';
import { ask, flowing, points, requests, sockets } from '../api.js';
import { Chart, Command, Empty, Head, Part, State, Table, Sub, ago, clock, counted, number, resource, short } from '../parts.js';
import { Requests } from './traffic.js';

const SPAN = 600;
const STEP = 10;
const sum = (all, member) => all.reduce((total, it) => total + it[member], 0);
const are = n => n === 1 ? 'is' : 'are';

/** The last ten minutes in steps. */
function steps(seconds, of) {
  const begin = Math.floor(Date.now() / 1000 / STEP) * STEP - SPAN + STEP;
  const by = Array.from({ length: SPAN / STEP }, () => []);
  for (const it of seconds) by[Math.floor((it.at - begin) / STEP)]?.push(it);
  return by.map((all, at) => [clock(begin + at * STEP), of(all)]);
}

export const Overview = view(() => {
  const known = resource(() => Promise.all([ask('/service'), ask('/health'), ask('/check'), ask('/series')]));
  const Figure = ({ name, value, unit, ...chart }) => html`<div class="figure"><dt>${name}</dt><dd>${value} <small>${unit}</small><${Chart} ...${chart} /></dd></div>`;
  return () => known.show(([service, health, warnings, { minutes }]) => {
    const [away, tenants] = [health.filter(it => !it.answers), health.filter(it => it.id)];
    const seconds = points.value;
    const open = sockets.value ?? service.sessions;
    const refused = requests.value.filter(it => it.code !== 'ok').slice(-5);
    const recent = sum(seconds.filter(it => it.at > Date.now() / 1000 - 6), 'requests') / 5;
    const slowest = Math.max(0, ...seconds.map(it => it.p99));
    const today = minutes.filter(it => it.at * 1000 >= new Date().setHours(0, 0, 0, 0));
    const later = seconds.filter(it => it.at > (minutes.at(-1)?.at ?? 0) + 59);
    const hours = Array.from({ length: new Date().getHours() + 1 }, (_, hour) => [`${hour}:00`, sum(today.filter(it => new Date(it.at * 1000).getHours() === hour), 'rows')]);
    return html`<${Head} state=${html`<${State} no=${!flowing.value || away.length}>${!flowing.value ? 'Broken off, and tried again' : away.length ? `${counted(away.length, 'database')} away` : 'Answering, read-only'}<//>`}>
      ${service.place ? html`<b>${service.place}</b>, ` : 'The databases of tenants, '}up ${ago(service.since)}.
      ${service.place && html` <a href="#/exposure"><b>${counted(service.models, 'model')}</b></a> with <b>${counted(service.fields, 'field')}</b> ${are(service.models)} shown, <b>${counted(service.hidden, 'field')}</b> ${are(service.hidden)} hidden.`}
      ${tenants.length > 0 && ` ${counted(tenants.length, 'database')} of tenants.`} <a href="#/sockets">${counted(open, 'socket')}</a> ${are(open)} open.
      ${warnings.length ? html` ${counted(warnings.length, 'thing')} ${are(warnings.length)} weak, below.` : ' Nothing is weak.'}
      ${!flowing.value && html` <span class="no">The figures stand still: the service does not answer.</span>`}<//>
    ${away.map(it => html`<p class="fault"><b>${it.name || it.place}</b>: ${it.fault?.what}. ${it.fault?.help}.</p>`)}
    <dl class="figures">
      <${Figure} name="Requests" value=${number(Math.round(recent * 10) / 10)} unit="a second" label="Requests in ten seconds, over ten minutes" points=${steps(seconds, all => sum(all, 'requests'))} />
      <${Figure} name="Answered within" value=${slowest ? slowest.toLocaleString('en', { maximumSignificantDigits: 3 }) : '–'} unit="ms, p99" kind="still" label="Milliseconds of the 99th percentile, over ten minutes" points=${steps(seconds, all => Math.max(0, ...all.map(it => it.p99)))} />
      <${Figure} name="Refused" value=${short(sum(seconds, 'errors'))} unit="in ten minutes" kind="bars no" label="Refusals in ten seconds, over ten minutes" points=${steps(seconds, all => sum(all, 'errors'))} />
      <${Figure} name="Rows read today" value=${short(sum(today, 'rows') + sum(later, 'rows'))} unit="" kind="bars" label="Rows by hour, today" points=${hours} />
    </dl>
    <${Part} title="Refused lately" tools=${html`<a href="#/traffic?code=refused">All of it</a>`}>
      ${refused.length ? html`<${Requests} list=${refused} />` : html`<${Empty}>${requests.value.length ? html`<p>Nothing was refused among the last ${counted(requests.value.length, 'request')}.</p>`
        : html`<p>No request yet. Ask one:</p><${Command} text=${`lucarne query list users --url ws://${service.listen}`} />`}<//>`}<//>
    <${Part} title="What is weak">${warnings.length ? html`<${Table} heads=${['What, and what to do']} rows=${warnings.map(it => [html`${it.what}<${Sub}>${it.help}<//>`])} />`
      : html`<${Empty}><p>Nothing: <code>lucarne check</code> would say the same.</p><//>`}<//>`;
  });
});
