// The playground: a request as a form and as JSON, and its answer.

import { ask, base, isClient, parse, secret } from '../api.js';
import { act, bar, block, button, capital, chips, choice, code, command, copy, counted, empty, fault, field, head, held, html, no, note, part, resource, size, small, some, table, typing, view } from '../parts.js';
import { Wire, asToken, byMcp, call } from '../wire.js';

const ACTIONS = ['list', 'get', 'query', 'call', 'describe', 'whoami'];
const TESTS = ['=', '$ne', '$gt', '$gte', '$lt', '$lte', '$in', '$contains', '$null'];
const KEPT = 5;

const isObject = it => it?.constructor === Object;
const parsed = text => { const it = typed(text); return isObject(it) ? it : null; };
const pretty = it => JSON.stringify(it, null, 2);
// As a person types a value, and as it is shown to be typed over.
const typed = text => { try { return parse(text); } catch { return text; } };
const shown = it => it === undefined ? '' : typeof it === 'string' && typed(it) === it ? it : JSON.stringify(it);
const list = text => text.split(/\s*,\s*/).filter(Boolean);

// Filters as lines of a form, where they are no more than that.
function lines(filters = {}) {
  const all = Object.entries(filters);
  return all.some(([field]) => field[0] === '$') ? null
    : all.flatMap(([field, test]) => Object.entries(isObject(test) ? test : { '=': test }).map(([name, value]) => [field, name, shown(value)]));
}
function filters(all) {
  const made = {};
  for (const [field, test, value] of all) if (field) made[field] = test === '=' ? typed(value) : { ...(isObject(made[field]) && made[field]), [test]: typed(value) };
  return Object.keys(made).length ? made : '';
}

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

const isNumber = it => typeof it === 'number' || /** @type {any} */ (JSON).isRawJSON?.(it);
// A value of a row: text and nothing else.
function cell(value) {
  if (value == null) return value === null && small('null');
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return typeof value === 'object' && !isNumber(value) ? code(text) : html`<span>${text}</span>`;
}

const Answer = view(() => {
  const form = held('Table');
  return ({ answer }) => {
    const rows = answer.columns ? answer.data.map(row => Object.fromEntries(answer.columns.map((name, at) => [name, row[at]]))) : [answer.data].flat().filter(it => it && typeof it === 'object');
    const columns = [...new Set(rows.flatMap(it => Object.keys(it)))];
    return html`${bar(chips(form, 'Shown as', ['Table', 'Record', 'JSON']), copy(pretty(answer), 'Copy as JSON'))}
      <div class="gap">${form() === 'JSON' || !rows.length ? block(pretty(answer), 'The answer as JSON')
        : form() === 'Record' ? rows.map(row => html`<dl class="sheet record">${Object.entries(row).map(([name, value]) => html`<dt>${name}</dt><dd>${cell(value)}</dd>`)}</dl>`)
        : table(columns.map(it => rows.every(row => isNumber(row[it] ?? 0)) ? `#${it}` : it), rows, row => columns.map(it => cell(row[it])), 'Rows')}</div>`;
  };
});

