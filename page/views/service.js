// The service itself: audit, health, settings, its tools, and how to connect.

import { ask, base, isClient, parse, send } from '../api.js';
import { ago, are, away, b, bad, bar, block, button, check, chips, code, codes, command, copy, counted, empty, fault, filter, head, held, html, link, listed, moment, ms, no, note, part, resource, small, some, state, table, together, unfit, view, warning, way, yes } from '../parts.js';

const SHOWN = 300;

export const Audit = view(({ wanted }) => {
  const [lines, looks, words] = [held([]), held(false), filter()];
  words.text(wanted.get('find') || '');
  let [verified, before] = [0, null];
  const known = resource(async () => {
    const page = await ask(`/audit${before ? `?before=${before}` : ''}`);
    verified = (before ? verified : 0) + page.verified;
    lines(before ? [...lines(), ...page.lines] : page.lines);
    return page;
  });
  const read = from => { before = from; known.again(); };
  const download = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob(lines().toReversed().map(it => `${JSON.stringify(it)}\n`)));
    link.download = 'audit.jsonl';
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const who = it => [it.tenant, it.name].filter(Boolean).join(' / ') || it.who || it.token || (it.event === 'refused' ? 'unknown client' : 'the service');
  return () => known.show(({ broken, before }) => [
    head([b(counted(verified, 'line')), ` read from the end, each verified against the one before it. ${before ? 'There are older ones.' : 'That is the whole file.'}`], state(broken ? 'The chain is broken' : 'In order', broken)),
    broken && html`<p class="fault" role="alert">${broken}. <code>lucarne audit verify</code> reads the whole file.</p>`,
    bar(words.field(), check(looks(), looks, 'What administrators looked at, too'), button('Read the end again', () => read(null)), button('Download what is read', download)),
    listed(['#No.', 'Time', 'Who', 'What', 'How it went'], lines().filter(it => (looks() || it.event !== 'read') && words.fits(it)).slice(0, SHOWN), it => [
      it.seq, html`<time>${moment(it.time)}</time>`, [who(it), small(some(it.address !== '0.0.0.0' && it.address, it.transport !== '-' && way(it.transport), it.by, it.admin_token && `admin token ${it.admin_token}`, it.asked_by && `asked by ${it.asked_by}`))],
      [code([it.event !== 'request' && it.event, it.what || it.action, it.tool, it.model || it.of].filter(part => part && part !== '-').join(' ')), small(it.filters?.length > 0 && `by ${some(it.filters)}`)],
      [html`<span class=${it.code && it.code !== 'ok' ? 'tail no' : 'tail'}>${it.code || (it.revision && `revision ${it.revision}`)}</span>`, small(it.rows > 0 && counted(it.rows, 'row'))],
    ]),
    before && button('Older lines', () => read(before)),
  ], { 404: () => [head('Nothing is recorded in a file.'), empty('Name one, and restart:', command('MCP_AUDIT_FILE=/var/lib/lucarne/audit.jsonl'))] });
});

const AUDIT = { off: ' There is no audit.', written: ' The audit is written.', failing: bad(' The audit cannot be written.') };

export const Health = view(() => {
  const known = resource(() => Promise.all([ask('/health').catch(error => ({ error })), ask('/service'), send('../metrics').then(it => it.text())]));
  return () => known.show(([databases, { audit, store }, metrics]) => {
    const { error, length } = databases;
    const away = !error && databases.filter(it => !it.answers).length;
    return [
      head([error ? 'How the databases are is not known.' : !length ? 'There is no database to be asked.' : away ? [bad(counted(away, 'database')), ` of ${length} ${away === 1 ? 'does' : 'do'} not answer.`] : ['All ', b(counted(length, 'database')), ' answer.'],
        store.answers ? ' The store does.' : bad(' The store does not answer.'), AUDIT[audit]], button('Test again', known.again)),
      error ? fault(error, known.again) : length > 0 && table(['Database', 'State', '#Took', 'Models', '~Catalog', '~Sessions'], databases, it => [
        [b(it.name || 'DATABASE_URL'), small(some(it.tenant, it.place))], [state(it.answers ? 'answers' : 'away', !it.answers), it.fault && [` ${it.fault.what}`, small(it.fault.help)]], ms(it.ms),
        some(it.models.map(one => `${one.name} (${one.fields})`)) || '–', it.judged_at ? `read ${ago(it.judged_at)} ago` : 'not read yet', it.sessions ? `${it.sessions.busy} at work, ${it.sessions.idle} at rest, of ${it.sessions.limit}` : '–']),
      part('The store', '', table(['Store', 'State', '#Took'], [store], it => [it.place || 'MCP_STORE', state(it.answers ? 'answers' : 'away', !it.answers), ms(it.ms)])),
      part('Metrics, as they are', '', block(metrics, 'Metrics')),
    ];
  });
});

