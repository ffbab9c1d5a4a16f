// What is exposed, what is hidden by which rule, and what of it a token sees.

import { html, signal, view } from '../lib.js';
import { ask, role, secret } from '../api.js';
import { Check, Choice, Codes, Copy, Empty, Head, Part, Search, Sub, Table, counted, resource, some } from '../parts.js';
import { Wire, asToken } from '../wire.js';

/** What a client's token sees, as its own describe tells it. */
async function described() {
  const wire = new Wire(secret());
  const { answer } = await wire.ask({ action: 'describe' });
  const models = [];
  for (const it of answer.data) {
    const { answer: one } = await wire.ask({ action: 'describe', model: it.model || it.name });
    models.push({ name: it.model || it.name, rows: [], fields: one.data.fields || one.data, hidden: [] });
  }
  wire.close();
  return [[{ place: '', models, missing: [] }], [], [], [], {}];
}

/** What would hide a field: a line of the configuration, or a command. */
function hides(database, name, lists) {
  const all = [lists.get(database.id), name].filter(Boolean).join(',');
  return database.id ? `lucarne database update ${database.id} --hidden '${all}'` : `MCP_HIDDEN_FIELDS=${all}`;
}

const mark = it => !it ? html`<span class="quiet">– not there</span>` : html`<span class=${it.allowed ? 'yes' : 'no'}>${it.allowed ? '✓ yes' : `✕ ${it.why}`}</span>`;
const rules = it => !it ? 'not there' : !it.allowed ? it.why : it.rows.map(({ rule, of }) => `${rule} (of the ${of})`).join(' and ') || 'every row';

