// The door: a token comes in, the rest of the page is fetched once it is right.

const STORED = 'lucarne-token';
const [door, form, field, keep, refused, plain, page] = /** @type {any[]} */ (['door', 'enter', 'token', 'keep', 'refused', 'plain', 'page'].map(id => document.getElementById(id)));
plain.hidden = isSecureContext;

async function look(token) {
  const asked = await fetch('../admin/api/service', {
    headers: { Authorization: `Bearer ${token}` },
    cache: 'no-store',
  });
  // Where the admin API is not, the page is that of a client.
  if (asked.status === 404) return 'client';
  if (asked.ok) return 'operator';
  const told = await asked.json().catch(() => ({}));
  throw new Error(told.code === 'unauthorized'
    ? 'This token does not administer. MCP_ADMIN_TOKEN of the service does.'
    : [told.error, told.hint].filter(Boolean).join(': ') || `The service answered ${asked.status}.`);
}

function say(why) {
  refused.textContent = why;
  refused.hidden = false;
}

async function open(token) {
  refused.hidden = true;
  door.setAttribute('aria-busy', 'true');
  try {
    const role = await look(token);
    const { begin } = await import('./app.js');
    if (keep.checked) sessionStorage.setItem(STORED, token);
    field.value = '';
    await begin(page, token, role, close);
    door.hidden = true;
    page.hidden = false;
  } catch (error) {
    sessionStorage.removeItem(STORED);
    say(error instanceof TypeError ? 'The service does not answer. Is it running?' : error.message);
  } finally {
    door.removeAttribute('aria-busy');
  }
}

/** Ends the tab's session, visibly. */
function close(why) {
  sessionStorage.removeItem(STORED);
  page.hidden = true;
  door.hidden = false;
  say(why);
  field.focus();
}

form.addEventListener('submit', event => {
  event.preventDefault();
  const token = field.value.trim();
  if (token) open(token);
});

const kept = sessionStorage.getItem(STORED);
if (kept) {
  keep.checked = true;
  open(kept);
} else {
  field.focus();
}
