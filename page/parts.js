// Small things that several views show.

import { html, signal, view } from './lib.js';
import { ask } from './api.js';

const announced = signal('');
let last = 0;
let later = 0;

/** Tells those who listen, once in five seconds. */
export function announce(text) {
  clearTimeout(later);
  later = setTimeout(() => { last = Date.now(); announced.value = text; }, Math.max(0, last + 5_000 - Date.now()));
}
export const Announcer = view(() => () => html`<div class="away" role="status" aria-live="polite">${announced.value}</div>`);

export const clock = at => new Date(typeof at === 'number' ? at * 1000 : at).toLocaleTimeString('en-GB');
export const day = at => at ? at.slice(0, 10) : '–';
export const moment = at => at ? `${day(at)} ${clock(at)}` : '–';
export function ago(since) {
  const seconds = Math.max(0, (Date.now() - Date.parse(since)) / 1000);
  for (const { length, unit } of [{ length: 86_400, unit: 'day' }, { length: 3_600, unit: 'hour' }, { length: 60, unit: 'minute' }]) {
    if (seconds >= length) return counted(Math.floor(seconds / length), unit);
  }
  return counted(Math.floor(seconds), 'second');
}
export const number = n => n.toLocaleString('en');
export const counted = (n, thing) => `${number(n)} ${thing}${n === 1 ? '' : 's'}`;
export const short = n => n >= 1e6 ? `${(n / 1e6).toFixed(2)} million` : number(n);
export const size = n => n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : n >= 1e3 ? `${(n / 1e3).toFixed(1)} kB` : `${n} B`;
export const way = it => ({ ws: 'WebSocket', http: 'MCP over HTTP', sse: 'MCP over SSE', admin: 'the admin API' })[it] || it;
/** What is there, with commas. */
export const some = (...all) => all.flat().filter(Boolean).join(', ');

/** Copies a text, and says that it did. */
export const Copy = view(() => {
  const done = signal(false);
  return ({ text, label = 'Copy', of }) => html`<button class="bare" onClick=${async () => {
    await navigator.clipboard?.writeText(text).catch(() => {});
    done.value = true;
    announce('Copied');
    setTimeout(() => { done.value = false; }, 1_500);
  }}>${done.value ? 'Copied' : label}${of && html`<span class="away"> ${of}</span>`}</button>`;
});
export const Command = ({ text }) => html`<div class="command"><pre><code>${text}</code></pre><${Copy} text=${text} /></div>`;
/** A button in a row: `of` says to those who hear it what it is about. */
export const Do = ({ what, of, act, no }) => html`<button class=${no ? 'bare no' : 'bare'} onClick=${act}>${what}<span class="away"> ${of}</span></button>`;
export const Empty = ({ children }) => html`<div class="sheet empty">${children}</div>`;
export const Sub = ({ children }) => html`<span class="sub">${children}</span>`;
export const State = ({ no, children }) => html`<span class=${no ? 'state no' : 'state'}>${children}</span>`;
export const Warning = ({ it }) => html`<p class="warn">${it.what}<${Sub}>${it.help}<//></p>`;
/** Several, with commas between. */
export const Codes = ({ all, by = ', ' }) => all.map((it, at) => html`${at > 0 && by}<code>${it}</code>`);

/** The view that is shown. */
export const here = { name: '' };
/** The head of a view: its name, how things are, and a sentence. */
export const Head = ({ state, children }) => html`<header class="top"><h1 tabindex="-1">${here.name}</h1>${state}</header><p class="said">${children}</p>`;
/** A part of a view. */
export const Part = ({ title, tools, id, children }) => html`<section id=${id} tabindex=${id && '-1'}><header><h2>${title}</h2><div class="bar">${tools}</div></header>${children}</section>`;

/** What stands in the field of a signal. */
export const typing = of => event => { of.value = event.target.value; };
export const Search = ({ of }) => html`<input type="search" data-filter aria-label="Filter by any word" placeholder="Filter  /" value=${of.value} onInput=${typing(of)} />`;
export const Chips = view(() => ({ of, all, label, then }) => html`<div class="bar" role="group" aria-label=${label}>${all.map(it => [it].flat()).map(([value, name = value]) => html`<button class="chip" aria-pressed=${of.value === value} onClick=${() => { of.value = value; then?.(value); }}>${name}</button>`)}</div>`);
export const Choice = ({ value, all, change, id, label }) => html`<select id=${id} aria-label=${label} value=${value} onChange=${event => change(event.target.value)}>${all.map(it => [it].flat()).map(([value, name = value]) => html`<option value=${value}>${name}</option>`)}</select>`;
export const Check = ({ on, change, children, title }) => html`<label class="check" title=${title}><input type="checkbox" checked=${on} onChange=${event => change(event.target.checked)} />${children}</label>`;

