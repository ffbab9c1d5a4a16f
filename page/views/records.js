// Tenants, their tokens and databases: looked at, made, changed and taken away.

import { html, signal, view } from '../lib.js';
import { ask } from '../api.js';
import { Check, Choice, Codes, Command, Dialog, Do, Empty, Fault, Field, Head, Search, State, Sub, Table, Warning, announce, confirm, counted, day, moment, number, resource, some } from '../parts.js';

/** What stands between commas, or on lines, for rules hold commas. */
const list = (text, by = ',') => text.split(by).map(it => it.trim()).filter(Boolean);

/** A form in a dialog: parts of name, label, help, value and kind. */
const Form = view(({ parts }) => {
  const values = signal(Object.fromEntries(parts.map(it => [it.name, it.value ?? (it.kind === 'scopes' ? [] : '')])));
  const failed = signal(null);
  return ({ title, save, close }) => {
    const set = (name, value) => { values.value = { ...values.value, [name]: value }; };
    const is = name => it => it.member.replace(/^limits\./, '').split(/[.[]/)[0] === name;
    const faults = failed.value?.faults || [];
    const rest = faults.filter(it => !parts.some(part => is(part.name)(it)));
    return html`<${Dialog} title=${title} close=${close}><form class="form" onSubmit=${async event => {
      event.preventDefault();
      try { await save(values.value); close(); announce('Saved'); } catch (error) { failed.value = error; }
    }}>${parts.map(({ name, label, help, kind, options }) => {
      const [id, value, fault] = [`f-${name}`, values.value[name], faults.filter(is(name)).map(it => it.message).join('; ')];
      const more = { id, value, 'aria-invalid': !!fault, 'aria-describedby': fault && `${id}-fault`, autocomplete: 'off', spellcheck: false, onInput: event => set(name, event.target.value) };
      return kind === 'scopes' ? html`<fieldset><legend>${label}</legend>${options.map(one => html`<${Check} title=${one.meaning} on=${value.includes(one.name)} change=${on => set(name, on ? [...value, one.name] : value.filter(it => it !== one.name))}>${one.name}<//>`)}${fault && html`<span class="fault">${fault}</span>`}</fieldset>`
        : html`<${Field} id=${id} label=${label} help=${help} fault=${fault}>${kind === 'lines' ? html`<textarea rows="2" ...${more}></textarea>` : kind === 'choice' ? html`<${Choice} id=${id} value=${value} all=${options} change=${to => set(name, to)} />` : html`<input type=${kind || 'text'} ...${more} />`}<//>`;
    })}
      ${failed.value && html`<div role="alert">${faults.length ? rest.map(it => html`<p class="fault">${it.message}</p>`) : html`<p class="fault">${failed.value.message}</p><p>${failed.value.hint}</p>`}</div>`}
      <div class="bar"><button class="main" type="submit">Save</button><button type="button" onClick=${close}>Leave it</button></div></form><//>`;
  };
});

const limited = (limits = {}) => [
  { name: 'rate_limit', label: 'Requests in a window', help: 'empty: as the service says', value: limits.rate_limit },
  { name: 'rows_per_day', label: 'Rows in a day', help: 'empty: no limit', value: limits.rows_per_day },
];
/** A number where it is one; what is none the service refuses. */
const limits = held => Object.fromEntries(['rate_limit', 'rows_per_day'].map(name => [name, `${held[name]}`.trim() === '' ? null : /^\d+$/.test(held[name]) ? Number(held[name]) : held[name]]));
/** What is new is sent without what is empty. */
const given = it => Object.fromEntries(Object.entries(it).filter(([, value]) => value !== '' && value !== null && value?.length !== 0));
const bounds = it => some(it.rate_limit && `${number(it.rate_limit)} a window`, it.rows_per_day && `${number(it.rows_per_day)} rows a day`) || '–';
const Rules = ({ all }) => all.map(it => html`<code class="sub">${it}</code>`);

