// The tools that the operator wrote.

import { ask } from '../api.js';
import { are, b, bar, block, button, code, codes, command, counted, empty, fault, filter, head, held, html, link, no, note, part, resource, small, some, table, unfit, view, warning, yes } from '../parts.js';

const called = (it, params = {}) => `#/ask?${new URLSearchParams({ r: JSON.stringify({ action: 'call', tool: it.name, params }) })}`;

const Examples = view(() => {
  const [last, failed] = [held(null), held(null)];
  const tried = one => {
    const { misses, ms } = last().find(it => it.place === one.place);
    return [misses.length ? no(misses.join('; ')) : yes('as expected'), small(`${ms} ms`)];
  };
  return ({ it }) => html`${table(['Example', '~Expected', '~Came', ''], it.examples, one => [
    [code(JSON.stringify(one.params)), small(some(one.caller && `as ${one.caller}`, one.place))], some(one.expected),
    last() ? tried(one) : 'not tried yet', link(called(it, one.params), 'Call it', `as at ${one.place}`)])}
    ${bar(html`<button onClick=${() => ask(`/tools/${it.name}/test`, undefined, 'POST').then(last, failed)}>Try ${it.examples.length === 1 ? 'it' : 'all'}<span class="away"> of ${it.name}</span></button>`)}
    ${failed() && fault(failed())}`;
});

export const Tools = view(() => {
  const known = resource(() => ask('/tools'));
  const words = filter();
  return () => known.show(({ tools, faults }) => {
    const shown = tools.filter(words.fits);
    return [
      head(tools.length ? [b(counted(tools.length, 'tool')), ` of yours ${are(tools.length)} served. Each sees what the token that calls it may see, and nothing else.`] : 'No tool of your own is served.', button('Look again', known.again)),
      faults.length > 0 && part('What is wrong with the files', '', html`<p class="fault" role="alert">The tools of before are served.</p>${faults.map(warning)}`),
      tools.length ? part('By name', words.field(), shown.length ? shown.map(it => html`<details class="sheet model" key=${it.name} open=${shown.length < 3}><summary>${it.name}<small> ${it.title !== it.name && it.title}</small></summary>
        ${note(it.description)}
        ${table(['What', 'Which'], [
          ['It takes', it.parameters.length ? codes(it.parameters) : 'nothing'], ['It answers', it.columns.length ? codes(it.columns) : 'told once a database of a tenant is asked'],
          ['It reads', [codes(it.models), it.database && ` of ${it.database}`]], ['It stands at', code(it.place)],
        ], row => row)}
        <div class="form note">${block(it.sql, `The SQL of ${it.name}`)}${link(called(it), 'Call it', it.name)}</div>
        ${it.examples.length > 0 && html`<${Examples} it=${it} />`}</details>`) : unfit())
        : !faults.length && empty('Write one, name its file, and reload:', command('lucarne tool new open.sql > tools.toml'), command('MCP_TOOLS_FILE=/etc/lucarne/tools.toml')),
    ];
  });
});
