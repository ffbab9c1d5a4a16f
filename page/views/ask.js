// The playground: a request as a form and as JSON, both of which can be written, and its answer.

import { html, signal, view } from '../lib.js';
import { ask, base, role, secret } from '../api.js';
import { Chips, Choice, Command, Copy, Empty, Fault, Field, Head, Part, Table, counted, resource, size, some, typing } from '../parts.js';
import { Wire, asToken, byMcp, call } from '../wire.js';

const ACTIONS = ['list', 'get', 'query', 'call', 'describe', 'whoami'];
const TESTS = ['=', '$ne', '$gt', '$gte', '$lt', '$lte', '$in', '$contains', '$null'];
/** Requests that the fragment keeps. */
const KEPT = 5;

const parsed = text => { try { const it = JSON.parse(text); return it?.constructor === Object ? it : null; } catch { return null; } };
const pretty = it => JSON.stringify(it, null, 2);
/** A value as a person types it, and as it is shown to be typed over. */
const typed = text => { try { return JSON.parse(text); } catch { return text; } };
const shown = it => it === undefined ? '' : typeof it === 'string' && typed(it) === it ? it : JSON.stringify(it);

/** The filters of a request as lines of a form; none where they are more than that. */
function lines(filters = {}) {
  const all = [];
  for (const [field, test] of Object.entries(filters)) {
    if (field[0] === '$') return null;
    if (test?.constructor !== Object) all.push([field, '=', shown(test)]);
    else for (const [name, value] of Object.entries(test)) all.push([field, name, shown(value)]);
  }
  return all;
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
    Python: `import os, websockets.sync.client as ws\n\ns = ws.connect("${ws}/mcp/ws", additional_headers={"X-MCP-Token": os.environ["MCP_TOKEN"]})\ns.send(${JSON.stringify(one)})\nprint(s.recv())`,
    JavaScript: `const s = new WebSocket("${ws}/mcp/ws", ["lucarne", "mcp.auth." + process.env.MCP_TOKEN]);\ns.onopen = () => s.send(${JSON.stringify(one)});\ns.onmessage = ({ data }) => { console.log(data); s.close(); };`,
    MCP: pretty(call(request)),
  };
}

/** A value of a row: text and nothing else. */
const cell = value => value === null ? html`<span class="quiet">null</span>` : value === undefined ? '' : typeof value === 'object' ? html`<code>${JSON.stringify(value)}</code>` : html`<span>${String(value)}</span>`;

const Answer = view(() => {
  const form = signal('Table');
  return ({ answer }) => {
    const named = row => Object.fromEntries(answer.columns.map((name, at) => [name, row[at]]));
    const rows = answer.columns ? answer.data.map(named) : [answer.data].flat().filter(it => it && typeof it === 'object');
    const columns = [...new Set(rows.flatMap(it => Object.keys(it)))];
    return html`<div class="bar"><${Chips} of=${form} label="Shown as" all=${['Table', 'Record', 'JSON']} /><${Copy} text=${pretty(answer)} label="Copy as JSON" /></div>
      <div class="gap">${form.value === 'JSON' || !rows.length ? html`<div class="sheet"><pre class="block" tabindex="0" role="region" aria-label="The answer as JSON">${pretty(answer)}</pre></div>`
        : form.value === 'Record' ? rows.map(row => html`<dl class="sheet record">${Object.entries(row).map(([name, value]) => html`<dt>${name}</dt><dd>${cell(value)}</dd>`)}</dl>`)
        : html`<${Table} wide="Rows" heads=${columns.map(it => rows.every(row => typeof (row[it] ?? 0) === 'number') ? `#${it}` : it)} rows=${rows.map(row => columns.map(it => cell(row[it])))} />`}</div>`;
  };
});

