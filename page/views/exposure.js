// What is exposed, what is hidden by which rule, and what of it a token sees.

import { ask, role, secret } from '../api.js';
import { are, check, choice, codes, copy, counted, empty, filter, head, html, part, resource, signal, some, table, view } from '../parts.js';
import { Wire, asToken } from '../wire.js';

/** What a client's token sees, as its own describe tells it. */
async function described() {
  const wire = new Wire(secret());
  const models = [];
  for (const { model, name = model } of (await wire.ask({ action: 'describe' })).answer.data) {
    const { data } = (await wire.ask({ action: 'describe', model: name })).answer;
    models.push({ name, rows: [], fields: data.fields || data, hidden: [] });
  }
  wire.close();
  return [[{ place: '', models, missing: [] }], [], [], [], {}];
}

const mark = it => !it ? html`<small>– not there</small>` : it.allowed ? html`<span class="yes">✓ yes</span><small>${it.why}</small>` : html`<span class="no">✕ ${it.why}</span>`;
const rules = it => !it ? 'not there' : !it.allowed ? it.why : it.rows.map(({ rule, of }) => `${rule} (of the ${of})`).join(' and ') || 'every row';
/** What a token is compared with where no other one is chosen. */
const ALL = { allowed: true, rows: [] };

/** What is left to a token, or to two of them, action by action, model by model, field by field. */
const Seen = view(() => {
  const [counts, alone] = [signal({}), signal(true)];
  const count = async (names, ids) => {
    for (const name of names) {
      const each = ids.map(id => asToken(id, { action: 'query', model: name, params: { aggregate: { n: { $count: '*' } } } }).then(({ answer }) => answer.status === 'ok' ? counted(answer.data[0].n, 'row') : `not counted: ${answer.code}`, error => error.message));
      counts.value = { ...counts.value, [name]: await Promise.all(each) };
    }
  };
  return ({ tokens, ids, reads }) => {
    const named = (all, name) => all?.find(it => it.name === name);
    const names = of => [...new Set(tokens.flatMap(it => of(it).map(one => one.name)))];
    /** What is told of each, and whether it is the same of both. */
    const line = (what, each, told = it => it?.allowed, draw = mark) => ({ what, cells: each.map(draw), differs: told(each[0]) !== told(each.length > 1 ? each[1] : ALL) });
    const lines = [
      ...['actions', 'tools'].flatMap(kind => names(it => it[kind]).map(name => line(name, tokens.map(it => named(it[kind], name))))),
      ...names(it => it.models).flatMap(name => {
        const models = tokens.map(it => named(it.models, name));
        return [
          line(html`<b>${name}</b>`, models, rules, (it, at) => html`${rules(it)}${counts.value[name] && html`<small>${counts.value[name][at]}</small>`}`),
          ...names(it => named(it.models, name)?.fields || []).map(field => line(html`<code>${name}.${field}</code>`, models.map(it => named(it?.fields, field)))),
        ];
      }),
    ];
    const differ = lines.filter(it => it.differs);
    return html`${tokens.map(({ token, tenant, lets_in: { allowed, why } }) => html`<p class=${allowed ? '' : 'fault'}>${token} of ${tenant} ${allowed ? 'is' : 'is not'} let in: ${why}.</p>`)}
    <div class="bar">${check(alone.value, on => { alone.value = on; }, tokens[1] ? 'Only what differs' : 'Only what is kept back')}<span class="quiet">${differ.length} of ${counted(lines.length, 'line')}</span>
      ${reads && html`<button onClick=${() => count(names(it => it.models), ids)}>Count the rows${tokens[1] && ' of each'}</button>`}</div>
    ${alone.value && !differ.length ? empty(tokens[1] ? 'They may and see the same.' : 'It may and sees everything.') : table(['What', ...tokens.map(it => `~${it.tenant} / ${it.token}`)], alone.value ? differ : lines, it => [it.what, ...it.cells])}`;
  };
});

