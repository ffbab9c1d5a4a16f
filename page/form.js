// Forms that are made of what the API says of itself: each member with its meaning, and its fault beside it.

import { send } from './api.js';
import { announce, check, choice, dialog, field, html, resource, signal, view } from './parts.js';

let described;
/** The members of what a route takes, each with its path; those that `more` has come first. */
async function members(path, method, more) {
  described ??= await send('../admin/api/openapi.json').then(it => it.json());
  const { properties } = described.paths[`/admin/api${path}`][method].requestBody.content['application/json'].schema;
  const own = Object.entries(properties).map(([name, it]) => [name, { ...it, ...more[name] }]);
  return [...Object.entries(more).filter(([name]) => !properties[name]), ...own]
    .flatMap(([name, it]) => it.properties ? Object.entries(it.properties).map(([inner, it]) => [`${name}.${inner}`, it]) : [[name, it]]);
}

const types = it => [it.type].flat();
/** What a field shows of a value. */
const shown = (it, value) => it.choices || it.type === 'boolean' ? value : value == null ? '' : it.items ? value.join('\n') : it.additionalProperties ? Object.entries(value).map(pair => pair.join(' = ')).join('\n') : `${value}`;
/** The value that a field means; what fits no type the service refuses. */
function meant(it, held) {
  const lines = typeof held === 'string' ? held.split('\n').map(line => line.trim()).filter(Boolean) : [''];
  return !lines.length && types(it).includes('null') ? null
    : it.choices ? held
    : it.items ? lines
    : it.additionalProperties ? Object.fromEntries(lines.map(line => line.split(/\s*=\s*(.*)/s)))
    : types(it).includes('integer') && /^\d+$/.test(held) ? Number(held) : held;
}

/** A tick, one or some of several, lines, or a word. */
function input(path, it, value, set, fault) {
  const [name] = path.split('.').slice(-1);
  const label = it.title || name[0].toUpperCase() + name.slice(1).replaceAll('_', ' ');
  const told = it.description?.replace(/; (null|absent) for /, '; empty: ').split('`').map((part, at) => at % 2 ? html`<code>${part}</code>` : part);
  if (it.type === 'boolean') return check(value, set, html`<span>${label} <small>${told}</small></span>`);
  if (it.choices && it.items) return html`<fieldset><legend>${label}</legend>${it.choices.map(one => check(value.includes(one.name), on => set(on ? [...value, one.name] : value.filter(it => it !== one.name)), one.name, one.meaning))}${fault && html`<span class="fault">${fault}</span>`}</fieldset>`;
  const lines = it.items ? ' One a line.' : it.additionalProperties && ' One a line, such as company = Acme.';
  return field(path, label, html`${told}${lines}`, fault, more => it.choices ? choice(value, it.choices.map(one => [one.id, one.name]), set, more)
    : lines ? html`<textarea rows="2" ...${more} value=${value} onInput=${event => set(event.target.value)}></textarea>`
    : html`<input type=${it.format === 'password' ? 'password' : 'text'} ...${more} value=${value} onInput=${event => set(event.target.value)} />`);
}

/** Whoever asked for a form is in its first field once that is there. */
const begun = form => form?.querySelector('input, select, textarea').focus();

/** A form in a dialog, of what a route takes; `it` is what is changed. What was not touched is not sent. */
export const Form = view(({ path, method = 'post', it = {}, more = {} }) => {
  const known = resource(() => members(path, method, more));
  const [touched, failed] = [signal({}), signal(null)];
  return ({ title, save, close }) => dialog(title, close, known.part(all => {
    const held = ([path, member]) => touched.value[path] ?? shown(member, path.split('.').reduce((value, name) => value?.[name], it) ?? member.default);
    const faults = failed.value?.faults || [];
    const of = path => faults.filter(it => it.member === path || it.member.startsWith(`${path}.`) || it.member.startsWith(`${path}[`));
    const rest = faults.filter(it => !all.some(([path]) => of(path).includes(it)));
    return html`<form class="form" ref=${begun} onSubmit=${async event => {
      event.preventDefault();
      const body = {};
      for (const one of all) {
        const [name, inner] = one[0].split('.');
        if (!(one[0] in touched.value)) continue;
        const value = meant(one[1], held(one));
        body[name] = inner ? { ...body[name], [inner]: value } : value;
      }
      try { await save(body); close(); announce('Saved'); } catch (error) { failed.value = error; }
    }}>${all.map(one => input(one[0], one[1], held(one), value => { touched.value = { ...touched.value, [one[0]]: value }; }, of(one[0]).map(it => it.message).join('; ')))}
      ${failed.value && html`<div role="alert">${(faults.length ? rest : [failed.value]).map(it => html`<p class="fault">${it.message}</p><p>${it.hint}</p>`)}</div>`}
      <div class="bar"><button class="main" type="submit">Save</button><button type="button" onClick=${close}>Leave it</button></div></form>`;
  }));
});