/** What is left to one token. */
const Seen = ({ access }) => html`<p class=${access.lets_in.allowed ? '' : 'fault'}>${access.token} of ${access.tenant} ${access.lets_in.allowed ? 'is' : 'is not'} let in: ${access.lets_in.why}.</p>
  <${Table} heads=${['It may, or sees', 'Whether', 'Which rows']} rows=${[
    ...access.actions.map(it => [it.name, html`${mark(it)}<${Sub}>${it.allowed && it.why}<//>`, '']),
    ...access.models.map(it => [html`<code>${it.name}</code>`, it.allowed ? html`<span class="yes">✓ ${counted(it.fields.filter(one => one.allowed).length, 'field')} of ${it.fields.length}</span>` : mark(it), it.allowed ? rules(it) : '']),
  ]} />`;

/** Two tokens, field by field. */
const Compared = view(() => {
  const [counts, alone] = [signal({}), signal(true)];
  const count = async (names, ids) => {
    for (const name of names) {
      const both = ids.map(id => asToken(id, { action: 'query', model: name, params: { aggregate: { n: { $count: '*' } } } }).then(({ answer }) => answer.data?.[0]?.n ?? answer.code, error => error.code));
      counts.value = { ...counts.value, [name]: await Promise.all(both) };
    }
  };
  return ({ both, ids, reads }) => {
    const names = [...new Set(both.flatMap(it => it.models.map(one => one.name)))];
    const lines = both[0].actions.map((it, at) => [it.name, it, both[1].actions[at]]).map(([name, ...two]) => [name, ...two.map(mark), two[0].allowed !== two[1]?.allowed]);
    for (const name of names) {
      const two = both.map(it => it.models.find(one => one.name === name));
      const told = two.map(rules);
      lines.push([html`<b>${name}</b>`, ...told.map((it, at) => html`${it}${counts.value[name] && html`<${Sub}>${counts.value[name][at]} rows<//>`}`), told[0] !== told[1]]);
      for (const field of new Set(two.flatMap(it => it?.fields.map(one => one.name) || []))) {
        const each = two.map(it => it?.fields.find(one => one.name === field));
        lines.push([html`<code>${name}.${field}</code>`, ...each.map(mark), each[0]?.allowed !== each[1]?.allowed]);
      }
    }
    const differ = lines.filter(it => it[3]);
    return html`<div class="bar"><${Check} on=${alone.value} change=${on => { alone.value = on; }}>Only what differs<//><span class="quiet">${counted(differ.length, 'difference')} in ${counted(lines.length, 'line')}</span>
      ${reads && html`<button onClick=${() => count(names, ids)}>Count the rows of each</button>`}</div>
    ${alone.value && !differ.length ? html`<${Empty}><p>They may and see the same.</p><//>`
      : html`<${Table} heads=${['What', ...both.map(it => `~${it.tenant} / ${it.token}`)]} rows=${(alone.value ? differ : lines).map(it => it.slice(0, 3))} />`}`;
  };
});

export const Exposure = view(({ query }) => {
  const wanted = new URLSearchParams(query);
  const text = signal('');
  const ids = signal([wanted.get('token') || '', wanted.get('against') || '']);
  const known = resource(() => role.value === 'client' ? described() : Promise.all([...['/exposed', '/tokens', '/config', '/databases', '/service'].map(it => ask(it))]));
  const seen = signal(null);
  const look = () => { const chosen = ids.value.filter(Boolean); seen.value = chosen.length ? resource(() => Promise.all(chosen.map(id => ask(`/tokens/${id}/access`)))) : null; };
  look();
  return () => known.show(([databases, tokens, settings, records, service]) => {
    const models = databases.flatMap(it => it.models);
    const hidden = models.flatMap(it => it.hidden).length;
    const lists = new Map([[null, settings.find(it => it.name === 'MCP_HIDDEN_FIELDS')?.value], ...records.map(it => [it.id, it.hidden])]);
    const words = text.value.toLowerCase();
    const fits = (...texts) => texts.some(it => it?.toLowerCase().includes(words));
    const pick = at => html`<label>${at ? 'against' : 'Token'} <${Choice} value=${ids.value[at]} all=${[['', '–'], ...tokens.map(it => [it.id, `${it.tenant} / ${it.name}${it.state === 'active' ? '' : ` (${it.state})`}`])]} change=${id => { ids.value = ids.value.with(at, id); look(); }} /></label>`;
    return html`<${Head}><b>${counted(models.length, 'model')}</b> with <b>${counted(models.flatMap(it => it.fields).length, 'field')}</b> ${models.length === 1 ? 'is' : 'are'} shown${databases.length > 1 ? ` of ${counted(databases.length, 'database')}` : ''}${hidden ? html`, <b>${counted(hidden, 'field')}</b> ${hidden === 1 ? 'is' : 'are'} hidden, each by the rule beside it` : ''}.<//>
    ${tokens.length > 0 && html`<${Part} title="What a token sees" tools=${html`${pick(0)}${pick(1)}`}>
      ${!seen.value ? html`<p class="quiet">Choose one, to see what of all this is left to it, and a second one to compare them field by field.</p>`
        : seen.value.part(both => both[1] ? html`<${Compared} both=${both} ids=${ids.value} reads=${service.reads} />` : html`<${Seen} access=${both[0]} />`)}<//>`}
    <${Part} title="By database" tools=${html`<${Search} of=${text} />`}>
    ${!models.length && !databases.some(it => it.fault) && html`<${Empty}><p>Nothing is exposed: the whitelist of each database (MCP_ALLOWED_MODELS for the service's own) says what would be.</p><//>`}
    ${databases.map(database => html`${(database.name || databases.length > 1) && html`<h3 class="of">${database.name ? `${database.tenant} / ${database.name}` : 'DATABASE_URL'}<small> ${database.place}</small></h3>`}
      ${database.fault && html`<p class="fault gap"><b>${database.name || database.place}</b>: ${database.fault}.</p>`}${database.missing.map(it => html`<p class="warn"><code>${it.name}</code> is not served: ${it.reason}</p>`)}
      ${database.models.map(model => {
        const name = it => `${model.name}.${it.name}`;
        const fields = model.fields.filter(it => fits(name(it), it.type));
        const gone = model.hidden.filter(it => fits(name(it), it.rule));
        return fields.length + gone.length > 0 && html`<details class="sheet model" open=${!!words || models.length < 5}>
          <summary>${model.name}<small> ${some(model.kind, counted(model.fields.length, 'field'), model.hidden.length && `${model.hidden.length} hidden`, model.table !== model.name && model.table)}</small></summary>
          ${model.rows.length > 0 && html`<p class="note">Rows where <${Codes} all=${model.rows} by=" and " /></p>`}
          <${Table} heads=${['Field', 'Type, or what hides it', '']} rows=${[
            ...fields.map(it => [html`<code>${it.name}</code>`, html`${it.type}<${Sub}>${some(it.indexed && 'indexed', it.comment)}<//>`, role.value === 'operator' && html`<${Copy} text=${hides(database, name(it), lists)} label="Copy what hides it" of=${name(it)} />`]),
            ...gone.map(it => ({ class: 'hid', look: ['', 'no'], cells: [html`<code>${it.name}</code>`, `✕ ${it.rule}`, ''] })),
          ]} /></details>`;
      })}`)}<//>`;
  });
});