/** A table that becomes cards where it is narrow. A head that begins with # is that of numbers; a row is its cells, or those with `key`, `class` or `whole`, one cell over all. */
export const Table = ({ heads, rows, click, wide }) => html`<div class=${wide ? 'sheet wide' : 'sheet'} tabindex=${wide ? 0 : undefined} role=${wide && 'region'} aria-label=${wide}><table class=${wide ? '' : 'cards'}>
  <thead><tr>${heads.map(head => html`<th class=${head[0] === '#' ? 'num' : ''}>${head.replace(/^[#~]/, '') || html`<span class="away">Actions</span>`}</th>`)}</tr></thead>
  <tbody>${rows.filter(Boolean).map(row => html`<tr key=${row.key} class=${row.class} onClick=${click && row.key && (event => click(row.key, event))}>
    ${row.whole ? html`<td colspan=${heads.length}>${row.whole}</td>` : (row.cells || row).map((cell, at) => html`<td class=${heads[at][0] === '#' ? 'num' : row.look?.[at]} data-label=${/^[#~]/.test(heads[at]) ? heads[at].slice(1).toLowerCase() : undefined}>${cell}</td>`)}</tr>`)}</tbody></table></div>`;

/** A failure, with what to do. */
export const Fault = ({ error, again }) => html`<div class="sheet empty" role="alert"><p class="fault">${error.message}</p>${error.hint && html`<p>${error.hint}</p>`}
  ${again && html`<button onClick=${again}>Try again</button>`}</div>`;

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
    return data !== undefined ? draw(data) : error ? html`<${Fault} error=${error} again=${again} />` : html`<p class="quiet" aria-busy="true">One moment …</p>`;
  };
  /** Draws a whole view, which has its head from the beginning. */
  const show = draw => state.value.data !== undefined ? draw(state.value.data) : html`<${Head} />${part(draw)}`;
  return { again, part, show };
}

/** A field of a form with its label, its explanation and its fault. */
export const Field = ({ label, help, fault, children, id }) => html`<div class="field"><label for=${id}>${label}${help && html` <small>${help}</small>`}</label>
  ${children}${fault && html`<span class="fault" id=${`${id}-fault`}>${fault}</span>`}</div>`;

/** What had the focus before a dialog, or before the first of several. */
let opener = null;
/** Opens a dialog that was drawn; once it is gone the focus is where it was, or at the head of the view. Always the same function, for another one would be called anew by each drawing. */
const opened = it => {
  if (it) {
    if (!document.activeElement.closest('dialog')) opener = document.activeElement;
    it.showModal();
  } else setTimeout(() => { if (document.activeElement === document.body) (opener?.isConnected && opener !== document.body ? opener : document.querySelector('.frame h1'))?.focus(); });
};
export const Dialog = ({ title, close, children }) => html`<dialog aria-label=${title} ref=${opened} onClose=${close}><h2>${title}</h2>${children}</dialog>`;

const question = signal(null);
/** Asks before something is done, and does it. */
export const confirm = (title, text, yes, act) => { question.value = { title, text, yes, act }; };
export const Question = view(() => {
  const failed = signal(null);
  const close = () => { failed.value = null; question.value = null; };
  return () => {
    const asked = question.value;
    return asked && html`<${Dialog} title=${asked.title} close=${close}><p>${asked.text}</p>${failed.value && html`<p class="fault" role="alert">${failed.value.message}</p>`}
      <div class="bar"><button class="main" autofocus onClick=${async () => {
        try { await asked.act(); close(); } catch (error) { failed.value = error; }
      }}>${asked.yes}</button><button onClick=${close}>Leave it</button></div><//>`;
  };
});

/** A small chart by hand, with its table; points are of a time and a value. */
export function Chart({ points, kind = 'line', label, unit }) {
  const most = Math.max(...points.map(([, value]) => value), 1e-9);
  const [step, full] = [200 / points.length, points.filter(([, value]) => value)];
  const y = value => (34 - 32 * value / most).toFixed(1);
  const line = points.map(([, value], at) => `${at ? 'L' : 'M'}${(at * 200 / Math.max(1, points.length - 1)).toFixed(1)} ${y(value)}`).join('');
  const bars = points.map(([, value], at) => value ? `M${((at + .5) * step).toFixed(1)} 36V${y(value)}` : '').join('');
  return html`<div class="chart"><svg viewBox="0 0 200 36" preserveAspectRatio="none" role="img" aria-label=${label}><path class="axis" d="M0 36H200" />
      ${kind === 'line' && full.length > 0 && html`<path class="area" d=${`${line}V36H0z`} />`}<path class=${kind} d=${/line|still/.test(kind) && full.length ? line : bars} /></svg>
    <details><summary>As a table</summary>${full.length ? html`<div tabindex="0" role="region" aria-label=${`${label}: table`}><table><thead><tr><th>Time</th><th class="num">${unit}</th></tr></thead>
      <tbody>${full.map(([at, value]) => html`<tr><td>${at}</td><td class="num">${number(value)}</td></tr>`)}</tbody></table></div>` : html`<p class="note">Nothing yet</p>`}</details></div>`;
}

/** Why a request was refused, and what would let it through. */
export const Why = view(({ number: of }) => {
  const explained = resource(() => ask(`/traffic/${of}`));
  const done = signal('');
  return () => explained.part(it => html`<div class="why"><div><h3>${it.code === 'ok' ? 'What was judged' : 'Why'}</h3>
      <ol>${it.why.map(step => html`<li class=${step.state}><span>${step.text}<span class="away"> (${step.state})</span></span></li>`)}</ol>
      <p class="note">${it.filters.length > 0 && `Its filter names ${some(it.filters)}. `}${it.digest && `The audit has it under ${it.digest}, ${moment(it.at)}.`}</p></div>
    <div><h3>${it.code === 'ok' ? 'Answered' : 'What would let it through'}</h3>
      ${it.code === 'ok' ? html`<p class="note">${counted(it.rows, 'row')}, ${size(it.bytes)}, in ${it.ms} ms.</p>` : !it.remedies.length && html`<p class="note">Nothing that is set here.</p>`}
      ${it.remedies.map(({ text, command, change }) => html`<p class="note">${text[0].toUpperCase() + text.slice(1)}.</p>${command && html`<${Command} text=${command} />`}
        ${change && html`<button onClick=${() => confirm('Let it through?', `This ${text}. It is in force within a second, and stands in the audit.`, 'Change it', async () => {
          await ask(change.path, change.body, 'PATCH');
          done.value = 'Changed: the next request like this is let through.';
          announce(done.value);
        })}>Do it here</button>`}`)}
      ${done.value && html`<p class="yes">✓ ${done.value}</p>`}</div></div>`);
});