export const Exposure = view(({ query }) => {
  const wanted = new URLSearchParams(query);
  const words = filter();
  const ids = signal([wanted.get('token') || '', wanted.get('against') || '']);
  const known = resource(() => role.value === 'client' ? described() : Promise.all(['/exposed', '/tokens', '/config', '/databases', '/service'].map(it => ask(it))));
  const access = signal(null);
  const look = () => { const chosen = ids.value.filter(Boolean); access.value = chosen.length ? resource(() => Promise.all(chosen.map(id => ask(`/tokens/${id}/access`)))) : null; };
  look();
  return () => known.show(([databases, tokens, settings, records, { reads }]) => {
    const models = databases.flatMap(it => it.models);
    const hidden = models.flatMap(it => it.hidden).length;
    const pick = at => html`<label>${at ? 'against' : 'Token'} ${choice(ids.value[at], [['', '–'], ...tokens.map(it => [it.id, `${it.tenant} / ${it.name}${it.state === 'active' ? '' : ` (${it.state})`}`])], id => { ids.value = ids.value.with(at, id); look(); })}</label>`;
    /** What would hide a field: a line of the configuration, or a command. */
    const hides = ({ id }, name) => {
      const list = id ? records.find(it => it.id === id)?.hidden : settings.find(it => it.name === 'MCP_HIDDEN_FIELDS')?.value;
      const all = list ? `${list},${name}` : name;
      return id ? `lucarne database update ${id} --hidden '${all}'` : `MCP_HIDDEN_FIELDS=${all}`;
    };
    return [
      head(html`<b>${counted(models.length, 'model')}</b> with <b>${counted(models.flatMap(it => it.fields).length, 'field')}</b> ${are(models.length)} shown${databases.length > 1 && ` of ${counted(databases.length, 'database')}`}${hidden > 0 && html`, <b>${counted(hidden, 'field')}</b> ${are(hidden)} hidden, each by the rule beside it`}.`),
      tokens.length > 0 && part('What a token sees', [pick(0), pick(1)], !access.value ? html`<p class="quiet">Choose one, to see what of all this is left to it, and a second one to compare them field by field.</p>`
        : access.value.part(tokens => html`<${Seen} tokens=${tokens} ids=${ids.value.filter(Boolean)} reads=${reads} />`)),
      part('By database', words.field(), [
        !models.length && !databases.some(it => it.fault) && empty('Nothing is exposed: the whitelist of each database (MCP_ALLOWED_MODELS for the service\'s own) says what would be.'),
        databases.map(database => [
          (database.name || databases.length > 1) && html`<h3 class="of">${database.name ? `${database.tenant} / ${database.name}` : 'DATABASE_URL'}<small> ${database.place}</small></h3>`,
          database.fault && html`<p class="fault gap"><b>${database.name || database.place}</b>: ${database.fault}.</p>`,
          database.missing.map(it => html`<p class="warn"><code>${it.name}</code> is not served: ${it.reason}</p>`),
          database.models.map(model => {
            const fields = [...model.fields, ...model.hidden].filter(it => words.fits({ ...it, name: `${model.name}.${it.name}` }));
            return fields.length > 0 && html`<details class="sheet model" open=${!!words.text.value || models.length < 5}>
              <summary>${model.name}<small> ${some(model.kind, counted(model.fields.length, 'field'), model.hidden.length && `${model.hidden.length} hidden`, model.table !== model.name && model.table)}</small></summary>
              ${model.rows.length > 0 && html`<p class="note">Rows where ${codes(model.rows, ' and ')}</p>`}
              ${table(['Field', 'Type, or what hides it', ''], fields, it => it.rule ? { look: 'hid', cells: [html`<code>${it.name}</code>`, html`<span class="no">✕ ${it.rule}</span>`, ''] }
                : [html`<code>${it.name}</code>`, html`${it.type}<small>${some(it.indexed && 'indexed', it.comment)}</small>`, role.value === 'operator' && copy(hides(database, `${model.name}.${it.name}`), 'Copy what hides it', `${model.name}.${it.name}`)])}</details>`;
          }),
        ]),
      ]),
    ];
  });
});