export const Ask = view(({ query }) => {
  const kept = new URLSearchParams(query).getAll('r').map(parsed).filter(Boolean);
  const [text, history, by, result, busy, copying, as] = [pretty(kept[0] || { action: 'list', model: 'users', params: { limit: 5 } }), kept, 'ws', null, false, 'lucarne query', ''].map(it => signal(it));
  const models = signal(new Map());
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
  /** Learns what the form can offer: models, and fields of one. */
  const learn = async model => {
    if (!models.value.size) models.value = new Map((await asked({ action: 'describe' })).answer.data?.map(it => [it.model ?? it.name, null]));
    if (models.value.get(model) === null) {
      const { answer } = await asked({ action: 'describe', model });
      models.value = new Map([...models.value, [model, [answer.data?.fields ?? answer.data ?? []].flat().map(it => it.name)]]);
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
      learn(request.model).catch(() => {});
    } catch (error) {
      result.value = { error };
    }
    busy.value = false;
  };
  const take = next => { text.value = next; send(parsed(next)); };

  return () => known.show(([tokens, reads, url]) => {
    const request = parsed(text.value);
    const params = request?.params || {};
    const set = change => { text.value = pretty({ ...request, ...change }); };
    const put = change => set({ params: Object.fromEntries(Object.entries({ ...params, ...change }).filter(([, value]) => value !== '')) });
    const input = (id, label, help, change, value = shown(params[id]), more = {}) => html`<${Field} id=${id} label=${label} help=${help}><input id=${id} value=${value} ...${more} onChange=${event => change(event.target.value)} /><//>`;
    const names = models.value.get(request?.model) || [];
    const options = (id, all) => html`<datalist id=${id}>${all.map(it => html`<option value=${it} />`)}</datalist>`;
    const tests = lines(params.filters);
    const test = (line, at) => {
      const part = index => to => put({ filters: filters(Object.values({ ...tests, [at]: line.with(index, to) })) });
      const field = (index, name, list = '') => html`<input list=${list} aria-label=${name} placeholder=${name} value=${line[index]} onChange=${event => part(index)(event.target.value)} />`;
      return html`<div class="test" key=${`${at}${line}`}>${field(0, 'field', 'fields')}<${Choice} label="test" value=${line[1]} all=${TESTS} change=${part(1)} />${field(2, 'value')}${line[0] && html`<button type="button" class="bare" aria-label=${`Take the filter on ${line[0]} away`} onClick=${() => part(0)('')}>✕</button>`}</div>`;
    };
    const { answer, error, ms, bytes } = result.value || {};
    const near = /did you mean "([^"]+)"/.exec(answer?.hint)?.[1];
    const wrong = JSON.stringify(/'([^']+)'/.exec(answer?.error)?.[1] ?? '');
    const told = request && copies(request, url);
    return html`<${Head}>${role.value === 'client' ? 'What this token asks, as its client would.' : reads ? 'As a token would be answered. What is asked here stands in the audit under it, and under you.' : html`As a client asks, with a client's token. Administrators read no rows of their own: <code>MCP_ADMIN_READ=true</code> lets them ask as a token of the store.`}<//>
    <form data-sends onSubmit=${event => { event.preventDefault(); if (request && !busy.value) send(request); }}>
    ${role.value === 'operator' && html`<div class="bar">${tokens.length > 0 && html`<label>As <${Choice} value=${as.value} all=${[...tokens.map(it => [it.id, `${it.tenant} / ${it.name}`]), ['', "a client's token …"]]} change=${to => { as.value = to; models.value = new Map(); }} /></label>`}
      ${!as.value && html`<label>Client's token <input type="password" autocomplete="off" value=${given.value} onInput=${typing(given)} /></label>`}</div>`}
    <div class="pairs gap"><div class="form">${!request ? html`<p class="fault">What stands beside is no JSON object.</p>` : html`
      <${Field} id="action" label="Action"><${Choice} id="action" value=${request.action} all=${ACTIONS} change=${action => set({ action })} /><//>
      ${request.action === 'call' ? input('tool', 'Tool', 'its parameters stand beside', tool => set({ tool }), request.tool) : request.action !== 'whoami' && input('model', 'Model', models.value.size ? '' : 'offered once something was answered', model => { set({ model: model || undefined }); learn(model).catch(() => {}); }, request.model, { list: 'models' })}${options('models', [...models.value.keys()])}
      ${request.action === 'get' && input('id', 'Its key', '', id => put({ id: typed(id) }))}
      ${/list|query/.test(request.action) && html`${tests ? html`<fieldset><legend>Filters</legend>${[...tests, ['', '=', '']].map(test)}${options('fields', names)}</fieldset>` : html`<p class="note">The filters are more than a form holds: write them beside.</p>`}
        ${request.action === 'query' && html`${input('fields', 'Fields', some(names) || 'a comma list; empty: all', list => put({ fields: list ? list.split(/\s*,\s*/) : '' }), some(params.fields || []))}${input('sort', 'Sort', 'such as -created_at', sort => put({ sort: typed(sort) }))}`}
        ${input('limit', 'Rows at the most', '', limit => put({ limit: typed(limit) }))}`}`}</div>
      <div class="field"><label for="json">The request</label><textarea id="json" rows="12" spellcheck="false" value=${text.value} onInput=${typing(text)}></textarea>
        <div class="bar"><button class="main" disabled=${!request || busy.value || !(as.value || given.value)}>Send</button>${busy.value ? html`<button type="button" onClick=${() => { wire?.close(); stopping.abort(); }}>Stop</button>` : html`<span><kbd>Ctrl</kbd> <kbd>Enter</kbd></span>`}
        ${!as.value && html`<label>by <${Choice} value=${by.value} all=${[['ws', 'WebSocket'], ['mcp', 'MCP over HTTP']]} change=${to => { by.value = to; }} /></label>`}</div></div></div></form>
    <${Part} title="Answer" tools=${answer && html`<span class="quiet">${answer.status === 'ok' ? Array.isArray(answer.data) && `${counted(answer.data.length, 'row')} · ` : html`<span class="no">✕ ${answer.code}</span> · `}${ms.toFixed(1)} ms · ${size(bytes)}${answer.query_id && ` · ${answer.query_id}`}</span>`}>
      ${!result.value ? html`<${Empty}><p>${as.value || given.value ? 'Nothing was asked yet.' : "A client's token is needed first: lucarne demo prints one."}</p><//>` : error ? html`<${Fault} error=${error} />`
        : answer.status === 'ok' ? html`<${Answer} answer=${answer} />${answer.next_cursor && html`<p class="gap"><button onClick=${() => take(pretty({ ...request, params: { ...params, cursor: answer.next_cursor } }))}>Next page</button></p>`}`
        : html`<${Fault} error=${{ message: answer.error, hint: answer.hint }} />${near && text.value.includes(wrong) && html`<p class="gap"><button onClick=${() => take(text.value.replaceAll(wrong, JSON.stringify(near)))}>Ask with ${near}</button></p>`}`}<//>
    ${told && html`<${Part} title="The same elsewhere" tools=${html`<${Chips} of=${copying} label="In the words of" all=${Object.keys(told)} />`}><${Command} text=${told[copying.value]} /><//>`}
    ${history.value.length > 0 && html`<${Part} title="Asked before"><${Table} heads=${['Request', '']} rows=${history.value.map(it => [html`<code>${JSON.stringify(it)}</code>`, html`<button class="bare" onClick=${() => { text.value = pretty(it); scrollTo(0, 0); }}>Take up<span class="away"> ${it.action} ${it.model || it.tool}</span></button>`])} /><//>`}`;
  });
});
