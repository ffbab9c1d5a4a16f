// Tenants, their tokens and databases.

import { ask, send } from '../api.js';
import { act, announce, b, bar, button, capital, check, choice, code, codes, command, confirm, counted, day, dialog, empty, fault, field, filter, head, held, html, link, listed, moment, number, resource, small, some, state, together, typing, view, warning } from '../parts.js';

const bounds = it => some(it.rate_limit && `${number(it.rate_limit)} a window`, it.rows_per_day && `${number(it.rows_per_day)} rows a day`) || '–';
const rules = all => all.map(it => small(code(it)));
const named = all => some(all.map(it => it.name)) || '–';

const records = (kind, place, others, draw) => view(() => {
  const all = resource(() => together(ask, `/${kind}s`, ...others));
  const [form, words] = [held(null), filter()];
  const path = it => `/${kind}s/${it.id}`;
  const change = (it, body) => ask(path(it), body, 'PATCH').then(all.again);
  const sure = (it, what, text, then, no) => act(what, it.name, () => confirm(`${what} ${it.name}?`, text, `${what} it`, then), no);
  const drawn = draw({
    path, change, sure, again: all.again,
    edit: (it, more) => act('Change', it.name, () => form({ title: `Change ${it.name}`, path: `/${kind}s/{${kind}}`, method: 'patch', it, more, save: body => change(it, body) })),
    remove: (it, text = '') => sure(it, 'Remove', `The ${kind} ${some(it.name, it.tenant && `of ${it.tenant}`)} is removed for good. ${text}`, () => ask(path(it), undefined, 'DELETE').then(all.again), true),
  });
  return () => all.show(data => {
    const { heads, said, cells, none, more, tenants, fields, made } = drawn(...data);
    const [records, [first] = []] = [data[0], tenants];
    const make = () => form({
      title: `A new ${kind}`, path: place, more: { ...(first && { tenant: { type: 'string', description: 'Whose it is.', default: first.id, choices: tenants } }), ...fields },
      save: ({ tenant = first?.id, ...body }) => ask(place.replace('{tenant}', tenant), body).then(it => { form(null); made?.(it); return all.again(); }),
    });
    const lacks = tenants && !first;
    return [
      head(records.length ? [b(counted(records.length, kind)), said] : none, !lacks && button(`New ${kind}`, make)),
      records.length ? [bar(words.field()), listed([...heads, ''], records.filter(words.fits), cells)]
        : empty(lacks ? html`Each ${kind} belongs to a tenant, and there is none. <a href="#/tenants">Make a tenant</a>` : `No ${kind} yet.`),
      form() && html`<${Form} ...${form()} close=${() => form(null)} />`, more,
    ];
  });
});

export const Tenants = records('tenant', '/tenants', ['/tokens', '/databases'], ({ edit, remove }) => (_, tokens, databases) => ({
  heads: ['Tenant', '~Rows', '~Databases', '~Tokens', '~Limits'],
  none: 'Whom databases and tokens of the store belong to. Make one, give it a database, then a token.',
  said: ', each with databases and tokens of its own. What its rules leave out none of its tokens sees.',
  cells: it => [
    [b(it.name), small(it.description), !it.active && state('not active', true)], it.rows.length ? rules(it.rows) : 'every row',
    ...[databases, tokens].map(all => named(all.filter(one => one.tenant_id === it.id))), bounds(it.limits), [edit(it), remove(it, 'Its databases and tokens go with it.')],
  ],
}));

export const Tokens = records('token', '/tenants/{tenant}/tokens', ['/tenants', '/scopes'], ({ again, edit, remove, sure, path, change }) => {
  const made = held(null);
  const have = () => made(null);
  const rotate = it => ask(`${path(it)}/rotate`, { overlap_seconds: 3_600 }).then(made).then(again);
  return (tokens, tenants, scopes) => ({
    tenants, made, fields: { scopes: { choices: scopes } },
    heads: ['Token', '~May', '~Sees', '~Limits', '~Ends', '~Last used'],
    none: 'What clients of a tenant are let in by.',
    said: [' of the store, ', b(tokens.filter(it => it.state === 'active').length), ' of them active. What is taken from one is in force at once.'],
    cells: it => [
      [b(it.name), html`<small>${it.tenant}, <span class="tail">…${it.suffix}</span></small>`, state(it.state, it.state !== 'active')],
      [some(it.scopes), small(it.tools && `by ${some(it.tools)} alone`), Object.entries(it.attributes).map(pair => small(pair.join(' = ')))],
      [it.models ? some(it.models) || 'no model' : 'all of its tenant', rules(it.rows)], bounds(it.limits), it.expires_at ? html`<time>${day(it.expires_at)}</time>` : 'never', it.last_used_at ? moment(it.last_used_at) : '–',
      [link(`#/exposure?token=${it.id}`, 'Sees what?', it.name), edit(it, { scopes: { choices: scopes } }),
        sure(it, 'Rotate', 'It gets another secret. The one before is let in for an hour more.', () => rotate(it)),
        it.active ? sure(it, 'Revoke', 'It lets nobody in from now on, and its sockets close.', () => change(it, { active: false })) : act('Let in again', it.name, () => change(it, { active: true })), remove(it)],
    ],
    more: made() && dialog('The token', have, html`<p>The token ${b(made().name)} of ${made().tenant}. It is shown this once, and kept nowhere.</p>
      ${command(made().token)}${bar(html`<button class="main" autofocus onClick=${have}>I have it</button>`)}`),
  });
});

export const Databases = records('database', '/tenants/{tenant}/databases', ['/tenants'], ({ edit, remove, path }) => {
  const looks = held({});
  const note = (it, look) => looks({ ...looks(), [it.id]: look });
  const test = async it => {
    note(it, {});
    const look = await ask(`${path(it)}/test`, undefined, 'POST').catch(error => ({ error }));
    note(it, look);
    announce(`${it.name} ${look.answers ? 'answers' : 'does not answer'}`);
  };
  const looked = ({ error, answers, fault: away, models, hidden, missing, warnings }) => error ? fault(error)
    : answers === undefined ? 'One moment …' : !answers ? [state('does not answer', true), warning(away)]
    : [state('answers'), ' ', some(models.map(it => `${it.name} (${counted(it.fields, 'field')})`), `${hidden} hidden`), missing.map(it => warning({ what: it.name, help: it.reason })), warnings.map(warning)];
  return (_, tenants) => ({
    tenants, heads: ['Database', '~Models', '~Hidden', '~Revealed'],
    none: 'What the tokens of a tenant read.',
    said: ' of tenants. Their URLs are sealed, and shown to nobody.',
    cells: it => ({
      cells: [
        [b(it.name), small(`${it.tenant}, ${it.place}`), it.fault && html`<span class="fault">${it.fault}</span>`], codes(it.models.split(',')), it.hidden || '–', it.reveal || '–',
        [act('Test', it.name, () => test(it)), edit(it), remove(it, 'The database itself is not touched.')],
      ],
      more: looks()[it.id] && looked(looks()[it.id]),
    }),
  });
});

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
    : html`<input type=${it.format} ...${more} value=${value} onInput=${typing(set)} />`);
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
