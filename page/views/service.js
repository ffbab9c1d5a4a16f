// The service itself: audit, health, settings, and how to connect.

import { ask, base, isClient, send } from '../api.js';
import { ago, are, b, bad, bar, block, button, check, chips, code, command, copy, counted, empty, fault, filter, head, held, html, listed, moment, ms, note, part, resource, small, some, state, table, together, view, warning, way } from '../parts.js';

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
      error ? fault(error, known.again) : length > 0 && table(['Database', 'State', '~Took', 'Models', '~Catalog', '~Sessions'], databases, it => [
        [b(it.name || 'DATABASE_URL'), small(some(it.tenant, it.place))], [state(it.answers ? 'answers' : 'away', !it.answers), it.fault && [` ${it.fault.what}`, small(it.fault.help)]], ms(it.ms),
        some(it.models.map(one => `${one.name} (${one.fields})`)) || '–', it.judged_at ? `read ${ago(it.judged_at)} ago` : 'not read yet', it.sessions ? `${it.sessions.busy} at work, ${it.sessions.idle} at rest, of ${it.sessions.limit}` : '–']),
      part('The store', '', table(['Store', 'State', '~Took'], [store], it => [it.place || 'MCP_STORE', state(it.answers ? 'answers' : 'away', !it.answers), ms(it.ms)])),
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
        FROM[it.from], it.follows_reload ? 'a reload' : 'a restart']),
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
