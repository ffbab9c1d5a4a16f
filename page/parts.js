// What several views show.

import { held, html, live, view } from './lib.js';
export { held, html, live, view };

const announced = held('');
let [last, later] = [0, 0];
// Tells those who listen, once in five seconds.
export function announce(text) {
  clearTimeout(later);
  later = setTimeout(() => { last = Date.now(); announced(text); }, Math.max(0, last + 5_000 - Date.now()));
}
export const Announcer = live(() => html`<div class="away" role="status">${announced()}</div>`);

export const clock = at => new Date(typeof at === 'number' ? at * 1000 : at).toLocaleTimeString('en-GB');
export const day = at => at.slice(0, 10);
export const moment = at => `${day(at)} ${clock(at)}`;
const UNITS = { day: 86_400, hour: 3_600, minute: 60, second: 1 };
export function ago(since) {
  const seconds = Math.max(1, (Date.now() - Date.parse(since)) / 1000);
  const unit = Object.keys(UNITS).find(it => seconds >= UNITS[it]);
  return counted(Math.floor(seconds / UNITS[unit]), unit);
}
export const number = n => n.toLocaleString('en');
export const counted = (n, thing) => `${number(n)} ${thing}${n === 1 ? '' : 's'}`;
export const are = n => n === 1 ? 'is' : 'are';
export const size = n => n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : n >= 1e3 ? `${(n / 1e3).toFixed(1)} kB` : `${n} B`;
export const ms = n => n ? `${n.toLocaleString('en', { maximumSignificantDigits: 3 })}\u00a0ms` : '–';
export const way = it => ({ ws: 'WebSocket', http: 'MCP over HTTP', sse: 'MCP over SSE', admin: 'the admin API' })[it] || it;
export const capital = text => text[0].toUpperCase() + text.slice(1);
export const some = (...all) => all.flat().filter(Boolean).join(', ');

export const [b, small, code] = ['b', 'small', 'code'].map(tag => text => html`<${tag}>${text}</>`);
export const bad = text => html`<b class="no">${text}</b>`;
export const codes = (all, by = ', ') => all.map((it, at) => [at > 0 && by, code(it)]);
export const yes = text => html`<span class="yes">✓ ${text}</span>`;
export const no = text => html`<span class="no">✕ ${text}</span>`;
export const note = text => html`<p class="note">${text}</p>`;
export const state = (text, no) => html`<span class=${no ? 'state no' : 'state'}>${text}</span>`;
export const warning = it => html`<p class="warn">${it.what}${small(it.help)}</p>`;
export const empty = (...told) => html`<div class="sheet empty">${told}</div>`;
export const fault = (error, again) => html`<div class="sheet empty" role="alert"><p class="fault">${error.message}</p>${error.hint && html`<p>${error.hint}</p>`}
  ${again && button('Try again', again)}</div>`;
export const button = (what, act) => html`<button type="button" onClick=${act}>${what}</button>`;
// Says to those who hear it what a button is about.
export const away = of => html`<span class="away"> ${of}</span>`;
export const act = (what, of, act, no) => html`<button type="button" class=${no ? 'bare no' : 'bare'} onClick=${act}>${what}${away(of)}</button>`;
export const link = (to, what, of) => html`<a href=${to}>${what}${away(of)}</a>`;
// Where no page may write to the clipboard, a browser says nothing.
const Copy = view(() => {
  const said = held('');
  return ({ text, label, of }) => act(said() || label, of, async () => {
    announce(said(await navigator.clipboard?.writeText(text).then(() => 'Copied', () => '') || 'Not allowed here: mark it'));
    setTimeout(() => said(''), 1_500);
  });
});
export const copy = (text, label = 'Copy', of = '') => html`<${Copy} text=${text} label=${label} of=${of} />`;
export const command = text => html`<div class="sheet command"><pre>${code(text)}</pre>${copy(text)}</div>`;
export const block = (text, label) => html`<div class="sheet"><pre class="block" tabindex="0" role="region" aria-label=${label}>${text}</pre></div>`;

export const here = { name: '' };
export const bar = (...all) => html`<div class="bar">${all}</div>`;
// The head of a view: how things are in a sentence and a word.
export const head = (said, state) => html`<header class="top"><h1 tabindex="-1">${here.name}</h1>${state}</header><p class="said">${said}</p>`;
export const part = (title, tools, body) => html`<section><header><h2>${title}</h2>${bar(tools)}</header>${body}</section>`;

export const typing = take => event => take(event.target.value);
// Choices are values, or pairs of a value and its name.
const each = (all, draw) => all.map(it => { const [value, name = value] = [it].flat(); return draw(value, name); });
export const chips = (of, label, all, then) => html`<div class="bar" role="group" aria-label=${label}>${each(all, (value, name) => html`<button type="button" class="chip" aria-pressed=${of() === value} onClick=${() => { of(value); then?.(value); }}>${name}</button>`)}</div>`;
export const choice = (value, all, take, more) => html`<select ...${more} value=${value} onChange=${typing(take)}>${each(all, (value, name) => html`<option value=${value}>${name}</option>`)}</select>`;
export const check = (on, take, text, title) => html`<label class="check" title=${title}><input type="checkbox" checked=${on} onChange=${event => take(event.target.checked)} />${text}</label>`;
// A field; `input` is given what ties it to its label, explanation and fault.
export const field = (id, label, help, fault, input) => html`<div class="field"><label for=${id}>${label}</label>${input({ id, 'aria-invalid': !!fault, 'aria-describedby': some(help && `${id}-help`, fault && `${id}-fault`).replace(',', '') || undefined, autocomplete: 'off', spellcheck: false })}
  ${help && html`<small id=${`${id}-help`}>${help}</small>`}${fault && html`<span class="fault" id=${`${id}-fault`}>${fault}</span>`}</div>`;
