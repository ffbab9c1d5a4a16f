// Small things that several views show. What begins with a small letter draws at once, what begins with a large one keeps something.

import { batch, html, live, signal, view } from './lib.js';
export { batch, html, live, signal, view };

const announced = signal('');
let last = 0;
let later = 0;
/** Tells those who listen, once in five seconds. */
export function announce(text) {
  clearTimeout(later);
  later = setTimeout(() => { last = Date.now(); announced.value = text; }, Math.max(0, last + 5_000 - Date.now()));
}
export const Announcer = live(() => html`<div class="away" role="status">${announced.value}</div>`);

export const clock = at => new Date(typeof at === 'number' ? at * 1000 : at).toLocaleTimeString('en-GB');
export const day = at => at ? at.slice(0, 10) : '–';
export const moment = at => at ? `${day(at)} ${clock(at)}` : '–';
export function ago(since) {
  const seconds = Math.max(0, (Date.now() - Date.parse(since)) / 1000);
  const [length, unit] = /** @type {[number, string][]} */ ([[86_400, 'day'], [3_600, 'hour'], [60, 'minute'], [0, 'second']]).find(([length]) => seconds >= length);
  return counted(Math.floor(seconds / (length || 1)), unit);
}
export const number = n => n.toLocaleString('en');
export const counted = (n, thing) => `${number(n)} ${thing}${n === 1 ? '' : 's'}`;
export const are = n => n === 1 ? 'is' : 'are';
export const size = n => n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : n >= 1e3 ? `${(n / 1e3).toFixed(1)} kB` : `${n} B`;
export const way = it => ({ ws: 'WebSocket', http: 'MCP over HTTP', sse: 'MCP over SSE', admin: 'the admin API' })[it] || it;
/** What is there, with commas. */
export const some = (...all) => all.flat().filter(Boolean).join(', ');
/** Several, with commas between. */
export const codes = (all, by = ', ') => all.map((it, at) => html`${at > 0 && by}<code>${it}</code>`);

export const empty = (...told) => html`<div class="sheet empty">${told}</div>`;
export const state = (text, no) => html`<span class=${no ? 'state no' : 'state'}>${text}</span>`;
export const warning = it => html`<p class="warn">${it.what}<small>${it.help}</small></p>`;
/** A failure, with what to do. */
export const fault = (error, again) => html`<div class="sheet empty" role="alert"><p class="fault">${error.message}</p>${error.hint && html`<p>${error.hint}</p>`}
  ${again && html`<button onClick=${again}>Try again</button>`}</div>`;
/** A button beside others: `of` says to those who hear it what it is about. */
export const act = (what, of, act, no) => html`<button type="button" class=${no ? 'bare no' : 'bare'} onClick=${act}>${what}<span class="away"> ${of}</span></button>`;
/** Copies a text, and says that it did; where no page may write there, a browser says nothing. */
const Copy = view(() => {
  const said = signal('');
  return ({ text, label, of }) => act(said.value || label, of, async () => {
    said.value = await navigator.clipboard?.writeText(text).then(() => 'Copied', () => '') || 'Not allowed here: mark it';
    announce(said.value);
    setTimeout(() => { said.value = ''; }, 1_500);
  });
});
export const copy = (text, label = 'Copy', of = '') => html`<${Copy} text=${text} label=${label} of=${of} />`;
export const command = text => html`<div class="command"><pre><code>${text}</code></pre>${copy(text)}</div>`;
export const block = (text, label) => html`<div class="sheet"><pre class="block" tabindex="0" role="region" aria-label=${label}>${text}</pre></div>`;

/** The view that is shown. */
export const here = { name: '' };
/** The head of a view: its name, how things are, and a sentence. */
export const head = (said, state) => html`<header class="top"><h1 tabindex="-1">${here.name}</h1>${state}</header><p class="said">${said}</p>`;
/** A part of a view. */
export const part = (title, tools, body) => html`<section><header><h2>${title}</h2><div class="bar">${tools}</div></header>${body}</section>`;

/** What stands in the field of a signal. */
export const typing = of => event => { of.value = event.target.value; };
export const chips = (of, label, all, then) => html`<div class="bar" role="group" aria-label=${label}>${all.map(it => [it].flat()).map(([value, name = value]) => html`<button type="button" class="chip" aria-pressed=${of.value === value} onClick=${() => { of.value = value; then?.(value); }}>${name}</button>`)}</div>`;
export const choice = (value, all, change, more) => html`<select ...${more} value=${value} onChange=${event => change(event.target.value)}>${all.map(it => [it].flat()).map(([value, name = value]) => html`<option value=${value}>${name}</option>`)}</select>`;
export const check = (on, change, text, title) => html`<label class="check" title=${title}><input type="checkbox" checked=${on} onChange=${event => change(event.target.checked)} />${text}</label>`;
/** A field of a form with its label, its explanation and its fault; `input` is given what names both. */
export const field = (id, label, help, fault, input) => html`<div class="field"><label for=${id}>${label}</label>${input({ id, 'aria-invalid': !!fault, 'aria-describedby': [help && `${id}-help`, fault && `${id}-fault`].filter(Boolean).join(' ') || undefined, autocomplete: 'off', spellcheck: false })}
  ${help && html`<small id=${`${id}-help`}>${help}</small>`}${fault && html`<span class="fault" id=${`${id}-fault`}>${fault}</span>`}</div>`;
