// The door: the rest of the page is fetched once a token is right.

const STORED = 'lucarne-token';
const [door, form, field, keep, refused, plain, page] = /** @type {any[]} */ (['door', 'enter', 'token', 'keep', 'refused', 'plain', 'page'].map(id => document.getElementById(id)));
plain.hidden = isSecureContext;

async function look(token) {
  const asked = await fetch('../admin/api/service', { headers: { Authorization: `Bearer ${token}` }, cache: 'no-store' });
  // Where the admin API is not, the page is that of a client.
  if (asked.ok || asked.status === 404) return asked.ok ? 'operator' : 'client';
  const { error, hint, code } = await asked.json().catch(() => ({}));
  throw new Error(code === 'unauthorized' ? 'This token does not administer. MCP_ADMIN_TOKEN of the service does.' : [error, hint].filter(Boolean).join(': ') || `The service answered ${asked.status}.`);
}

function show(isOpen, why = '') {
  page.hidden = !isOpen;
  door.hidden = isOpen;
  refused.textContent = why;
  refused.hidden = !why;
}

function close(why) {
  sessionStorage.removeItem(STORED);
  show(false, why);
  field.focus();
}

async function open(token) {
  show(false);
  door.setAttribute('aria-busy', 'true');
  try {
    const role = await look(token);
    const { begin } = await import('./app.js');
    if (keep.checked) sessionStorage.setItem(STORED, token);
    field.value = '';
    begin(page, token, role, close);
    show(true);
  } catch (error) {
    close(error instanceof TypeError ? 'The service does not answer. Is it running?' : error.message);
  } finally {
    door.removeAttribute('aria-busy');
  }
}

form.addEventListener('submit', event => {
  event.preventDefault();
  const token = field.value.trim();
  if (token) open(token);
});

const kept = sessionStorage.getItem(STORED);
keep.checked = !!kept;
if (kept) open(kept);
else field.focus();