export function filter() {
  const text = held('');
  return {
    text,
    field: () => html`<input type="search" data-filter aria-label="Filter by any word" placeholder="Filter  /" value=${text()} onInput=${typing(text)} />`,
    fits: it => { const told = JSON.stringify(it).toLowerCase(); return text().toLowerCase().split(/\s+/).every(word => told.includes(word)); },
  };
}

// A table that becomes cards where it is narrow, or is moved where it is `wide`. Heads of numbers begin
// with #, those that cards show too with ~. A row is its cells, or those with `look`, `open` and `more`.
export function table(heads, all, draw, wide) {
  const num = head => head[0] === '#' && 'num';
  return html`<div class=${wide ? 'sheet wide' : 'sheet'} tabindex=${wide ? 0 : undefined} role=${wide && 'region'} aria-label=${wide}><table class=${wide ? '' : 'cards'}>
    <thead><tr>${heads.map(head => html`<th class=${num(head)}>${head.replace(/^[#~]/, '') || away('Actions')}</th>`)}</tr></thead>
    <tbody>${all.flatMap(it => {
      const key = wide ? undefined : it.seq ?? it.number ?? it.id;
      const drawn = draw(it);
      const { cells = drawn, look, open, more } = drawn;
      return [html`<tr key=${key} class=${look} onClick=${open}>${cells.map((cell, at) => html`<td class=${num(heads[at])} data-label=${/^[#~]/.test(heads[at]) ? heads[at].slice(1).toLowerCase() : undefined}>${cell}</td>`)}</tr>`,
        more && html`<tr key=${`${key} more`} class=${look}><td colspan=${heads.length}>${more}</td></tr>`];
    })}</tbody></table></div>`;
}
export const unfit = () => empty('Nothing here fits the filter.');
export const listed = (heads, all, draw) => all.length ? table(heads, all, draw) : unfit();

// What is fetched, and draws itself while it waits and where it fails.
export function resource(get) {
  const state = held({});
  const again = () => get().then(data => state({ data }), error => error.name !== 'AbortError' && state({ error }));
  again();
  const part = draw => {
    const { data, error } = state();
    return error ? fault(error, again) : data === undefined ? html`<p class="quiet" aria-busy="true">One moment …</p>` : draw(data);
  };
  // Draws a view, with its head from the beginning; `by` draws failures of some status.
  const show = (draw, by = {}) => state().data ? draw(state().data) : by[state().error?.status]?.() || [head(), part(draw)];
  return { again, part, show };
}
export const together = (ask, ...paths) => Promise.all(paths.map(path => ask(path)));

// What had the focus before the first dialog.
let opener = null;
// Opens a dialog, and gives the focus back once it is gone. One function for all: another one would be called by each drawing.
const opened = it => {
  if (it) {
    if (!document.activeElement.matches('body, dialog *')) opener = document.activeElement;
    it.showModal();
  } else setTimeout(() => { if (document.activeElement === document.body) (opener?.isConnected ? opener : document.querySelector('.frame h1'))?.focus(); });
};
export const dialog = (title, close, body) => html`<dialog aria-label=${title} ref=${opened} onClose=${close}><h2>${title}</h2>${body}</dialog>`;

const question = held(null);
export const confirm = (title, text, yes, act) => question({ title, text, yes, act });
export const Question = view(() => {
  const failed = held(null);
  const close = () => { failed(null); question(null); };
  return () => {
    const asked = question();
    return asked && dialog(asked.title, close, html`<p>${asked.text}</p>${failed() && html`<p class="fault" role="alert">${failed().message}</p>`}
      ${bar(html`<button class="main" autofocus onClick=${() => asked.act().then(close, failed)}>${asked.yes}</button>`, button('Leave it', close))}`);
  };
});

export function chart(points, label, unit, kind = 'line') {
  const most = Math.max(...points.map(([, value]) => value), 1e-9);
  const full = points.filter(([, value]) => value);
  const y = value => (34 - 32 * value / most).toFixed(1);
  const x = (at, all) => (at * 200 / Math.max(1, all)).toFixed(1);
  const bars = kind.includes('bars') && points.map(([, value], at) => value ? `M${x(at + .5, points.length)} 36V${y(value)}` : '').join('');
  const line = full.length > 0 && points.map(([, value], at) => `${at ? 'L' : 'M'}${x(at, points.length - 1)} ${y(value)}`).join('');
  return html`<div class="chart"><svg viewBox="0 0 200 36" preserveAspectRatio="none" role="img" aria-label=${label}><path class="axis" d="M0 36H200" />
      ${kind === 'line' && line && html`<path class="area" d=${`${line}V36H0z`} />`}<path class=${kind} d=${bars || line || ''} /></svg>
    <details><summary>As a table</summary>${full.length ? html`<div tabindex="0" role="region" aria-label=${`${label}: table`}><table><thead><tr><th>Time</th><th class="num">${unit}</th></tr></thead>
      <tbody>${full.map(([at, value]) => html`<tr><td>${at}</td><td class="num">${number(value)}</td></tr>`)}</tbody></table></div>` : note('Nothing yet')}</details></div>`;
}
