// The service itself: its audit, how it is, how it is set, and how to connect to it.

import { html, signal, view } from '../lib.js';
import { ask, base, role, send } from '../api.js';
import { Check, Chips, Command, Copy, Empty, Fault, Head, Part, Search, State, Sub, Table, Warning, counted, moment, resource, some, way } from '../parts.js';

/** Lines that are shown; the filter goes through all that are read. */
const SHOWN = 300;

export const Audit = view(() => {
  const [lines, page, failed, text, looks] = [signal([]), signal(null), signal(null), signal(''), signal(false)];
  let verified = 0;
  const more = async before => {
    try {
      failed.value = null;
      const read = await ask(`/audit${before ? `?before=${before}` : ''}`);
      verified = (before ? verified : 0) + read.verified;
      lines.value = before ? [...lines.value, ...read.lines] : read.lines;
      page.value = read;
    } catch (error) {
      failed.value = error;
    }
  };
  more();
  const download = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([...lines.value].reverse().map(it => `${JSON.stringify(it)}\n`)));
    link.download = 'audit.jsonl';
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return () => {
    if (failed.value?.status === 404) return html`<${Head}>Nothing is recorded in a file.<//><${Empty}><p>Name one that records every request and each change, and restart:</p><${Command} text="MCP_AUDIT_FILE=/var/lib/lucarne/audit.jsonl" /><//>`;
    if (failed.value) return html`<${Head} /><${Fault} error=${failed.value} again=${() => more()} />`;
    if (!page.value) return html`<${Head} /><p aria-busy="true">One moment …</p>`;
    const shown = lines.value.filter(it => (looks.value || it.event !== 'read') && (!text.value || JSON.stringify(it).toLowerCase().includes(text.value.toLowerCase())));
    const { broken, before } = page.value;
    return html`<${Head} state=${html`<${State} no=${broken}>${broken ? 'The chain is broken' : 'In order'}<//>`}><b>${counted(verified, 'line')}</b> read from the end, each verified against the one before it. ${before ? 'There are older ones.' : 'That is the whole file.'}<//>
    ${broken && html`<p class="fault" role="alert">${broken}. <code>lucarne audit verify</code> reads the whole file.</p>`}
    <div class="bar"><${Search} of=${text} /><${Check} on=${looks.value} change=${on => { looks.value = on; }}>What administrators looked at, too<//><button onClick=${() => more()}>Read the end again</button><button onClick=${download}>Download what is read</button></div>
    <div class="gap">${shown.length ? html`<${Table} heads=${['#No.', 'Time', 'Who', 'What', 'How it went']} rows=${shown.slice(0, SHOWN).map(it => ({ key: it.seq, look: ['', 't', '', '', it.code && it.code !== 'ok' ? 'no' : ''], cells: [
      it.seq, moment(it.time), html`${[it.tenant, it.name].filter(Boolean).join(' / ') || it.who || it.token || (it.event === 'refused' ? 'unknown client' : 'the service')}<${Sub}>${some(it.address !== '0.0.0.0' && it.address, it.transport !== '-' && way(it.transport), it.by, it.admin_token && `admin token ${it.admin_token}`, it.asked_by && `asked by ${it.asked_by}`)}<//>`,
      html`<code>${[it.event !== 'request' && it.event, it.what || it.action, it.model || it.of].filter(part => part && part !== '-').join(' ')}</code><${Sub}>${it.filters?.length > 0 && `by ${some(it.filters)}`}<//>`,
      html`${it.code || (it.revision && `revision ${it.revision}`)}<${Sub}>${it.rows > 0 && counted(it.rows, 'row')}<//>`] }))} />` : html`<${Empty}><p>No line fits the filter.</p><//>`}</div>
    ${before && html`<p class="gap"><button onClick=${() => more(before)}>Older lines</button></p>`}`;
  };
});

export const Health = view(() => {
  const known = resource(() => Promise.all([ask('/health'), ask('/service'), send('../metrics').then(it => it.text())]));
  return () => known.show(([databases, service, metrics]) => {
    const away = databases.filter(it => !it.answers).length;
    return html`<${Head} state=${html`<button onClick=${known.again}>Test again</button>`}>
      ${!databases.length ? 'There is no database to be asked.' : away ? html`<b class="no">${counted(away, 'database')}</b> of ${databases.length} ${away === 1 ? 'does' : 'do'} not answer.` : html`All <b>${counted(databases.length, 'database')}</b> answer.`}
      ${service.audit === 'failing' ? html` <b class="no">The audit cannot be written.</b>` : service.audit === 'off' ? ' There is no audit.' : ' The audit is written.'}<//>
    ${databases.length > 0 && html`<${Table} heads=${['Database', 'State', 'Models', '~Sessions']} rows=${databases.map(it => ({ look: ['who'], cells: [
      html`${it.name || 'DATABASE_URL'}<${Sub}>${some(it.tenant, it.place)}<//>`, html`<${State} no=${!it.answers}>${it.answers ? 'answers' : 'away'}<//>${it.fault && html` ${it.fault.what}<${Sub}>${it.fault.help}<//>`}`,
      some(it.models.map(one => `${one.name} (${one.fields})`)) || '–', it.sessions ? `${it.sessions.busy} at work, ${it.sessions.idle} at rest, of ${it.sessions.limit}` : '–'] }))} />`}
    <${Part} title="Metrics, as they are"><div class="sheet"><pre class="block" tabindex="0" role="region" aria-label="Metrics">${metrics}</pre></div><//>`;
  });
});