/** A field that filters by words, and whether something has them all. */
export function filter() {
  const text = signal('');
  return {
    text,
    field: () => html`<input type="search" data-filter aria-label="Filter by any word" placeholder="Filter  /" value=${text.value} onInput=${typing(text)} />`,
    fits: it => { const told = JSON.stringify(it).toLowerCase(); return text.value.toLowerCase().split(/\s+/).every(word => told.includes(word)); },
  };
}

/** A table that becomes cards where it is narrow, or that is moved where it is `wide`. A head that begins with # is that of numbers, with ~ one that cards show; what draws a row gives its cells, or those with `look`, `open` and `more`, which stands below. */
export const table = (heads, all, draw, wide) => html`<div class=${wide ? 'sheet wide' : 'sheet'} tabindex=${wide ? 0 : undefined} role=${wide && 'region'} aria-label=${wide}><table class=${wide ? '' : 'cards'}>
  <thead><tr>${heads.map(head => html`<th class=${head[0] === '#' ? 'num' : ''}>${head.replace(/^[#~]/, '') || html`<span class="away">Actions</span>`}</th>`)}</tr></thead>
  <tbody>${all.flatMap(it => {
    const key = wide ? undefined : it.seq ?? it.number ?? it.id;
    const drawn = draw(it);
    const { cells = drawn, look, open, more } = drawn;
    return [html`<tr key=${key} class=${look} onClick=${open}>${cells.map((cell, at) => html`<td class=${heads[at][0] === '#' ? 'num' : ''} data-label=${/^[#~]/.test(heads[at]) ? heads[at].slice(1).toLowerCase() : undefined}>${cell}</td>`)}</tr>`,
      more && html`<tr key=${`${key} more`} class=${look}><td colspan=${heads.length}>${more}</td></tr>`];
  })}</tbody></table></div>`;

/** Something that is fetched: what it draws while it waits, fails, and is there. */
export function resource(get) {
  const state = signal({});
  const again = async () => {
    try {
      state.value = { data: await get() };
    } catch (error) {
      if (error.name !== 'AbortError') state.value = { error };
    }
  };
  again();
  /** Draws a part of a view. */
  const part = draw => {
    const { data, error } = state.value;
    return error ? fault(error, again) : data === undefined ? html`<p class="quiet" aria-busy="true">One moment …</p>` : draw(data);
  };
  /** Draws a whole view, which has its head from the beginning; a failure of some status is drawn otherwise. */
  const show = (draw, by = {}) => state.value.data ? draw(state.value.data) : by[state.value.error?.status]?.() || [head(), part(draw)];
  return { again, part, show };
}

/** What had the focus before a dialog, or before the first of several. */
let opener = null;
/** Opens a dialog that was drawn; once it is gone the focus is where it was, or at the head of the view. Always the same function, for another one would be called anew by each drawing. */
const opened = it => {
  if (it) {
    if (!document.activeElement.matches('body, dialog *')) opener = document.activeElement;
    it.showModal();
  } else setTimeout(() => { if (document.activeElement === document.body) (opener?.isConnected ? opener : document.querySelector('.frame h1'))?.focus(); });
};
export const dialog = (title, close, body) => html`<dialog aria-label=${title} ref=${opened} onClose=${close}><h2>${title}</h2>${body}</dialog>`;

const question = signal(null);
/** Asks before something is done, and does it. */
export const confirm = (title, text, yes, act) => { question.value = { title, text, yes, act }; };
export const Question = view(() => {
  const failed = signal(null);
  const close = () => batch(() => { failed.value = null; question.value = null; });
  return () => {
    const asked = question.value;
    return asked && dialog(asked.title, close, html`<p>${asked.text}</p>${failed.value && html`<p class="fault" role="alert">${failed.value.message}</p>`}
      <div class="bar"><button class="main" autofocus onClick=${async () => {
        try { await asked.act(); close(); } catch (error) { failed.value = error; }
      }}>${asked.yes}</button><button onClick=${close}>Leave it</button></div>`);
  };
});

/** A small chart by hand, with its table; points are of a time and a value. */
export function chart(points, label, unit, kind = 'line') {
  const most = Math.max(...points.map(([, value]) => value), 1e-9);
  const full = points.filter(([, value]) => value);
  const y = value => (34 - 32 * value / most).toFixed(1);
  const x = (at, all) => (at * 200 / Math.max(1, all)).toFixed(1);
  const line = full.length && !/bars/.test(kind) ? points.map(([, value], at) => `${at ? 'L' : 'M'}${x(at, points.length - 1)} ${y(value)}`).join('') : '';
  const bars = points.map(([, value], at) => value ? `M${x(at + .5, points.length)} 36V${y(value)}` : '').join('');
  return html`<div class="chart"><svg viewBox="0 0 200 36" preserveAspectRatio="none" role="img" aria-label=${label}><path class="axis" d="M0 36H200" />
      ${kind === 'line' && line && html`<path class="area" d=${`${line}V36H0z`} />`}<path class=${kind} d=${line || bars} /></svg>
    <details><summary>As a table</summary>${full.length ? html`<div tabindex="0" role="region" aria-label=${`${label}: table`}><table><thead><tr><th>Time</th><th class="num">${unit}</th></tr></thead>
      <tbody>${full.map(([at, value]) => html`<tr><td>${at}</td><td class="num">${number(value)}</td></tr>`)}</tbody></table></div>` : html`<p class="note">Nothing yet</p>`}</details></div>`;
}
