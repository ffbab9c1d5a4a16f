// The playground: a request as a form and as JSON, both of which can be written, and its answer.

import { ask, base, role, secret } from '../api.js';
import { act, chips, choice, command, block, copy, counted, empty, fault, field, head, html, part, resource, signal, size, some, table, typing, view } from '../parts.js';
import { Wire, asToken, byMcp, call } from '../wire.js';

const ACTIONS = ['list', 'get', 'query', 'call', 'describe', 'whoami'];
const TESTS = ['=', '$ne', '$gt', '$gte', '$lt', '$lte', '$in', '$contains', '$null'];
/** Requests that the fragment keeps. */
const KEPT = 5;

const parsed = text => { const it = typed(text); return it?.constructor === Object ? it : null; };
const pretty = it => JSON.stringify(it, null, 2);
/** A value as a person types it, and as it is shown to be typed over. */
const typed = text => { try { return JSON.parse(text); } catch { return text; } };
const shown = it => it === undefined ? '' : typeof it === 'string' && typed(it) === it ? it : JSON.stringify(it);
const list = text => text.split(/\s*,\s*/).filter(Boolean);

/** The filters of a request as lines of a form; none where they are more than that. */
function lines(filters = {}) {
  const all = Object.entries(filters);
  return all.some(([field]) => field[0] === '$') ? null
    : all.flatMap(([field, test]) => test?.constructor === Object ? Object.entries(test).map(([name, value]) => [field, name, shown(value)]) : [[field, '=', shown(test)]]);
}
function filters(all) {
  const made = {};
  for (const [field, test, value] of all) if (field) made[field] = test === '=' ? typed(value) : { ...(made[field]?.constructor === Object && made[field]), [test]: typed(value) };
  return Object.keys(made).length ? made : '';
}

/** The same request in other words. */
function copies(request, url) {
  const [one, ws] = [JSON.stringify(request), url.replace('http', 'ws')];
  const quoted = it => `'${JSON.stringify(it).replaceAll("'", "'\\''")}'`;
  return {
    'lucarne query': `lucarne query ${quoted(request)} --url ${ws}`,
    curl: `curl -sS ${url}/mcp -H "Authorization: Bearer $MCP_TOKEN" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d ${quoted(call(request))}`,
    Python: `import os\nfrom websockets.sync.client import connect\n\nwith connect("${ws}/mcp/ws", additional_headers={"X-MCP-Token": os.environ["MCP_TOKEN"]}) as s:\n    s.send(${JSON.stringify(one)})\n    print(s.recv())`,
    JavaScript: `const s = new WebSocket("${ws}/mcp/ws", ["lucarne", "mcp.auth." + process.env.MCP_TOKEN]);\ns.onopen = () => s.send(${JSON.stringify(one)});\ns.onmessage = ({ data }) => { console.log(data); s.close(); };`,
    MCP: pretty(call(request)),
  };
}

/** A value of a row: text and nothing else. */
const cell = value => value === undefined ? '' : value === null ? html`<small>null</small>` : typeof value === 'object' ? html`<code>${JSON.stringify(value)}</code>` : html`<span>${String(value)}</span>`;

const Answer = view(() => {
  const form = signal('Table');
  return ({ answer }) => {
    const rows = answer.columns ? answer.data.map(row => Object.fromEntries(answer.columns.map((name, at) => [name, row[at]]))) : [answer.data].flat().filter(it => it && typeof it === 'object');
    const columns = [...new Set(rows.flatMap(it => Object.keys(it)))];
    return html`<div class="bar">${chips(form, 'Shown as', ['Table', 'Record', 'JSON'])}${copy(pretty(answer), 'Copy as JSON')}</div>
      <div class="gap">${form.value === 'JSON' || !rows.length ? block(pretty(answer), 'The answer as JSON')
        : form.value === 'Record' ? rows.map(row => html`<dl class="sheet record">${Object.entries(row).map(([name, value]) => html`<dt>${name}</dt><dd>${cell(value)}</dd>`)}</dl>`)
        : table(columns.map(it => rows.every(row => typeof (row[it] ?? 0) === 'number') ? `#${it}` : it), rows, row => columns.map(it => cell(row[it])), 'Rows')}</div>`;
  };
});

