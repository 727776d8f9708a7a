// Who has a session and who is connected: found by user, session or connection, a page at a time.

const PAGE = 20;
const isConnection = (text) => /^ws_[0-9a-f]{32}$/.test(text);
const isSessionRef = (text) => /^[0-9a-f]{32}$/.test(text);

// What a person typed, as filters of the two lists.
function filtersOf(wanted) {
  if (isConnection(wanted)) return { connection: wanted };
  if (isSessionRef(wanted)) return { session: wanted, connections: { session_ref: wanted } };
  return { sessions: wanted ? { user_id: wanted } : {}, connections: wanted ? { user_id: wanted } : {} };
}

class People {
  constructor(api) {
    this.api = api;
    this.wanted = "";
    this.search = 0;   // the newest: what an older one is answered is not shown any more
    this.after = { sessions: null, connections: null };
  }

  async find(wanted) {
    const search = ++this.search;
    if (wanted !== this.wanted) this.forget();
    this.wanted = wanted;
    const { connection, session, sessions, connections } = filtersOf(wanted);
    tell("find-result", "Looking…");
    await this.try(search, async () => {
      if (connection) await this.one(search, "connection-rows", connectionRow, async () => (await this.api.connection(connection)).connection);
      if (session) await this.one(search, "session-rows", sessionRow, () => this.api.session(`ref:${session}`));
      if (connection) this.show(search, "session-rows", [], "Look for its user to see the session.");
      if (sessions) await this.page(search, "sessions", sessions, false);
      if (connections) await this.page(search, "connections", connections, false);
    });
  }

  // Nobody of another search is left to be acted on while the answer is under way.
  forget() {
    for (const kind of ["session", "connection"]) {
      showRows(`${kind}-rows`, [], "…");
      $(`more-${kind}s`).hidden = true;
    }
  }

  async try(search, look) {
    let words = "";
    try {
      await look();
    } catch (error) {
      words = apiWords(error);
    }
    if (search === this.search) tell("find-result", words, words ? "bad" : "plain");
  }

  show(search, ...table) { if (search === this.search) showRows(...table); }

  async one(search, rows, row, ask) {
    let found = [];
    try {
      found = [await ask()];
    } catch (error) {
      if (error.status !== 404) throw error;
    }
    this.show(search, rows, found.map(row), "Nobody by that name.");
  }

  // A page may be short though there is more: then the next one is asked for, too.
  async page(search, kind, filter, isMore) {
    let after = isMore ? this.after[kind] : "";
    const found = [];
    do {
      const page = await this.api.list(kind, { ...filter, after, limit: PAGE });
      found.push(...page[kind]);
      after = page.after;
    } while (after !== null && found.length < PAGE);
    if (search !== this.search) return;
    this.after[kind] = after;
    const [rows, row] = kind === "sessions" ? ["session-rows", sessionRow] : ["connection-rows", connectionRow];
    if (isMore) $(rows).append(...found.map(row));
    else showRows(rows, found.map(row), kind === "sessions" ? "No sessions." : "No connections.");
    $(`more-${kind}`).hidden = after === null;
  }

  more(kind) {
    const search = this.search;
    return this.try(search, () => this.page(search, kind, filtersOf(this.wanted)[kind], true));
  }

  again() { return this.find(this.wanted); }
}

const STATUS_TONES = { active: "good", suspended: "warn", expired: "plain", inactive: "plain", in_progress: "good", queued: "warn" };

function tag(text, tone = STATUS_TONES[text]) {
  const node = el("span", { className: "tag", textContent: text.replace("_", " ") });
  node.dataset.tone = tone ?? "plain";
  return node;
}

// Long names are cut in the middle of the table and whole in the title.
function mono(text) {
  return el("span", { className: "mono", textContent: text.length > 16 ? `${text.slice(0, 13)}…` : text, title: text });
}

function action(label, whom, run) {
  const button = el("button", { type: "button", className: "quiet small" }, label, el("span", { className: "unseen", textContent: ` ${whom}` }));
  button.addEventListener("click", () => once(button, run));
  return button;
}

function lookFor(text, shown) {
  const button = el("button", { type: "button", className: "quiet small who", title: text, textContent: shown ?? text });
  button.addEventListener("click", () => { $("find").value = text; people.find(text); });
  return button;
}

function sessionRow(session) {
  const name = session.session_ref;
  const actions = [];
  if (session.status === "active") actions.push(action("Suspend", `session of ${session.user_id}`, () => suspend(session)));
  if (session.status === "suspended") actions.push(action("Resume", `session of ${session.user_id}`, () => resume(session)));
  const user = el("td", {}, lookFor(session.user_id), session.tenant_id ? el("span", { className: "note", textContent: ` ${session.tenant_id}` }) : "");
  return tableRow(name, "", el("th", { scope: "row" }, lookFor(name, `${name.slice(0, 8)}…`)), user,
    el("td", {}, tag(session.status)), el("td", { className: "time", textContent: until(session.expires_at) }), el("td", { className: "actions" }, ...actions));
}

function connectionRow(connection) {
  const { connection_id: id, user_id: user } = connection;
  return tableRow(id, "", el("th", { scope: "row" }, mono(id)),
    el("td", {}, user ? lookFor(user) : el("span", { className: "note", textContent: "no session" })),
    el("td", { className: "via" }, mono(connection.gateway_instance_id)),
    el("td", {}, ...breakable(connection.channel)), el("td", { className: "time", textContent: ago(connection.connected_at) }),
    el("td", { className: "actions" }, action("Disconnect", user ?? id, () => disconnect(connection))));
}

const ago = (when) => span((Date.now() - Date.parse(when)) / 1000);
function until(when) {
  const left = (Date.parse(when) - Date.now()) / 1000;
  return left > 0 ? `in ${span(left)}` : `${span(-left)} ago`;
}

async function change(words, call) {
  const chosen = await confirmed(words);
  if (!chosen) return;
  try {
    tell("operate-result", (await call(chosen)) ?? words.done, "good");
  } catch (error) {
    tell("operate-result", apiWords(error), "bad");
  }
  operate.soon();
  await people.again();
}

function disconnect({ connection_id: id, user_id: user }) {
  return change({
    title: "Disconnect?", whom: id, button: "Disconnect", withCode: true, done: `Disconnected ${user ?? id}.`,
    text: `Closes this connection${user ? ` of ${user}` : ""}, on whichever instance it is. The session goes on.`,
  }, ({ code }) => api.disconnect(id, code).then(() => undefined));
}

function suspend({ session_ref: ref, user_id: user }) {
  return change({
    title: "Suspend this session?", whom: ref, button: "Suspend", done: `Suspended a session of ${user}.`,
    text: `All connections of this session of ${user} are closed with 4003, and it cannot connect until it is resumed.`,
  }, () => api.changeSession(`ref:${ref}`, { status: "suspended" }).then(() => undefined));
}

function resume({ session_ref: ref, user_id: user }) {
  return change({
    title: "Resume this session?", whom: ref, button: "Resume", done: `Resumed a session of ${user}.`,
    text: `${user} may connect with it again.`,
  }, () => api.changeSession(`ref:${ref}`, { status: "active" }).then(() => undefined));
}

function cancelRun({ run_id: id, channel }) {
  return change({
    title: "Cancel this run?", whom: id, button: "Cancel run",
    text: `Asks the agent of this answer on ${channel} to end it. Its readers hear of the end.`,
  }, async () => `The run is ${({ asked: "asked to end", already: "asked already", ended: "over" })[(await api.cancelRun(id)).status] ?? "cancelled"}.`);
}
