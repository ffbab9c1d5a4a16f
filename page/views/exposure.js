// What is exposed, what hides the rest, and what a token sees.

import { ask, isClient, secret } from '../api.js';
import { are, b, bar, button, check, choice, code, codes, copy, counted, empty, filter, head, held, html, no, note, part, resource, small, some, table, together, view, yes } from '../parts.js';
import { Wire, asToken } from '../wire.js';

// As the describe of a client's own token tells it.
async function described() {
  const wire = new Wire(secret());
  const describe = async of => (await wire.ask({ action: 'describe', ...of })).answer.data;
  const models = [];
  for (const { model, name = model } of await describe()) {
    const data = await describe({ model: name });
    models.push({ name, rows: [], fields: data.fields || data, hidden: [] });
  }
  wire.close();
  return [[{ place: '', models, missing: [] }], [], [], [], {}];
}

const mark = it => !it ? small('– not there') : it.allowed ? [yes('yes'), small(it.why)] : no(it.why);
const rules = it => !it ? 'not there' : !it.allowed ? it.why : it.rows.map(({ rule, of }) => `${rule} (of the ${of})`).join(' and ') || 'every row';
// What a token is compared with where no other one is chosen.
const ALL = { allowed: true, rows: [] };

// What is left to one token or two, line by line.
const Seen = view(() => {
  const [counts, alone] = [held({}), held(true)];
  const count = async (names, ids) => {
    for (const name of names) {
      const each = ids.map(id => asToken(id, { action: 'query', model: name, params: { aggregate: { n: { $count: '*' } } } }).then(({ answer }) => answer.status === 'ok' ? counted(answer.data[0].n, 'row') : `not counted: ${answer.code}`, error => error.message));
      counts({ ...counts(), [name]: await Promise.all(each) });
    }
  };
  return ({ tokens, ids, reads }) => {
    const named = (all, name) => all?.find(it => it.name === name);
    const names = of => [...new Set(tokens.flatMap(it => of(it).map(one => one.name)))];
    const line = (what, each, told = it => it?.allowed, draw = mark) => ({ what, cells: each.map(draw), differs: told(each[0]) !== told(each.length > 1 ? each[1] : ALL) });
    const lines = [
      ...['actions', 'tools'].flatMap(kind => names(it => it[kind]).map(name => line(name, tokens.map(it => named(it[kind], name))))),
      ...names(it => it.models).flatMap(name => {
        const models = tokens.map(it => named(it.models, name));
        return [
          line(b(name), models, rules, (it, at) => [rules(it), counts()[name] && small(counts()[name][at])]),
          ...names(it => named(it.models, name)?.fields || []).map(field => line(code(`${name}.${field}`), models.map(it => named(it?.fields, field)))),
        ];
      }),
    ];
    const differ = lines.filter(it => it.differs);
    const two = tokens.length > 1;
    return [
      tokens.map(({ token, tenant, lets_in: { allowed, why } }) => html`<p class=${allowed ? '' : 'fault'}>${token} of ${tenant} ${allowed ? 'is' : 'is not'} let in: ${why}.</p>`),
      bar(check(alone(), alone, two ? 'Only what differs' : 'Only what is kept back'), html`<span class="quiet">${differ.length} of ${counted(lines.length, 'line')}</span>`,
        reads && button(`Count the rows${two ? ' of each' : ''}`, () => count(names(it => it.models), ids))),
      alone() && !differ.length ? empty(two ? 'They may and see the same.' : 'It may and sees everything.') : table(['What', ...tokens.map(it => `~${it.tenant} / ${it.token}`)], alone() ? differ : lines, it => [it.what, ...it.cells]),
    ];
  };
});

export const Exposure = view(({ wanted }) => {
  const words = filter();
  const ids = held([wanted.get('token') || '', wanted.get('against') || '']);
  const known = resource(() => isClient() ? described() : together(ask, '/exposed', '/tokens', '/config', '/databases', '/service'));
  const chosen = () => ids().filter(Boolean);
  const look = () => chosen().length > 0 && resource(() => together(ask, ...chosen().map(id => `/tokens/${id}/access`)));
  const access = held(look());
  return () => known.show(([databases, tokens, settings, records, { reads }]) => {
    const models = databases.flatMap(it => it.models);
    const hidden = models.flatMap(it => it.hidden).length;
    const names = [['', '–'], ...tokens.map(it => [it.id, `${it.tenant} / ${it.name}${it.state === 'active' ? '' : ` (${it.state})`}`])];
    const pick = (at, label) => html`<label>${label} ${choice(ids()[at], names, id => { ids(ids().with(at, id)); access(look()); })}</label>`;
    // The line of the configuration, or the command, that would hide a field.
    const hides = ({ id }, name) => {
      const list = id ? records.find(it => it.id === id)?.hidden : settings.find(it => it.name === 'MCP_HIDDEN_FIELDS')?.value;
      const all = list ? `${list},${name}` : name;
      return id ? `lucarne database update ${id} --hidden '${all}'` : `MCP_HIDDEN_FIELDS=${all}`;
    };
    const drawn = (database, model, fields) => html`<details class="sheet model" open=${!!words.text() || models.length < 5}>
      <summary>${model.name}<small> ${some(model.kind, counted(model.fields.length, 'field'), model.hidden.length && `${model.hidden.length} hidden`, model.table !== model.name && model.table)}</small></summary>
      ${model.rows.length > 0 && note(['Rows where ', codes(model.rows, ' and ')])}
      ${table(['Field', 'Type, or what hides it', ''], fields, it => it.rule ? { look: 'hid', cells: [code(it.name), no(it.rule), ''] }
        : [code(it.name), [it.type, small(some(it.indexed && 'indexed', it.description))], !isClient() && copy(hides(database, `${model.name}.${it.name}`), 'Copy what hides it', `${model.name}.${it.name}`)])}</details>`;
    return [
      head([b(counted(models.length, 'model')), ' with ', b(counted(models.flatMap(it => it.fields).length, 'field')), ` ${are(models.length)} shown`, databases.length > 1 && ` of ${counted(databases.length, 'database')}`, hidden > 0 && [', ', b(counted(hidden, 'field')), ` ${are(hidden)} hidden, each by the rule beside it`], '.']),
      tokens.length > 0 && part('What a token sees', [pick(0, 'Token'), pick(1, 'against')], access() ? access().part(tokens => html`<${Seen} tokens=${tokens} ids=${chosen()} reads=${reads} />`)
        : html`<p class="quiet">Choose one to see what is left to it, and a second one to compare them.</p>`),
      part('By database', words.field(), [
        !models.length && !databases.some(it => it.fault) && empty('Nothing is exposed: MCP_ALLOWED_MODELS names no model that is there, and no database of a tenant does.'),
        databases.map(database => [
          (database.name || databases.length > 1) && html`<h3 class="of">${database.name ? `${database.tenant} / ${database.name}` : 'DATABASE_URL'}<small> ${database.place}</small></h3>`,
          database.fault && html`<p class="fault gap">${b(database.name || database.place)}: ${database.fault}.</p>`,
          database.missing.map(it => html`<p class="warn">${code(it.name)} is not served: ${it.reason}</p>`),
          database.models.map(model => {
            const fields = [...model.fields, ...model.hidden].filter(it => words.fits({ ...it, name: `${model.name}.${it.name}` }));
            return fields.length > 0 && drawn(database, model, fields);
          }),
        ]),
      ]),
    ];
  });
});