/** Records of one kind: how they are listed, and what a form makes of one. */
function records(kind, others, draw) {
  return view(() => {
    const all = resource(() => Promise.all([`/${kind}s`, ...others].map(it => ask(it))));
    const [form, text] = [signal(null), signal('')];
    const path = it => `/${kind}s/${it.id}`;
    const change = (it, body) => ask(path(it), body, 'PATCH').then(all.again);
    const tools = {
      all, path, change,
      /** Shows the form of a record, or of a new one. */
      edit: (it, parts, save) => { form.value = { title: it ? `Change ${it.name}` : `A new ${kind}`, parts: parts.filter(Boolean), save: held => Promise.resolve(save(held)).then(all.again) }; },
      remove: (it, more) => html`<${Do} no what="Remove" of=${it.name} act=${() => confirm(`Remove ${it.name}?`, `The ${kind} ${some(it.name, it.tenant && `of ${it.tenant}`)} is removed for good. ${more}`, 'Remove it', () => ask(path(it), undefined, 'DELETE').then(all.again))} />`,
      sure: (it, what, text, body) => html`<${Do} what=${what} of=${it.name} act=${() => confirm(`${what}: ${it.name}?`, text, what, () => change(it, body))} />`,
    };
    const drawn = draw(tools);
    return () => all.show(data => {
      const { heads, said, rows, make, empty, more } = drawn(...data);
      const fits = it => !text.value || JSON.stringify(it).toLowerCase().includes(text.value.toLowerCase());
      return html`<${Head} state=${make && html`<button onClick=${make}>New ${kind}</button>`}>${said}<//>
        ${data[0].length ? html`<div class="bar"><${Search} of=${text} /></div><div class="gap"><${Table} heads=${heads} rows=${data[0].filter(fits).flatMap(rows)} /></div>` : html`<${Empty}><p>${empty}</p><//>`}
        ${form.value && html`<${Form} ...${form.value} close=${() => { form.value = null; }} />`}${more}`;
    });
  });
}

const first = html`No tenant yet, and each belongs to one. <a href="#/tenants">Make a tenant</a>`;
const whose = tenants => ({ name: 'tenant', label: 'Tenant', kind: 'choice', value: tenants[0]?.id, options: tenants.map(it => [it.id, it.name]) });

export const Tenants = records('tenant', ['/tokens', '/databases'], ({ edit, remove, sure, path }) => {
  const make = it => edit(it, [
    { name: 'name', label: 'Name', value: it?.name }, { name: 'description', label: 'Description', value: it?.description },
    { name: 'rows', label: 'Rows', help: 'a rule a line, such as tickets.company_id = 42', kind: 'lines', value: it?.rows.join('\n') }, ...limited(it?.limits),
  ], held => {
    const body = { name: held.name, description: held.description, rows: list(held.rows, '\n'), limits: limits(held) };
    return it ? ask(path(it), body, 'PATCH') : ask('/tenants', { ...given(body), limits: given(body.limits) });
  });
  return (tenants, tokens, databases) => ({
    make: () => make(null), heads: ['Tenant', '~Rows', '~Databases', '~Tokens', '~Limits', ''], empty: 'No tenant yet. Make one, give it a database, then a token.',
    said: tenants.length ? html`<b>${counted(tenants.length, 'tenant')}</b>, each with databases and tokens of its own. Rows that its rules leave out none of its tokens sees.` : 'Whom databases and tokens of the store belong to.',
    rows: it => [{ key: it.id, look: ['who'], cells: [
      html`${it.name}<${Sub}>${it.description}<//>${!it.active && html`<${State} no>not active<//>`}`, it.rows.length ? html`<${Rules} all=${it.rows} />` : 'every row',
      ...[databases, tokens].map(all => some(all.filter(one => one.tenant_id === it.id).map(one => one.name)) || '–'), bounds(it.limits),
      html`<${Do} what="Change" of=${it.name} act=${() => make(it)} />${sure(it, it.active ? 'Switch off' : 'Switch on', it.active ? 'None of its tokens is let in until it is switched on again.' : 'Its tokens are let in again.', { active: !it.active })}${remove(it, 'Its databases and tokens go with it.')}`] }],
  });
});

