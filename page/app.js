// The frame: which view is shown, the way to the others, and the keys.

import { html, live, render, signal, view } from './lib.js';
import { enter, follow, leave, role, unseen } from './api.js';
import { Announcer, Dialog, Question, announce, here } from './parts.js';
import { Overview } from './views/overview.js';
import { Exposure } from './views/exposure.js';
import { Traffic, Sockets } from './views/traffic.js';
import { Ask } from './views/ask.js';
import { Tools } from './views/tools.js';
import { Databases, Tenants, Tokens } from './views/records.js';
import { Audit, Connect, Health, Settings } from './views/service.js';

/** Each view: its path, its name, the key after `g`, its group, what draws it, whether clients have it. */
const VIEWS = /** @type {any[]} */ ([
  ['', 'Overview', 'o', '', Overview, false],
  ['exposure', 'Exposure', 'e', '', Exposure, true],
  ['ask', 'Ask', 'a', '', Ask, true],
  ['tools', 'Tools', 'l', '', Tools, false],
  ['traffic', 'Traffic', 't', '', Traffic, false],
  ['sockets', 'Sockets', 's', '', Sockets, false],
  ['tenants', 'Tenants', 'n', 'Clients', Tenants, false],
  ['tokens', 'Tokens', 'k', 'Clients', Tokens, false],
  ['databases', 'Databases', 'd', 'Clients', Databases, false],
  ['audit', 'Audit', 'u', 'Service', Audit, false],
  ['health', 'Health', 'h', 'Service', Health, false],
  ['settings', 'Settings', 'c', 'Service', Settings, false],
  ['connect', 'Connect', 'i', 'Service', Connect, true],
]);

const place = signal(location.hash);
const helping = signal(false);
addEventListener('hashchange', () => { place.value = location.hash; });

/** The views of who is here. */
const open = () => VIEWS.filter(it => role.value === 'operator' || it[5]);
/** The view of a fragment, and what is asked of it. */
function shown(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  return { at: open().find(it => it[0] === path) || open()[0], query };
}

const Nav = live(() => {
  const { at } = shown(place.value);
  let group = '';
  return html`<nav aria-label="Views">
    <a class="brand" href="#/" aria-label="Lucarne: overview"><svg class="house" viewBox="0 0 24 24" aria-hidden="true"><use href="#house"/></svg><span>Lucarne</span></a>
    ${open().map(([path, name, , of]) => {
      const head = of !== group && html`<h2>${of}</h2>`;
      group = of;
      return html`${head}<a href=${`#/${path}`} aria-current=${path === at[0] ? 'page' : undefined}>${name}${path === 'traffic' && unseen.value > 0 && html`<span class="n" title="refused since you looked">${unseen.value}<span class="away"> refused</span></span>`}</a>`;
    })}
    <button class="bare" onClick=${() => leave('You left. The token is forgotten.')}>Leave</button>
  </nav>`;
});

const Keys = view(() => () => helping.value && html`<${Dialog} title="Keys" close=${() => { helping.value = false; }}>
  <dl class="record">
    <dt><kbd>/</kbd></dt><dd>filter what is shown</dd>
    ${open().map(([, name, key]) => html`<dt><kbd>g</kbd> <kbd>${key}</kbd></dt><dd>${name}</dd>`)}
    <dt><kbd>Ctrl</kbd> <kbd>Enter</kbd></dt><dd>send what is asked</dd>
    <dt><kbd>?</kbd></dt><dd>this list</dd>
  </dl>
  <div class="bar"><button autofocus onClick=${() => { helping.value = false; }}>Close</button></div>
<//>`);

const Frame = live(() => {
  const { at: [path, name, , , View], query } = shown(place.value);
  here.name = name;
  document.title = `${name} – Lucarne`;
  return html`<a class="skip" href="#main" onClick=${event => { event.preventDefault(); /** @type {HTMLElement} */ (document.querySelector('.frame h1'))?.focus(); }}>To the content</a>
    <div class="frame"><${Nav} /><main id="main"><${View} key=${path} query=${query} /></main></div>
    <${Question} /><${Keys} /><${Announcer} />`;
});

let after = 0;
addEventListener('keydown', event => {
  const target = /** @type {HTMLElement} */ (event.target);
  const typing = target.closest?.('input, textarea, select, dialog[open]');
  if (event.ctrlKey && event.key === 'Enter') {
    document.querySelector('form[data-sends]')?.dispatchEvent(new Event('submit', { cancelable: true }));
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.getElementById('page')?.hidden) return;
  if (Date.now() - after < 1_500) {
    const found = open().find(it => it[2] === event.key);
    after = 0;
    if (found) {
      event.preventDefault();
      location.hash = `#/${found[0]}`;
    }
    return;
  }
  if (event.key === 'g') after = Date.now();
  else if (event.key === '?') helping.value = true;
  else if (event.key === '/') {
    const filter = /** @type {HTMLElement | null} */ (document.querySelector('[data-filter]'));
    if (filter) {
      event.preventDefault();
      filter.focus();
    }
  }
});

/** Whoever goes to another view is there, with the keyboard too. */
let before = shown(location.hash).at[0];
addEventListener('hashchange', () => {
  const now = shown(location.hash).at;
  if (now[0] === before) return;
  before = now[0];
  scrollTo(0, 0);
  setTimeout(() => {
    document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
    /** @type {HTMLElement} */ (document.querySelector('.frame h1'))?.focus();
    announce(now[1]);
  }, 60);
});

/** Draws the page for a token that was right. */
export async function begin(into, token, as, close) {
  enter(token, as, why => {
    render(null, into);
    document.title = 'Lucarne';
    close(why);
  });
  render(html`<${Frame} />`, into);
  if (as === 'operator') follow();
}

