// The tools that the operator wrote, what is wrong with their files, and their examples tried.

import { ask } from '../api.js';
import { are, block, codes, command, counted, empty, fault, filter, head, html, part, resource, signal, some, table, view, warning } from '../parts.js';

/** Where a call stands that can be changed and sent. */
const called = (it, params = {}) => `#/ask?${new URLSearchParams({ r: JSON.stringify({ action: 'call', tool: it.name, params }) })}`;

/** The examples of a tool, and what came of them when they were tried last. */
const Examples = view(() => {
  const last = signal(null);
  const tried = ({ misses, ms }) => misses.length ? html`<span class="no">✕ ${misses.join('; ')}</span><small>${ms} ms</small>` : html`<span class="yes">✓ as expected</span><small>${ms} ms</small>`;
  return ({ it }) => html`${table(['Example', '~Expected', '~Came', ''], it.examples, one => [
    html`<code>${JSON.stringify(one.params)}</code><small>${some(one.caller && `as ${one.caller}`, one.place)}</small>`, some(one.expected),
    last.value?.data ? tried(last.value.data.find(it => it.place === one.place)) : 'not tried yet', html`<a href=${called(it, one.params)}>Call it<span class="away"> as at ${one.place}</span></a>`])}
    <div class="bar gap"><button onClick=${async () => { last.value = await ask(`/tools/${it.name}/test`, undefined, 'POST').then(data => ({ data }), error => ({ error })); }}>Try ${it.examples.length === 1 ? 'it' : 'all'}<span class="away"> of ${it.name}</span></button></div>
    ${last.value?.error && fault(last.value.error)}`;
});

export const Tools = view(() => {
  const known = resource(() => ask('/tools'));
  const words = filter();
  return () => known.show(({ tools, faults }) => {
    const shown = tools.filter(words.fits);
    return [
      head(tools.length ? html`<b>${counted(tools.length, 'tool')}</b> of yours ${are(tools.length)} served. Each sees what the token that calls it may see, and nothing else.` : 'No tool of your own is served.', html`<button onClick=${known.again}>Look again</button>`),
      faults.length > 0 && part('What is wrong with the files', '', html`<p class="fault" role="alert">The files are not served as they are now: the tools of before are.</p>${faults.map(warning)}`),
      tools.length ? part('By name', words.field(), shown.length ? shown.map(it => html`<details class="sheet model" key=${it.name} open=${shown.length < 3}><summary>${it.name}<small> ${it.title !== it.name && it.title}</small></summary>
        <p class="note">${it.description}</p>
        ${table(['What', 'Which'], [
          ['It takes', it.parameters.length ? codes(it.parameters) : 'nothing'], ['It answers', it.columns.length ? codes(it.columns) : 'told once a database of a tenant is asked'],
          ['It reads', html`${codes(it.models)}${it.database && ` of ${it.database}`}`], ['It stands at', html`<code>${it.place}</code>`],
        ], row => row)}
        <div class="form note">${block(it.sql, `The SQL of ${it.name}`)}<a href=${called(it)}>Call it<span class="away">: ${it.name}</span></a></div>
        ${it.examples.length > 0 && html`<${Examples} it=${it} />`}</details>`) : empty('No tool fits the filter.'))
        : !faults.length && empty('Write one, name its file, and reload:', command('lucarne tool new open.sql > tools.toml'), command('MCP_TOOLS_FILE=/etc/lucarne/tools.toml')),
    ];
  });
});
