// Tenants, their tokens and databases: looked at, made, changed and taken away.

import { ask } from '../api.js';
import { Form } from '../form.js';
import { act, announce, codes, command, confirm, counted, day, dialog, empty, fault, filter, head, html, moment, number, resource, signal, some, state, table, view, warning } from '../parts.js';

const bounds = it => some(it.rate_limit && `${number(it.rate_limit)} a window`, it.rows_per_day && `${number(it.rows_per_day)} rows a day`) || '–';
const rules = all => all.map(it => html`<small><code>${it}</code></small>`);
const named = all => some(all.map(it => it.name)) || '–';

/** Records of one kind: where they are made, how they are listed, and what can be done with one. */
function records(kind, place, others, draw) {
  return view(() => {
    const all = resource(() => Promise.all([`/${kind}s`, ...others].map(it => ask(it))));
    const [form, words] = [signal(null), filter()];
    const path = it => `/${kind}s/${it.id}`;
    const change = (it, body) => ask(path(it), body, 'PATCH');
    const sure = (it, what, text, then, no) => act(what, it.name, () => confirm(`${what} ${it.name}?`, text, `${what} it`, () => Promise.resolve(then()).then(all.again)), no);
    const tools = {
      path, change, sure, again: all.again,
      edit: (it, more) => act('Change', it.name, () => { form.value = { title: `Change ${it.name}`, path: `/${kind}s/{${kind}}`, method: 'patch', it, more, save: body => change(it, body).then(all.again) }; }),
      remove: (it, text = '') => sure(it, 'Remove', `The ${kind} ${some(it.name, it.tenant && `of ${it.tenant}`)} is removed for good. ${text}`, () => ask(path(it), undefined, 'DELETE'), true),
    };
    const drawn = draw(tools);
    return () => all.show(data => {
      const { heads, said, cells, none, more, tenants, fields, made } = drawn(...data);
      const make = () => {
        const [first] = tenants || [];
        form.value = {
          title: `A new ${kind}`, path: place, more: { ...(first && { tenant: { type: 'string', description: 'Whose it is.', default: first.id, choices: tenants } }), ...fields },
          save: ({ tenant = first?.id, ...body }) => ask(place.replace('{tenant}', tenant), body).then(it => { form.value = null; made?.(it); return all.again(); }),
        };
      };
      return [
        head(data[0].length ? html`<b>${counted(data[0].length, kind)}</b>${said}` : none, tenants?.length !== 0 && html`<button onClick=${make}>New ${kind}</button>`),
        data[0].length ? html`<div class="bar">${words.field()}</div><div class="gap">${table([...heads, ''], data[0].filter(words.fits), cells)}</div>`
          : empty(tenants?.length === 0 ? html`Each ${kind} belongs to a tenant, and there is none. <a href="#/tenants">Make a tenant</a>` : `No ${kind} yet.`),
        form.value && html`<${Form} ...${form.value} close=${() => { form.value = null; }} />`, more,
      ];
    });
  });
}

export const Tenants = records('tenant', '/tenants', ['/tokens', '/databases'], ({ edit, remove }) => (_, tokens, databases) => ({
  heads: ['Tenant', '~Rows', '~Databases', '~Tokens', '~Limits'],
  none: 'Whom databases and tokens of the store belong to. Make one, give it a database, then a token.',
  said: ', each with databases and tokens of its own. Rows that its rules leave out none of its tokens sees.',
  cells: it => [
    html`<b>${it.name}</b><small>${it.description}</small>${!it.active && state('not active', true)}`, it.rows.length ? rules(it.rows) : 'every row',
    ...[databases, tokens].map(all => named(all.filter(one => one.tenant_id === it.id))), bounds(it.limits), [edit(it), remove(it, 'Its databases and tokens go with it.')],
  ],
}));

export const Tokens = records('token', '/tenants/{tenant}/tokens', ['/tenants', '/scopes'], ({ again, edit, remove, sure, path, change }) => {
  const made = signal(null);
  const have = () => { made.value = null; };
  const show = token => { made.value = token; };
  const rotate = it => ask(`${path(it)}/rotate`, { overlap_seconds: 3_600 }).then(show);
  return (tokens, tenants, scopes) => ({
    tenants, made: show, fields: { scopes: { choices: scopes } },
    heads: ['Token', '~May', '~Sees', '~Limits', '~Ends', '~Last used'],
    none: 'What clients of a tenant are let in by.',
    said: html` of the store, <b>${tokens.filter(it => it.state === 'active').length}</b> of them active. What is taken from one is in force at once.`,
    cells: it => [
      html`<b>${it.name}</b><small>${it.tenant}, <span class="tail">…${it.suffix}</span></small>${state(it.state, it.state !== 'active')}`,
      html`${some(it.scopes)}<small>${it.tools && `by ${some(it.tools)} alone`}</small>${Object.entries(it.attributes).map(pair => html`<small>${pair.join(' = ')}</small>`)}`,
      html`${it.models ? some(it.models) || 'no model' : 'all of its tenant'}${rules(it.rows)}`, bounds(it.limits), it.expires_at ? day(it.expires_at) : 'never', moment(it.last_used_at),
      [html`<a href=${`#/exposure?token=${it.id}`}>Sees what?<span class="away"> ${it.name}</span></a>`, edit(it, { scopes: { choices: scopes } }),
        sure(it, 'Rotate', 'It gets another secret. The one before is let in for an hour more.', () => rotate(it)),
        it.active ? sure(it, 'Revoke', 'It lets nobody in from now on, and its sockets close.', () => change(it, { active: false })) : act('Let in again', it.name, () => change(it, { active: true }).then(again)), remove(it)],
    ],
    more: made.value && dialog('The token', have, html`<p>The token <b>${made.value.name}</b> of ${made.value.tenant}. It is shown this once, and kept nowhere.</p>
      ${command(made.value.token)}<div class="bar"><button class="main" autofocus onClick=${have}>I have it</button></div>`),
  });
});

export const Databases = records('database', '/tenants/{tenant}/databases', ['/tenants'], ({ edit, remove, path }) => {
  const looks = signal({});
  const test = async it => {
    looks.value = { ...looks.value, [it.id]: {} };
    const look = await ask(`${path(it)}/test`, undefined, 'POST').catch(error => ({ error }));
    looks.value = { ...looks.value, [it.id]: look };
    announce(`${it.name} ${look.answers ? 'answers' : 'does not answer'}`);
  };
  const looked = ({ error, answers, fault: away, models, hidden, missing, warnings }) => error ? fault(error)
    : answers === undefined ? 'One moment …' : !answers ? [state('does not answer', true), warning(away)]
    : html`${state('answers')} ${some(models.map(it => `${it.name} (${counted(it.fields, 'field')})`), `${hidden} hidden`)}${missing.map(it => warning({ what: it.name, help: it.reason }))}${warnings.map(warning)}`;
  return (_, tenants) => ({
    tenants, heads: ['Database', '~Models', '~Hidden', '~Revealed'],
    none: 'What the tokens of a tenant read.',
    said: ' of tenants. Their URLs are sealed, and shown to nobody.',
    cells: it => ({
      cells: [
        html`<b>${it.name}</b><small>${it.tenant}, ${it.place}</small>${it.fault && html`<span class="fault">${it.fault}</span>`}`, codes(it.models.split(',')), it.hidden || '–', it.reveal || '–',
        [act('Test', it.name, () => test(it)), edit(it), remove(it, 'The database itself is not touched.')],
      ],
      more: looks.value[it.id] && looked(looks.value[it.id]),
    }),
  });
});
