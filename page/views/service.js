// The service itself: its audit, how it is, how it is set, and how to connect to it.

import { ask, base, role, send } from '../api.js';
import { are, block, check, chips, command, copy, counted, empty, filter, head, html, moment, part, resource, signal, some, state, table, view, warning, way } from '../parts.js';

/** Lines that are shown; the filter goes through all that are read. */
const SHOWN = 300;

export const Audit = view(() => {
  const [lines, looks, words] = [signal([]), signal(false), filter()];
  let verified = 0;
  /** What is read from the end on, or before what was read. */
  const read = async before => {
    const page = await ask(`/audit${before ? `?before=${before}` : ''}`);
    verified = (before ? verified : 0) + page.verified;
    lines.value = before ? [...lines.value, ...page.lines] : page.lines;
    return page;
  };
  let before = null;
  const known = resource(() => read(before));
  const more = from => { before = from; known.again(); };
  const download = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob(lines.value.toReversed().map(it => `${JSON.stringify(it)}\n`)));
    link.download = 'audit.jsonl';
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return () => known.show(({ broken, before }) => {
    const shown = lines.value.filter(it => (looks.value || it.event !== 'read') && words.fits(it));
    return [
      head(html`<b>${counted(verified, 'line')}</b> read from the end, each verified against the one before it. ${before ? 'There are older ones.' : 'That is the whole file.'}`, state(broken ? 'The chain is broken' : 'In order', broken)),
      broken && html`<p class="fault" role="alert">${broken}. <code>lucarne audit verify</code> reads the whole file.</p>`,
      html`<div class="bar">${words.field()}${check(looks.value, on => { looks.value = on; }, 'What administrators looked at, too')}<button onClick=${() => more()}>Read the end again</button><button onClick=${download}>Download what is read</button></div>
      <div class="gap">${shown.length ? table(['#No.', 'Time', 'Who', 'What', 'How it went'], shown.slice(0, SHOWN), it => [
        it.seq, html`<time>${moment(it.time)}</time>`, html`${[it.tenant, it.name].filter(Boolean).join(' / ') || it.who || it.token || (it.event === 'refused' ? 'unknown client' : 'the service')}<small>${some(it.address !== '0.0.0.0' && it.address, it.transport !== '-' && way(it.transport), it.by, it.admin_token && `admin token ${it.admin_token}`, it.asked_by && `asked by ${it.asked_by}`)}</small>`,
        html`<code>${[it.event !== 'request' && it.event, it.what || it.action, it.model || it.of].filter(part => part && part !== '-').join(' ')}</code><small>${it.filters?.length > 0 && `by ${some(it.filters)}`}</small>`,
        html`<span class=${it.code && it.code !== 'ok' ? 'no' : ''}>${it.code || (it.revision && `revision ${it.revision}`)}</span><small>${it.rows > 0 && counted(it.rows, 'row')}</small>`,
      ]) : empty('No line fits the filter.')}</div>`,
      before && html`<p class="gap"><button onClick=${() => more(before)}>Older lines</button></p>`,
    ];
  }, { 404: () => [head('Nothing is recorded in a file.'), empty('Name one that records every request and each change, and restart:', command('MCP_AUDIT_FILE=/var/lib/lucarne/audit.jsonl'))] });
});

export const Health = view(() => {
  const known = resource(() => Promise.all([ask('/health'), ask('/service'), send('../metrics').then(it => it.text())]));
  return () => known.show(([databases, service, metrics]) => {
    const away = databases.filter(it => !it.answers).length;
    return [
      head(html`${!databases.length ? 'There is no database to be asked.' : away ? html`<b class="no">${counted(away, 'database')}</b> of ${databases.length} ${away === 1 ? 'does' : 'do'} not answer.` : html`All <b>${counted(databases.length, 'database')}</b> answer.`}
        ${service.audit === 'failing' ? html` <b class="no">The audit cannot be written.</b>` : service.audit === 'off' ? ' There is no audit.' : ' The audit is written.'}`, html`<button onClick=${known.again}>Test again</button>`),
      databases.length > 0 && table(['Database', 'State', 'Models', '~Sessions'], databases, it => [
        html`<b>${it.name || 'DATABASE_URL'}</b><small>${some(it.tenant, it.place)}</small>`, html`${state(it.answers ? 'answers' : 'away', !it.answers)}${it.fault && html` ${it.fault.what}<small>${it.fault.help}</small>`}`,
        some(it.models.map(one => `${one.name} (${one.fields})`)) || '–', it.sessions ? `${it.sessions.busy} at work, ${it.sessions.idle} at rest, of ${it.sessions.limit}` : '–']),
      part('Metrics, as they are', '', block(metrics, 'Metrics')),
    ];
  });
});

export const Settings = view(() => {
  const known = resource(() => Promise.all(['/config', '/service', '/check'].map(it => ask(it))));
  const [own, words] = [signal(false), filter()];
  return () => known.show(([settings, service, warnings]) => {
    const set = settings.filter(it => it.from !== 'default');
    const shown = (own.value ? set : settings).filter(words.fits);
    const env = set.map(it => it.secret ? `#${it.name}=\n` : `${it.name}=${/[\s#'"$]/.test(it.value) ? `'${it.value}'` : it.value}\n`).join('');
    return [
      head(html`<b>${set.length}</b> of ${counted(settings.length, 'variable')} ${are(set.length)} set, the others have their defaults. ${service.reload ? html`The last reload was ${service.reload.outcome === 'done' ? 'taken up' : html`<b class="no">refused</b>`} at ${moment(service.reload.at)}.` : 'Nothing was reloaded since the start.'}`, copy(env, 'Copy as .env')),
      warnings.map(warning),
      html`<div class="bar">${words.field()}${check(own.value, on => { own.value = on; }, 'Only what is set')}</div>
      <div class="gap">${shown.length ? table(['Variable', 'Value', '~From', '~Follows'], shown, it => [
        html`<code>${it.name}</code><small>${it.meaning}</small>`,
        it.secret || it.value === null ? html`<small>${it.from === 'default' ? 'not set' : 'set, and never shown'}</small>` : html`<code>${it.value}</code><small>${it.default !== null && it.default !== it.value && `default ${it.default}`}</small>`,
        { default: 'default', set: 'environment or .env', file: 'a file' }[it.from], it.follows_reload ? 'a reload' : 'a restart']) : empty('No variable fits the filter.')}</div>`,
    ];
  });
});

export const Connect = view(() => {
  // The blocks are those of `lucarne config`, which the program makes of its own.
  const known = resource(() => Promise.all([role.value === 'client' ? location.origin : base(), send(new URL('../clients.json', import.meta.url)).then(it => it.json())]));
  const chosen = signal('claude');
  return () => known.show(([url, clients]) => {
    const { name, title, place, block } = clients.find(it => it.name === chosen.value);
    const ws = url.replace('http', 'ws');
    return [
      head(html`Agents ask by MCP at <code>${url}/mcp</code>, programs by the WebSocket at <code>${ws}/mcp/ws</code>. Each needs a token; none stands in these blocks.`),
      chips(chosen, 'Client', clients.map(it => [it.name, it.title])),
      part(title, '', html`<p class="note">It ${place}.</p>${command(block.replaceAll('{url}', `${url}/mcp`))}<p class="note">The same by a command:</p>${command(`lucarne config ${name} --url ${url}`)}`),
      part('A first request', '', command(`lucarne query list users --url ${ws}`)),
    ];
  });
});
