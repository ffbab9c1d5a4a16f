// The frame around the views, and the keys.

import { render } from './lib.js';
import { enter, follow, isClient, leave, unseen } from './api.js';
import { Announcer, Question, announce, away, bar, capital, dialog, held, here, html, live } from './parts.js';
import { Exposure } from './views/exposure.js';
import { Overview, Sockets, Traffic } from './views/traffic.js';
import { Ask } from './views/ask.js';
import { Databases, Tenants, Tokens } from './views/records.js';
import { Audit, Connect, Health, Settings, Tools } from './views/service.js';

// Path, key after `g`, view, and the group that begins there.
const VIEWS = [
  ['overview', 'o', Overview], ['exposure', 'e', Exposure], ['ask', 'a', Ask], ['tools', 'l', Tools], ['traffic', 't', Traffic], ['sockets', 's', Sockets],
  ['tenants', 'n', Tenants, 'Clients'], ['tokens', 'k', Tokens], ['databases', 'd', Databases],
  ['audit', 'u', Audit, 'Service'], ['health', 'h', Health], ['settings', 'c', Settings], ['connect', 'i', Connect],
].map((/** @type {any[]} */ [path, key, View, group]) => ({ path, name: capital(path), key, View, group }));
const OPEN = [Exposure, Ask, Connect];

const place = held(location.hash);
const helping = held(false);

const open = () => VIEWS.filter(it => !isClient() || OPEN.includes(it.View));
function shown(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  return { ...(open().find(it => it.path === path) || open()[0]), wanted: new URLSearchParams(query) };
}
const focus = () => /** @type {any} */ (document.querySelector('.frame h1'))?.focus();

const Nav = live(() => html`<nav aria-label="Views">
  <a class="brand" href="#/" aria-label="Lucarne: overview"><svg class="house" viewBox="0 0 24 24" aria-hidden="true"><use href="#house"/></svg><span>Lucarne</span></a>
  ${open().map(({ path, name, group }) => html`${group && html`<h2>${group}</h2>`}<a href=${`#/${path}`} aria-current=${path === shown(place()).path ? 'page' : undefined}>${name}${path === 'traffic' && unseen() > 0 && html`<span class="no">${unseen()}${away('refused')}</span>`}</a>`)}
  <button class="bare" onClick=${() => leave('You left. The token is forgotten.')}>Leave</button>
</nav>`);

const Keys = live(() => {
  const close = () => helping(false);
  const keys = (all, does) => html`<dt>${all.map(it => html`<kbd>${it}</kbd> `)}</dt><dd>${does}</dd>`;
  return helping() && dialog('Keys', close, html`<dl class="record">${keys(['/'], 'filter what is shown')}${open().map(it => keys(['g', it.key], it.name))}${keys(['Ctrl', 'Enter'], 'send what is asked')}${keys(['?'], 'this list')}</dl>
  ${bar(html`<button autofocus onClick=${close}>Close</button>`)}`);
});

const Frame = live(() => {
  const { path, name, View, wanted } = shown(place());
  here.name = name;
  document.title = `${name} – Lucarne`;
  return html`<a class="skip" href="#main" onClick=${event => { event.preventDefault(); focus(); }}>To the content</a>
    <div class="frame"><${Nav} /><main id="main"><${View} key=${path} wanted=${wanted} /></main></div>
    <${Question} /><${Keys} /><${Announcer} />`;
});

let after = 0;
addEventListener('keydown', event => {
  if (event.ctrlKey && event.key === 'Enter') document.querySelector('form[data-sends]')?.dispatchEvent(new Event('submit', { cancelable: true }));
  const target = /** @type {any} */ (event.target);
  if (target.closest?.('input, textarea, select, dialog[open]') || event.ctrlKey || event.metaKey || event.altKey || document.getElementById('page')?.hidden) return;
  const found = Date.now() - after < 1_500 && open().find(it => it.key === event.key);
  const filter = event.key === '/' && /** @type {any} */ (document.querySelector('[data-filter]'));
  after = event.key === 'g' && !found ? Date.now() : 0;
  if (found || filter) event.preventDefault();
  if (found) location.hash = `#/${found.path}`;
  else if (filter) filter.focus();
  else if (event.key === '?') helping(true);
});

// Whoever goes to another view is there by the keyboard too.
addEventListener('hashchange', () => {
  const [before, now] = [shown(place()), shown(location.hash)];
  place(location.hash);
  if (now.path === before.path) return;
  scrollTo(0, 0);
  setTimeout(() => {
    document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
    focus();
    announce(now.name);
  }, 60);
});

export function begin(into, token, as, close) {
  enter(token, as, why => {
    render(null, into);
    document.title = 'Lucarne';
    close(why);
  });
  render(html`<${Frame} />`, into);
  if (!isClient()) follow();
}
