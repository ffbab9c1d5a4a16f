// The frame: which view is shown, the way to the others, and the keys.

import { render } from './lib.js';
import { enter, follow, leave, role, unseen } from './api.js';
import { Announcer, Question, announce, dialog, here, html, live, signal } from './parts.js';
import { Overview } from './views/overview.js';
import { Exposure } from './views/exposure.js';
import { Traffic, Sockets } from './views/traffic.js';
import { Ask } from './views/ask.js';
import { Tools } from './views/tools.js';
import { Databases, Tenants, Tokens } from './views/records.js';
import { Audit, Connect, Health, Settings } from './views/service.js';

/** Each view: its path, the key after `g`, what draws it, and the group that begins with it. */
const VIEWS = [
  ['', 'o', Overview], ['exposure', 'e', Exposure], ['ask', 'a', Ask], ['tools', 'l', Tools], ['traffic', 't', Traffic], ['sockets', 's', Sockets],
  ['tenants', 'n', Tenants, 'Clients'], ['tokens', 'k', Tokens], ['databases', 'd', Databases],
  ['audit', 'u', Audit, 'Service'], ['health', 'h', Health], ['settings', 'c', Settings], ['connect', 'i', Connect],
].map((/** @type {any[]} */ [path, key, View, group]) => ({ path, name: path ? path[0].toUpperCase() + path.slice(1) : 'Overview', key, View, group }));
/** Those that clients have. */
const OPEN = [Exposure, Ask, Connect];

const place = signal(location.hash);
const helping = signal(false);
addEventListener('hashchange', () => { place.value = location.hash; });

/** The views of who is here. */
const open = () => VIEWS.filter(it => role.value === 'operator' || OPEN.includes(it.View));
/** The view of a fragment, and what is asked of it. */
function shown(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  return { ...(open().find(it => it.path === path) || open()[0]), query };
}
const focus = () => /** @type {HTMLElement} */ (document.querySelector('.frame h1'))?.focus();

const Nav = live(() => html`<nav aria-label="Views">
  <a class="brand" href="#/" aria-label="Lucarne: overview"><svg class="house" viewBox="0 0 24 24" aria-hidden="true"><use href="#house"/></svg><span>Lucarne</span></a>
  ${open().map(({ path, name, group }) => html`${group && html`<h2>${group}</h2>`}<a href=${`#/${path}`} aria-current=${path === shown(place.value).path ? 'page' : undefined}>${name}${path === 'traffic' && unseen.value > 0 && html`<span class="no" title="refused since you looked">${unseen.value}<span class="away"> refused</span></span>`}</a>`)}
  <button class="bare" onClick=${() => leave('You left. The token is forgotten.')}>Leave</button>
</nav>`);

const Keys = live(() => {
  const close = () => { helping.value = false; };
  const keys = (all, does) => html`<dt>${all.map(it => html`<kbd>${it}</kbd> `)}</dt><dd>${does}</dd>`;
  return helping.value && dialog('Keys', close, html`<dl class="record">${keys(['/'], 'filter what is shown')}${open().map(it => keys(['g', it.key], it.name))}${keys(['Ctrl', 'Enter'], 'send what is asked')}${keys(['?'], 'this list')}</dl>
  <div class="bar"><button autofocus onClick=${close}>Close</button></div>`);
});

const Frame = live(() => {
  const { path, name, View, query } = shown(place.value);
  here.name = name;
  document.title = `${name} – Lucarne`;
  return html`<a class="skip" href="#main" onClick=${event => { event.preventDefault(); focus(); }}>To the content</a>
    <div class="frame"><${Nav} /><main id="main"><${View} key=${path} query=${query} /></main></div>
    <${Question} /><${Keys} /><${Announcer} />`;
});

let after = 0;
addEventListener('keydown', event => {
  if (event.ctrlKey && event.key === 'Enter') document.querySelector('form[data-sends]')?.dispatchEvent(new Event('submit', { cancelable: true }));
  const target = /** @type {HTMLElement} */ (event.target);
  if (target.closest?.('input, textarea, select, dialog[open]') || event.ctrlKey || event.metaKey || event.altKey || document.getElementById('page')?.hidden) return;
  const found = Date.now() - after < 1_500 && open().find(it => it.key === event.key);
  const filter = event.key === '/' && /** @type {HTMLElement | null} */ (document.querySelector('[data-filter]'));
  after = event.key === 'g' && !found ? Date.now() : 0;
  if (found || filter) event.preventDefault();
  if (found) location.hash = `#/${found.path}`;
  else if (filter) filter.focus();
  else if (event.key === '?') helping.value = true;
});

/** Whoever goes to another view is there, with the keyboard too. */
let before = shown(location.hash).path;
addEventListener('hashchange', () => {
  const now = shown(location.hash);
  if (now.path === before) return;
  before = now.path;
  scrollTo(0, 0);
  setTimeout(() => {
    document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
    focus();
    announce(now.name);
  }, 60);
});

/** Draws the page for a token that was right. */
export function begin(into, token, as, close) {
  enter(token, as, why => {
    render(null, into);
    document.title = 'Lucarne';
    close(why);
  });
  render(html`<${Frame} />`, into);
  if (as === 'operator') follow();
}