export const Ask = view(({ query }) => {
  const kept = new URLSearchParams(query).getAll('r').map(parsed).filter(Boolean);
  const [text, history, by, result, busy, copying, as] = [pretty(kept[0] || { action: 'list', model: 'users', params: { limit: 5 } }), kept, 'ws', null, false, 'lucarne query', ''].map(it => signal(it));
  /** What models and tools there are, by `model` or `tool` and a name, and the fields and parameters of those that were looked at. */
  const offered = signal(new Map());
  const given = signal(role.value === 'client' ? secret() : '');
  const known = resource(async () => {
    if (role.value === 'client') return [[], false, location.origin];
    const [tokens, { reads }, url] = await Promise.all([ask('/tokens'), ask('/service'), base()]);
    const active = tokens.filter(it => reads && it.state === 'active');
    as.value = active[0]?.id || '';
    return [active, reads, url];
  });
  let wire = null;
  let stopping = new AbortController();
  const asked = request => {
    const token = given.value.trim();
    if (as.value) return asToken(as.value, request);
    if (by.value === 'mcp') return byMcp(token, request, stopping.signal);
    if (wire?.token !== token) { wire?.close(); wire = new Wire(token); }
    return wire.ask(request);
  };
  /** Learns what the form can offer; where that fails it offers nothing. */
  const learn = async (/** @type {any} */ { model, tool }) => {
    const [kind, name] = tool ? ['tool', tool] : ['model', model];
    const described = of => asked({ action: 'describe', ...of }).then(({ answer }) => answer.status === 'ok' ? answer : {}, () => ({}));
    if (!as.value && !given.value) return;
    if (!offered.value.size) {
      const { data = [], tools = [] } = await described();
      offered.value = new Map([...data.map(it => [`model ${it.model ?? it.name}`, null]), ...tools.map(it => [`tool ${it.name}`, null])]);
    }
    if (offered.value.get(`${kind} ${name}`) === null) {
      const { data = [] } = await described({ [kind]: name });
      offered.value = new Map([...offered.value, [`${kind} ${name}`, data.params ?? data.fields ?? data]]);
    }
  };
  const send = async request => {
    busy.value = true;
    stopping = new AbortController();
    const begun = performance.now();
    try {
      result.value = { ...await asked(request), ms: performance.now() - begun };
      history.value = [request, ...history.value.filter(it => pretty(it) !== pretty(request))].slice(0, KEPT);
      // The fragment never reaches the service.
      globalThis.history.replaceState(null, '', `#/ask?${new URLSearchParams(history.value.map(it => ['r', JSON.stringify(it)]))}`);
      learn(request);
    } catch (error) {
      result.value = { error };
    }
    busy.value = false;
  };
  const take = next => { text.value = next; send(parsed(next)); };

  return () => known.show(([tokens, reads, url]) => {
    const request = parsed(text.value);
    const { action, model, tool, params = {} } = request || {};
    const set = change => { text.value = pretty({ ...request, ...change }); };
    const put = change => set({ params: Object.fromEntries(Object.entries({ ...params, ...change }).filter(([, value]) => value !== '')) });
    const input = (id, label, help, change, value = shown(params[id]), more = {}) => field(id, label, help, '', its => html`<input ...${its} ...${more} value=${value} onChange=${event => change(event.target.value)} />`);
    const offers = (id, all) => html`<datalist id=${id}>${all.map(it => html`<option value=${it} />`)}</datalist>`;
    /** A field for the name of a model or a tool, which offers those that there are. */
    const named = (kind, name) => {
      const all = [...offered.value.keys()].filter(it => it.startsWith(kind)).map(it => it.slice(kind.length + 1));
      return [input(kind, kind[0].toUpperCase() + kind.slice(1), '', to => { set({ [kind]: to || undefined }); learn({ [kind]: to }); }, name, { list: `${kind}s`, onFocus: () => learn({ [kind]: name }) }), offers(`${kind}s`, all)];
    };
    const parts = offered.value.get(tool ? `tool ${tool}` : `model ${model}`) || [];
    const tests = lines(params.filters);
    const test = (line, at) => {
      const change = index => to => put({ filters: filters(Object.values({ ...tests, [at]: line.with(index, to) })) });
      const word = (index, name, list = '') => html`<input list=${list} aria-label=${name} placeholder=${name} value=${line[index]} onChange=${event => change(index)(event.target.value)} />`;
      return html`<div class="test" key=${`${at}${line}`}>${word(0, 'field', 'fields')}${choice(line[1], TESTS, change(1), { 'aria-label': 'test' })}${word(2, 'value')}${line[0] && act('✕', `Take the filter on ${line[0]} away`, () => change(0)(''))}</div>`;
    };
    /** A parameter of a tool. */
    const parameter = it => input(`params-${it.name}`, it.name, some(it.type, it.description, it.required && 'needed', it.default !== undefined && `else ${shown(it.default)}`, it.enum && `one of ${some(it.enum)}`),
      value => put({ [it.name]: /\[\]$/.test(it.type) ? list(value).map(typed) : typed(value) }), [params[it.name]].flat().map(shown).join(', '));
    const forms = {
      get: () => input('id', 'Its key', '', id => put({ id: typed(id) })),
      call: () => parts.map(parameter),
      list: () => [
        tests ? html`<fieldset><legend>Filters</legend>${[...tests, ['', '=', '']].map(test)}${offers('fields', parts.map(it => it.name))}</fieldset>` : html`<p class="note">The filters are more than a form holds: write them beside.</p>`,
        action === 'query' && [input('fields', 'Fields', some(parts.map(it => it.name)) || 'a comma list; empty: all', to => put({ fields: to ? list(to) : '' }), some(params.fields || [])), input('sort', 'Sort', 'such as -created_at', sort => put({ sort: typed(sort) }))],
        input('limit', 'Rows at the most', '', limit => put({ limit: typed(limit) })),
      ],
    };
    const { answer, error, ms, bytes } = result.value || {};
    const near = /did you mean "([^"]+)"/.exec(answer?.hint)?.[1];
    const wrong = JSON.stringify(/'([^']+)'/.exec(answer?.error)?.[1] ?? '');
    const told = request && copies(request, url);
    return [
      head(role.value === 'client' ? 'What this token asks, as its client would.' : reads ? 'As a token would be answered. What is asked here stands in the audit under it, and under you.' : html`As a client asks, with a client's token. Administrators read no rows of their own: <code>MCP_ADMIN_READ=true</code> lets them ask as a token of the store.`),
      html`<form data-sends onSubmit=${event => { event.preventDefault(); if (request && !busy.value) send(request); }}>
      ${role.value === 'operator' && html`<div class="bar">${tokens.length > 0 && html`<label>As ${choice(as.value, [...tokens.map(it => [it.id, `${it.tenant} / ${it.name}`]), ['', "a client's token …"]], to => { as.value = to; offered.value = new Map(); })}</label>`}
        ${!as.value && html`<label>Client's token <input type="password" autocomplete="off" value=${given.value} onInput=${typing(given)} /></label>`}</div>`}
      <div class="pairs gap"><div class="form">${!request ? html`<p class="fault">What stands beside is no JSON object.</p>` : [
        field('action', 'Action', '', '', its => choice(action, ACTIONS, action => set({ action }), its)),
        action === 'call' ? named('tool', tool) : action !== 'whoami' && named('model', model), forms[action === 'query' ? 'list' : action]?.()]}</div>
        <div class="field"><label for="json">The request</label><textarea id="json" rows="12" spellcheck="false" value=${text.value} onInput=${typing(text)}></textarea>
          <div class="bar"><button class="main" disabled=${!request || busy.value || !(as.value || given.value)}>Send</button>${busy.value ? html`<button type="button" onClick=${() => { wire?.close(); wire = null; stopping.abort(); }}>Stop</button>` : html`<span><kbd>Ctrl</kbd> <kbd>Enter</kbd></span>`}
          ${!as.value && html`<label>by ${choice(by.value, [['ws', 'WebSocket'], ['mcp', 'MCP over HTTP']], to => { by.value = to; })}</label>`}</div></div></div></form>`,
      part('Answer', answer && html`<span class="quiet">${answer.status === 'ok' ? Array.isArray(answer.data) && `${counted(answer.data.length, 'row')} · ` : html`<span class="no">✕ ${answer.code}</span> · `}${ms.toFixed(1)} ms · ${size(bytes)}${answer.query_id && ` · ${answer.query_id}`}</span>`,
        !result.value ? empty(as.value || given.value ? 'Nothing was asked yet.' : "A client's token is needed first: lucarne demo prints one.") : error ? fault(error)
          : answer.status === 'ok' ? [html`<${Answer} answer=${answer} />`, answer.next_cursor && html`<p class="gap"><button onClick=${() => take(pretty({ ...request, params: { ...params, cursor: answer.next_cursor } }))}>Next page</button></p>`]
          : [fault({ message: answer.error, hint: answer.hint }), near && text.value.includes(wrong) && html`<p class="gap"><button onClick=${() => take(text.value.replaceAll(wrong, JSON.stringify(near)))}>Ask with ${near}</button></p>`]),
      told && part('The same elsewhere', chips(copying, 'In the words of', Object.keys(told)), command(told[copying.value])),
      history.value.length > 0 && part('Asked before', '', table(['Request', ''], history.value, it => [html`<code>${JSON.stringify(it)}</code>`, act('Take up', `${it.action} ${it.model || it.tool}`, () => { text.value = pretty(it); scrollTo(0, 0); })])),
    ];
  });
});
