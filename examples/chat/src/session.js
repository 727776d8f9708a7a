// The session is made by this page's own site: no key belongs into a page.

/** `{ token, gateway }`: what to show, and to whom. Asked anew before each connection. */
export async function openSession() {
  const response = await fetch('/session', { method: 'POST' });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

export const token = async () => (await openSession()).token;
