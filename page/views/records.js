// Tenants, their tokens and databases.

import { ask } from '../api.js';
import { Form } from '../form.js';
import { act, announce, b, bar, button, code, codes, command, confirm, counted, day, dialog, empty, fault, filter, head, held, html, link, listed, moment, number, resource, small, some, state, together, view, warning } from '../parts.js';

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
      [it.models ? some(it.models) || 'no model' : 'all of its tenant', rules(it.rows)], bounds(it.limits), it.expires_at ? day(it.expires_at) : 'never', it.last_used_at ? moment(it.last_used_at) : '–',
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
