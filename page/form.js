// Forms that are made of the API's own description, each fault beside its member.

import { send } from './api.js';
import { announce, bar, button, capital, check, choice, code, dialog, field, held, html, resource, typing, view } from './parts.js';

let described;
// What a route takes, by paths; what `more` adds comes first.
async function members(path, method, more) {
  described ??= await send('../admin/api/openapi.json').then(it => it.json());
  const { properties } = described.paths[`/admin/api${path}`][method].requestBody.content['application/json'].schema;
  const own = Object.entries(properties).map(([name, it]) => [name, { ...it, ...more[name] }]);
  return [...Object.entries(more).filter(([name]) => !properties[name]), ...own]
    .flatMap(([name, it]) => it.properties ? Object.entries(it.properties).map(([inner, it]) => [`${name}.${inner}`, it]) : [[name, it]]);
}

const shown = (it, value) => it.choices || it.type === 'boolean' ? value : value == null ? '' : it.items ? value.join('\n') : it.additionalProperties ? Object.entries(value).map(pair => pair.join(' = ')).join('\n') : `${value}`;
// What a field means; what fits no type the service refuses.
function meant(it, shown) {
  const lines = typeof shown === 'string' ? shown.split('\n').map(line => line.trim()).filter(Boolean) : [''];
  const may = type => [it.type].flat().includes(type);
  return !lines.length && may('null') ? null
    : it.choices ? shown
    : it.items ? lines
    : it.additionalProperties ? Object.fromEntries(lines.map(line => line.split(/\s*=\s*(.*)/s)))
    : may('integer') && /^\d+$/.test(shown) ? Number(shown) : shown;
}

function input(path, it, value, set, fault) {
  const label = it.title || capital(path.split('.').at(-1)).replaceAll('_', ' ');
  const told = it.description?.replace(/; (null|absent) for /, '; empty: ').split('`').map((part, at) => at % 2 ? code(part) : part);
  if (it.type === 'boolean') return check(value, set, html`<span>${label} <small>${told}</small></span>`);
  if (it.choices && it.items) return html`<fieldset><legend>${label}</legend>${it.choices.map(one => check(value.includes(one.name), on => set(on ? [...value, one.name] : value.filter(it => it !== one.name)), one.name, one.meaning))}${fault && html`<span class="fault">${fault}</span>`}</fieldset>`;
  const lines = it.items ? ' One a line.' : it.additionalProperties && ' One a line, such as company = Acme.';
  return field(path, label, [told, lines], fault, more => it.choices ? choice(value, it.choices.map(one => [one.id, one.name]), set, more)
    : lines ? html`<textarea rows="2" ...${more} value=${value} onInput=${typing(set)}></textarea>`
    : html`<input type=${it.format === 'password' ? 'password' : 'text'} ...${more} value=${value} onInput=${typing(set)} />`);
}

const begun = form => form?.querySelector('input, select, textarea').focus();

// A form of what a route takes, to change `it`. What was not touched is not sent.
export const Form = view(({ path, method = 'post', it = {}, more = {} }) => {
  const known = resource(() => members(path, method, more));
  const [touched, failed] = [held({}), held(null)];
  return ({ title, save, close }) => dialog(title, close, known.part(all => {
    const value = ([path, member]) => touched()[path] ?? shown(member, path.split('.').reduce((value, name) => value?.[name], it) ?? member.default);
    const faults = failed()?.faults || [];
    const of = path => faults.filter(it => it.member === path || it.member.startsWith(`${path}.`) || it.member.startsWith(`${path}[`));
    const rest = faults.filter(it => !all.some(([path]) => of(path).includes(it)));
    const send = event => {
      event.preventDefault();
      const body = {};
      for (const one of all.filter(([path]) => path in touched())) {
        const [name, inner] = one[0].split('.');
        const it = meant(one[1], value(one));
        body[name] = inner ? { ...body[name], [inner]: it } : it;
      }
      save(body).then(() => { close(); announce('Saved'); }, failed);
    };
    return html`<form class="form" ref=${begun} onSubmit=${send}>${all.map(one => input(...one, value(one), to => touched({ ...touched(), [one[0]]: to }), of(one[0]).map(it => it.message).join('; ')))}
      ${failed() && html`<div role="alert">${(faults.length ? rest : [failed()]).map(it => html`<p class="fault">${it.message}</p><p>${it.hint}</p>`)}</div>`}
      ${bar(html`<button class="main">Save</button>`, button('Leave it', close))}</form>`;
  }));
});
