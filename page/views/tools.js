// The tools that the operator wrote, and what is wrong with their files.

import { html, signal, view } from '../lib.js';
import { ask } from '../api.js';
import { Codes, Command, Empty, Head, Part, Search, Sub, Table, Warning, counted, resource } from '../parts.js';

const called = it => `#/ask?${new URLSearchParams({ r: JSON.stringify({ action: 'call', tool: it.name, params: {} }) })}`;

export const Tools = view(() => {
  const known = resource(() => ask('/tools'));
  const text = signal('');
  return () => known.show(({ tools, faults }) => {
    const shown = tools.filter(it => JSON.stringify(it).toLowerCase().includes(text.value.toLowerCase()));
    return html`<${Head} state=${html`<button onClick=${known.again}>Look again</button>`}>${tools.length ? html`<b>${counted(tools.length, 'tool')}</b> of yours ${tools.length === 1 ? 'is' : 'are'} served. Each sees what the token that calls it may see, and nothing else.` : 'No tool of your own is served.'}<//>
    ${faults.length > 0 && html`<${Part} title="What is wrong with the files"><p class="fault" role="alert">The files are not served as they are now: the tools of before are.</p>${faults.map(it => html`<${Warning} it=${it} />`)}<//>`}
    ${tools.length ? html`<${Part} title="By name" tools=${html`<${Search} of=${text} />`}>${shown.map(it => html`<details class="sheet model" open=${shown.length < 3}><summary>${it.name}${it.title !== it.name && html`<small> ${it.title}</small>`}</summary>
      <p class="note">${it.description}</p>
      <${Table} heads=${['What', 'Which']} rows=${[
        ['It takes', html`<${Codes} all=${it.parameters} />${!it.parameters.length && 'nothing'}`],
        ['It answers', html`<${Codes} all=${it.columns} />${!it.columns.length && 'told once a database of a tenant is asked'}`],
        ['It reads', html`<${Codes} all=${it.models} />${it.database && ` of ${it.database}`}`],
        ['It stands at', html`<code>${it.place}</code><${Sub}>${counted(it.examples, 'example')}<//>`],
      ]} />
      <div class="form note"><pre class="block" tabindex="0" role="region" aria-label=${`The SQL of ${it.name}`}>${it.sql}</pre>
      ${it.examples > 0 && html`<${Command} text=${`lucarne tool test ${it.name}`} />`}<p><a href=${called(it)}>Call it</a></p></div></details>`)}
      ${!shown.length && html`<${Empty}><p>No tool fits the filter.</p><//>`}<//>`
      : !faults.length && html`<${Empty}><p>Write one, name its file, and reload:</p><${Command} text="lucarne tool new open.sql > tools.toml" /><${Command} text="MCP_TOOLS_FILE=/etc/lucarne/tools.toml" /><//>`}`;
  });
});