export const Ask = view(({ wanted }) => {
  const kept = wanted.getAll('r').map(parsed).filter(Boolean);
  const [text, history, by, result, busy, copying, as, given] = [pretty(kept[0] || { action: 'list', model: 'users', params: { limit: 5 } }), kept, 'ws', null, false, 'lucarne query', '', isClient() ? secret() : ''].map(it => held(it));
  // By `model NAME` or `tool NAME` its fields or parameters, once they were asked for.
  const offered = held(new Map());
  const known = resource(async () => {
    if (isClient()) return [[], false, location.origin];
    const [tokens, { reads }, url] = await Promise.all([ask('/tokens'), ask('/service'), base()]);
    const active = tokens.filter(it => reads && it.state === 'active');
    as(active[0]?.id || '');
    return [active, reads, url];
  });
  let wire = null;
  let stopping = new AbortController();
  const asked = request => {
    const token = given().trim();
    if (as()) return asToken(as(), request);
    if (by() === 'mcp') return byMcp(token, request, stopping.signal);
    if (wire?.token !== token) { wire?.close(); wire = new Wire(token); }
    return wire.ask(request);
  };
  const stop = () => { wire?.close(); wire = null; stopping.abort(); };
  // Where this fails the form offers nothing.
  const learn = async (/** @type {any} */ { model, tool }) => {
    if (!as() && !given()) return;
    const described = of => asked({ action: 'describe', ...of }).then(({ answer }) => answer.status === 'ok' ? answer : {}, () => ({}));
    if (!offered().size) {
      const { data = [], tools = [] } = await described();
      offered(new Map([...data.map(it => [`model ${it.model ?? it.name}`, null]), ...tools.map(it => [`tool ${it.name}`, null])]));
    }
    const key = tool ? `tool ${tool}` : `model ${model}`;
    if (offered().get(key) === null) {
      const { data = [] } = await described(tool ? { tool } : { model });
      offered(new Map([...offered(), [key, data.params ?? data.fields ?? data]]));
    }
  };
  const send = async request => {
    busy(true);
    stopping = new AbortController();
    const begun = performance.now();
    try {
      result({ ...await asked(request), ms: performance.now() - begun });
      history([request, ...history().filter(it => pretty(it) !== pretty(request))].slice(0, KEPT));
      // The fragment never reaches the service.
      globalThis.history.replaceState(null, '', `#/ask?${new URLSearchParams(history().map(it => ['r', JSON.stringify(it)]))}`);
      learn(request);
    } catch (error) {
      result({ error });
    }
    busy(false);
  };
  const take = next => send(parsed(text(next)));

  return () => known.show(([tokens, reads, url]) => {
    const request = parsed(text());
    const { action, model, tool, params = {} } = request || {};
    const set = change => text(pretty({ ...request, ...change }));
    const put = change => set({ params: Object.fromEntries(Object.entries({ ...params, ...change }).filter(([, value]) => value !== '')) });
    const input = (id, label, help, take, value = shown(params[id]), more = {}) => field(id, label, help, '', its => html`<input ...${its} ...${more} value=${value} onChange=${typing(take)} />`);
    const offers = (id, all) => html`<datalist id=${id}>${all.map(it => html`<option value=${it} />`)}</datalist>`;
    const named = (kind, name) => [
      input(kind, capital(kind), '', to => { set({ [kind]: to || undefined }); learn({ [kind]: to }); }, name, { list: `${kind}s`, onFocus: () => learn({ [kind]: name }) }),
      offers(`${kind}s`, [...offered().keys()].filter(it => it.startsWith(kind)).map(it => it.slice(kind.length + 1))),
    ];
    const parts = offered().get(tool ? `tool ${tool}` : `model ${model}`) || [];
    const tests = lines(params.filters);
    const test = (line, at) => {
      const change = index => to => put({ filters: filters(Object.values({ ...tests, [at]: line.with(index, to) })) });
      const word = (index, name, list = '') => html`<input list=${list} aria-label=${name} placeholder=${name} value=${line[index]} onChange=${typing(change(index))} />`;
      return html`<div class="test" key=${`${at}${line}`}>${word(0, 'field', 'fields')}${choice(line[1], TESTS, change(1), { 'aria-label': 'test' })}${word(2, 'value')}${line[0] && act('✕', `Take the filter on ${line[0]} away`, () => change(0)(''))}</div>`;
    };
    const limit = input('limit', 'Rows at the most', '', limit => put({ limit: typed(limit) }));
    const filtered = tests ? html`<fieldset><legend>Filters</legend>${[...tests, ['', '=', '']].map(test)}${offers('fields', parts.map(it => it.name))}</fieldset>` : note('The filters are more than a form holds: write them beside.');
    const forms = {
      get: () => input('id', 'Its key', '', id => put({ id: typed(id) })),
      list: () => [filtered, limit],
      query: () => [filtered, input('fields', 'Fields', some(parts.map(it => it.name)) || 'a comma list; empty: all', to => put({ fields: to ? list(to) : '' }), some(params.fields || [])),
        input('sort', 'Sort', 'such as -created_at', sort => put({ sort: typed(sort) })), limit],
      call: () => parts.map(it => input(`params-${it.name}`, it.name, some(it.type, it.description, it.required && 'needed', it.default !== undefined && `else ${shown(it.default)}`, it.enum && `one of ${some(it.enum)}`),
        value => put({ [it.name]: /\[\]$/.test(it.type) ? list(value).map(typed) : typed(value) }), [params[it.name]].flat().map(shown).join(', '))),
    };
    const { answer, error, ms, bytes } = result() || {};
    const near = /did you mean "([^"]+)"/.exec(answer?.hint)?.[1];
    const wrong = JSON.stringify(/'([^']+)'/.exec(answer?.error)?.[1] ?? '');
    const told = request && copies(request, url);
    const isReady = as() || given();
    return [
      head(isClient() ? 'What this token asks, as its client would.' : reads ? 'As a token would be answered. What is asked here stands in the audit under it, and under you.' : ["As a client asks, with a client's token. Administrators read no rows of their own: ", code('MCP_ADMIN_READ=true'), ' lets them ask as a token of the store.']),
      html`<form data-sends onSubmit=${event => { event.preventDefault(); if (request && !busy()) send(request); }}>
      ${!isClient() && bar(tokens.length > 0 && html`<label>As ${choice(as(), [...tokens.map(it => [it.id, `${it.tenant} / ${it.name}`]), ['', "a client's token …"]], to => { as(to); offered(new Map()); })}</label>`,
        !as() && html`<label>Client's token <input type="password" autocomplete="off" value=${given()} onInput=${typing(given)} /></label>`)}
      <div class="pairs gap"><div class="form">${!request ? html`<p class="fault">What stands beside is no JSON object.</p>` : [
        field('action', 'Action', '', '', its => choice(action, ACTIONS, action => set({ action }), its)),
        action === 'call' ? named('tool', tool) : action !== 'whoami' && named('model', model), forms[action]?.()]}</div>
        <div class="field"><label for="json">The request</label><textarea id="json" rows="12" spellcheck="false" value=${text()} onInput=${typing(text)}></textarea>
          <div class="bar"><button class="main" disabled=${!request || busy() || !isReady}>Send</button>${busy() ? button('Stop', stop) : html`<span><kbd>Ctrl</kbd> <kbd>Enter</kbd></span>`}
          ${!as() && html`<label>by ${choice(by(), [['ws', 'WebSocket'], ['mcp', 'MCP over HTTP']], by)}</label>`}</div></div></div></form>`,
      part('Answer', answer && html`<span class="quiet">${answer.status === 'ok' ? Array.isArray(answer.data) && `${counted(answer.data.length, 'row')} · ` : [no(answer.code), ' · ']}${ms.toFixed(1)} ms · ${size(bytes)}${answer.query_id && ` · ${answer.query_id}`}</span>`,
        !result() ? empty(isReady ? 'Nothing was asked yet.' : "A client's token is needed first: lucarne demo prints one.") : error ? fault(error)
          : answer.status === 'ok' ? [html`<${Answer} answer=${answer} />`, answer.next_cursor && button('Next page', () => take(pretty({ ...request, params: { ...params, cursor: answer.next_cursor } })))]
          : [fault({ message: answer.error, hint: answer.hint }), near && text().includes(wrong) && button(`Ask with ${near}`, () => take(text().replaceAll(wrong, JSON.stringify(near))))]),
      told && part('The same elsewhere', chips(copying, 'In the words of', Object.keys(told)), command(told[copying()])),
      history().length > 0 && part('Asked before', '', table(['Request', ''], history(), it => [code(JSON.stringify(it)), act('Take up', `${it.action} ${it.model || it.tool}`, () => { text(pretty(it)); scrollTo(0, 0); })])),
    ];
  });
});