export const Settings = view(() => {
  const known = resource(() => Promise.all(['/config', '/service', '/check'].map(it => ask(it))));
  const [text, own] = [signal(''), signal(false)];
  return () => known.show(([settings, service, warnings]) => {
    const set = settings.filter(it => it.from !== 'default');
    const shown = (own.value ? set : settings).filter(it => `${it.name} ${it.meaning} ${it.value}`.toLowerCase().includes(text.value.toLowerCase()));
    const env = set.map(it => it.secret ? `#${it.name}=\n` : `${it.name}=${/[\s#'"$]/.test(it.value) ? `'${it.value}'` : it.value}\n`).join('');
    return html`<${Head} state=${html`<${Copy} text=${env} label="Copy as .env" />`}><b>${set.length}</b> of ${counted(settings.length, 'variable')} are set, the others have their defaults. ${service.reload ? html`The last reload was ${service.reload.outcome === 'done' ? 'taken up' : html`<b class="no">refused</b>`} at ${moment(service.reload.at)}.` : 'Nothing was reloaded since the start.'}<//>
    ${warnings.map(it => html`<${Warning} it=${it} />`)}
    <div class="bar"><${Search} of=${text} /><${Check} on=${own.value} change=${on => { own.value = on; }}>Only what is set<//></div>
    <div class="gap">${shown.length ? html`<${Table} heads=${['Variable', 'Value', '~From', '~Follows']} rows=${shown.map(it => ({ key: it.name, look: ['', '', '', 'tail'], cells: [
      html`<code>${it.name}</code><${Sub}>${it.meaning}<//>`,
      html`${it.secret ? html`<span class="quiet">${it.from === 'default' ? 'not set' : 'set, and never shown'}</span>` : it.value === null ? html`<span class="quiet">unset</span>` : html`<code>${it.value}</code>`}<${Sub}>${!it.secret && it.default !== null && it.default !== it.value && `default ${it.default}`}<//>`,
      { default: 'default', set: 'environment or .env', file: 'a file' }[it.from], it.follows_reload ? 'a reload' : 'a restart'] }))} />` : html`<${Empty}><p>No variable fits the filter.</p><//>`}</div>`;
  });
});

/** The blocks of `lucarne config`, which the program makes of its own. */
const blocks = () => send(new URL('../clients.json', import.meta.url)).then(it => it.json());

export const Connect = view(() => {
  const known = resource(() => Promise.all([role.value === 'client' ? location.origin : base(), blocks()]));
  const chosen = signal('claude');
  return () => known.show(([url, clients]) => {
    const { name, title, place, block } = clients.find(it => it.name === chosen.value);
    return html`<${Head}>Agents ask by MCP at <code>${url}/mcp</code>, programs by the WebSocket at <code>${url.replace('http', 'ws')}/mcp/ws</code>. Each needs a token; none stands in these blocks.<//>
    <${Chips} of=${chosen} label="Client" all=${clients.map(it => [it.name, it.title])} />
    <${Part} title=${title}><p class="note">It ${place}.</p><${Command} text=${block.replaceAll('{url}', `${url}/mcp`)} />
      <p class="note">The same by a command:</p><${Command} text=${`lucarne config ${name} --url ${url}`} /><//>
    <${Part} title="A first request"><${Command} text=${`lucarne query list users --url ${url.replace('http', 'ws')}`} /><//>`;
  });
});