const FROM = { default: 'default', set: 'environment or .env', file: 'a file' };

export const Settings = view(() => {
  const known = resource(() => together(ask, '/config', '/service', '/check'));
  const [own, words] = [held(false), filter()];
  return () => known.show(([settings, { reload }, warnings]) => {
    const set = settings.filter(it => it.from !== 'default');
    const env = set.map(it => it.secret ? `#${it.name}=\n` : `${it.name}=${/[\s#'"$]/.test(it.value) ? `'${it.value}'` : it.value}\n`).join('');
    return [
      head([b(set.length), ` of ${counted(settings.length, 'variable')} ${are(set.length)} set, the others have their defaults. `, reload ? ['The last reload was ', reload.outcome === 'done' ? 'taken up' : bad('refused'), ` at ${moment(reload.at)}.`] : 'Nothing was reloaded since the start.'], copy(env, 'Copy as .env')),
      warnings.map(warning),
      bar(words.field(), check(own(), own, 'Only what is set')),
      listed(['Variable', 'Value', '~From', '~Follows'], (own() ? set : settings).filter(words.fits), it => [
        [code(it.name), small(it.meaning)],
        it.secret || it.value === null ? small(it.from === 'default' ? 'not set' : 'set, and never shown') : [code(it.value), small(it.default !== it.value && it.default && `default ${it.default}`)],
        ...[FROM[it.from], it.follows_reload ? 'a reload' : 'a restart'].map(it => html`<span class="tail">${it}</span>`)]),
    ];
  });
});

export const Connect = view(() => {
  const known = resource(() => Promise.all([isClient() ? location.origin : base(), send(new URL('../clients.json', import.meta.url)).then(it => it.json())]));
  const chosen = held('claude');
  return () => known.show(([url, clients]) => {
    const { name, title, place, block } = clients.find(it => it.name === chosen());
    const ws = url.replace('http', 'ws');
    return [
      head(['Agents ask by MCP at ', code(`${url}/mcp`), ', programs by the WebSocket at ', code(`${ws}/mcp/ws`), '. Each needs a token; none stands in these blocks.']),
      chips(chosen, 'Client', clients.map(it => [it.name, it.title])),
      part(title, '', [note(`It ${place}.`), command(block.replaceAll('{url}', `${url}/mcp`)), note('The same by a command:'), command(`lucarne config ${name} --url ${url}`)]),
      part('A first request', '', command(`lucarne query list users --url ${ws}`)),
    ];
  });
});

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
    ${bar(html`<button onClick=${() => ask(`/tools/${it.name}/test`, undefined, 'POST').then(last, failed)}>Try ${it.examples.length === 1 ? 'it' : 'all'}${away(`of ${it.name}`)}</button>`)}
    ${failed() && fault(failed())}`;
});

export const Tools = view(() => {
  const known = resource(() => ask('/tools', undefined, 'GET', parse));
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
          ['It reads', it.models.length ? [codes(it.models), it.database && ` of ${it.database}`] : 'told with what it answers'], ['It stands at', code(it.place)],
        ], row => row)}
        <div class="form note">${block(it.sql, `The SQL of ${it.name}`)}${link(called(it), 'Call it', it.name)}</div>
        ${it.examples.length > 0 && html`<${Examples} it=${it} />`}</details>`) : unfit())
        : !faults.length && empty('Write one, name its file, and reload:', command('lucarne tool new open.sql > tools.toml'), command('MCP_TOOLS_FILE=/etc/lucarne/tools.toml')),
    ];
  });
});
