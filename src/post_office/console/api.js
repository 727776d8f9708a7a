// The service API: the calls this page makes, with the key the user gave.

class ApiError extends Error {
  // `status` is 0 when no answer came at all.
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

class Api {
  constructor() {
    this.key = "";
  }

  async call(method, path, body) {
    const options = { method, headers: {}, cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(10000) };
    if (this.key) options.headers.Authorization = `Bearer ${this.key}`;
    if (body !== undefined) {
      options.headers["Content-Type"] = "application/json";
      options.body = typeof body === "string" ? body : JSON.stringify(body);
    }
    let response, text;
    try {
      response = await fetch(path, options);
      text = await response.text();
    } catch {
      throw new ApiError(0, "no answer");
    }
    const answer = parseObject(text) ?? {};
    if (!response.ok) throw new ApiError(response.status, answer.error ?? response.statusText);
    return answer;
  }

  // Asked for the channels. The address in the answer is for clients that carry their token in it; this
  // page does not, so no token is given away here.
  endpoint() { return this.call("GET", "/api/post-office/websocket/endpoint?session_token=none"); }
  counts() { return this.call("GET", "/api/post-office/websocket/connection-count"); }
  instances() { return this.call("GET", "/api/post-office/websocket/instances"); }
  // `kind` is sessions or connections.
  list(kind, query) {
    const path = kind === "sessions" ? "/api/traffic-cop/sessions" : "/api/post-office/websocket/connections";
    return this.call("GET", `${path}?${new URLSearchParams(query)}`);
  }
  connection(id) { return this.call("GET", `/api/post-office/websocket/connections/${id}`); }
  disconnect(id, code) { return this.call("POST", `/api/post-office/websocket/connections/${id}/disconnect`, { code }); }
  runs(status, limit) { return this.call("GET", `/api/post-office/runs?${new URLSearchParams({ status, limit })}`); }
  cancelRun(id) { return this.call("POST", `/api/post-office/runs/${encodeURIComponent(id)}/cancel`, { reason: "cancelled in the console" }); }
  session(id) { return this.call("GET", `/api/traffic-cop/sessions/${encodeURIComponent(id)}`); }
  changeSession(id, change) { return this.call("PATCH", `/api/traffic-cop/sessions/${encodeURIComponent(id)}`, change); }
  publish(body) { return this.call("POST", "/api/post-office/websocket/publish", body); }
  createSession(body) { return this.call("POST", "/api/traffic-cop/sessions", body); }
  endSession(id) { return this.call("DELETE", `/api/traffic-cop/sessions/${encodeURIComponent(id)}`); }

  // Tells a gateway that is away from one that is up and refused the handshake: a browser's
  // WebSocket shows no difference. Any answer counts, so the body and status are not read.
  async answers() {
    try {
      await fetch("/health/live", { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(3000) });
      return true;
    } catch {
      return false;
    }
  }
}