export const Tokens = records('token', ['/tenants', '/scopes'], ({ all, edit, remove, sure, path, change }) => {
  const made = signal(null);
  const make = (it, tenants, scopes) => edit(it, [
    !it && whose(tenants), { name: 'name', label: 'Name', value: it?.name },
    { name: 'scopes', label: 'What it may do', kind: 'scopes', value: it?.scopes || ['describe', 'read'], options: scopes },
    { name: 'models', label: 'Models', help: 'a comma list; empty: all of its tenant', value: it?.models?.join(', ') },
    { name: 'tools', label: 'Tools', help: 'a comma list; empty: all that its scopes allow', value: it?.tools?.join(', ') },
    { name: 'rows', label: 'Rows', help: 'a rule a line, beside those of its tenant', kind: 'lines', value: it?.rows.join('\n') },
    { name: 'expires_at', label: 'Ends on', help: 'empty: never', kind: 'date', value: it?.expires_at?.slice(0, 10) }, ...limited(it?.limits),
  ], async held => {
    const either = text => list(text).length ? list(text) : null;
    const body = { name: held.name, scopes: held.scopes, models: either(held.models), tools: either(held.tools), rows: list(held.rows, '\n'), expires_at: held.expires_at || null, limits: limits(held) };
    if (it) await ask(path(it), body, 'PATCH');
    else made.value = await ask(`/tenants/${held.tenant}/tokens`, { ...given(body), scopes: body.scopes, limits: given(body.limits) });
  });
  const rotate = it => confirm(`Rotate ${it.name}?`, 'It gets another secret. The one before is let in for an hour more.', 'Rotate it', async () => { made.value = await ask(`${path(it)}/rotate`, { overlap_seconds: 3_600 }); await all.again(); });
  return (tokens, tenants, scopes) => ({
    make: tenants.length > 0 && (() => make(null, tenants, scopes)), heads: ['Token', '~May', '~Sees', '~Limits', '~Ends', '~Last used', ''], empty: tenants.length ? 'No token yet.' : first,
    said: tokens.length ? html`<b>${counted(tokens.length, 'token')}</b> of the store, <b>${tokens.filter(it => it.state === 'active').length}</b> of them active. What is taken from one is in force at once.` : 'What clients of a tenant are let in by.',
    rows: it => [{ key: it.id, look: ['who', '', '', '', 'tail'], cells: [
      html`${it.name}<${Sub}>${it.tenant}, <span class="tail">…${it.suffix}</span><//><${State} no=${it.state !== 'active'}>${it.state}<//>`, html`${some(it.scopes)}<${Sub}>${it.tools && `by ${some(it.tools)} alone`}<//>`,
      html`${it.models ? some(it.models) || 'no model' : 'all of its tenant'}<${Rules} all=${it.rows} />`, bounds(it.limits), it.expires_at ? day(it.expires_at) : 'never', moment(it.last_used_at),
      html`<a href=${`#/exposure?token=${it.id}`}>Sees what?<span class="away"> ${it.name}</span></a><${Do} what="Change" of=${it.name} act=${() => make(it, tenants, scopes)} /><${Do} what="Rotate" of=${it.name} act=${() => rotate(it)} />
        ${it.active ? sure(it, 'Revoke', 'It lets nobody in from now on, and its sockets close.', { active: false }) : html`<${Do} what="Let in again" of=${it.name} act=${() => change(it, { active: true })} />`}${remove(it, '')}`] }],
    more: made.value && html`<${Dialog} title="The token" close=${() => { made.value = null; }}><p>The token <b>${made.value.name}</b> of ${made.value.tenant}. It is shown this once, and kept nowhere.</p>
      <${Command} text=${made.value.token} /><div class="bar"><button class="main" autofocus onClick=${() => { made.value = null; }}>I have it</button></div><//>`,
  });
});

export const Databases = records('database', ['/tenants'], ({ edit, remove, path }) => {
  const looks = signal({});
  const test = async it => {
    looks.value = { ...looks.value, [it.id]: {} };
    const look = await ask(`${path(it)}/test`, undefined, 'POST').catch(error => ({ error }));
    looks.value = { ...looks.value, [it.id]: look };
    announce(`${it.name} ${look.answers ? 'answers' : 'does not answer'}`);
  };
  const make = (it, tenants) => edit(it, [
    !it && whose(tenants), { name: 'name', label: 'Name', value: it?.name },
    { name: 'url', label: 'URL', help: it ? 'empty: as it is; it is never shown' : 'sealed, and never shown again', kind: 'password' },
    { name: 'models', label: 'Models', help: 'a comma list: name, schema.name or alias=schema.name', value: it?.models },
    { name: 'hidden', label: 'Hidden', help: 'more sensitive fields: field or model.field, with *', value: it?.hidden },
    { name: 'reveal', label: 'Revealed', help: 'fields that a built-in rule hides wrongly: model.field', value: it?.reveal },
    { name: 'relations', label: 'Relations', help: 'keys that it does not tell of: model.field=model.field', value: it?.relations },
  ], ({ tenant, url, ...rest }) => it ? ask(path(it), url ? { ...rest, url } : rest, 'PATCH') : ask(`/tenants/${tenant}/databases`, { ...rest, url }));
  const Look = ({ look: { error, answers, fault, models, hidden, missing, warnings } }) => error ? html`<${Fault} error=${error} />`
    : answers === undefined ? 'One moment …' : !answers ? html`<${State} no>does not answer<//> <${Warning} it=${fault} />`
    : html`<${State}>answers<//> ${some(models.map(it => `${it.name} (${counted(it.fields, 'field')})`), `${hidden} hidden`)}${missing.map(it => html`<${Warning} it=${{ what: it.name, help: it.reason }} />`)}${warnings.map(it => html`<${Warning} it=${it} />`)}`;
  return (databases, tenants) => ({
    make: tenants.length > 0 && (() => make(null, tenants)), heads: ['Database', '~Models', '~Hidden', '~Revealed', ''], empty: tenants.length ? 'No database yet.' : first,
    said: databases.length ? html`<b>${counted(databases.length, 'database')}</b> of tenants. Their URLs are sealed, and shown to nobody.` : 'What the tokens of a tenant read.',
    rows: it => [{ key: it.id, look: ['who'], cells: [
      html`${it.name}<${Sub}>${it.tenant}, ${it.place}<//>${it.fault && html`<span class="fault">${it.fault}</span>`}`, html`<${Codes} all=${list(it.models)} />`, it.hidden || '–', it.reveal || '–',
      html`<${Do} what="Test" of=${it.name} act=${() => test(it)} /><${Do} what="Change" of=${it.name} act=${() => make(it, tenants)} />${remove(it, 'The database itself is not touched.')}`] },
      looks.value[it.id] && { key: `look-${it.id}`, whole: html`<${Look} look=${looks.value[it.id]} />` }],
  });
});
