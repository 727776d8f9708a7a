"""The service API as an agent or a back end sees it."""

import httpx

from support.sse import EventStream

SESSIONS = "/api/traffic-cop/sessions"
POST_OFFICE = "/api/post-office/websocket"


class Api:
    """Requests with one key (None: without credentials).

    The named verbs assert success and return the JSON; get, post, patch, delete and request return the
    response as it came.
    """

    def __init__(self, base_url, key, timeout=30.0):
        self.base_url = base_url
        self.key = key
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        # Reading the CA certificates would cost more than the requests.
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout, trust_env=False, verify=False)

    def close(self):
        self._http.close()

    def request(self, method, path, **options):
        return self._http.request(method, path, **options)

    def get(self, path, **options):
        return self._http.get(path, **options)

    def post(self, path, json=None, **options):
        return self._http.post(path, json=json, **options)

    def patch(self, path, json=None, **options):
        return self._http.patch(path, json=json, **options)

    def delete(self, path, **options):
        return self._http.delete(path, **options)

    # Traffic Cop.

    def create_session(self, user_id="ada", **fields):
        return _ok(self.post(SESSIONS, {"user_id": user_id, **fields}), 201)

    def session(self, session_id):
        return _ok(self.get(f"{SESSIONS}/{session_id}"))

    def validate_session(self, session_id):
        return _ok(self.post(f"{SESSIONS}/{session_id}/validate"))

    def patch_session(self, session_id, **fields):
        return _ok(self.patch(f"{SESSIONS}/{session_id}", fields))

    def delete_session(self, session_id):
        return _ok(self.delete(f"{SESSIONS}/{session_id}"))

    def session_connections(self, session_id):
        return _ok(self.get(f"{SESSIONS}/{session_id}/websockets"))["connections"]

    # Post Office.

    def publish(self, channel, message, realm="tests", **fields):
        body = {"channel": channel, "message": message, "realm": realm, **fields}
        return _ok(self.post(f"{POST_OFFICE}/publish", body))

    def send(self, message, **target):
        """`target` is one of connection_id, session_ref, session_id and user_id."""
        return _ok(self.post(f"{POST_OFFICE}/send", {"message": message, **target}))

    def subscribe(self, channel, group=None, **options) -> EventStream:
        query = {"channel": channel} | ({"group": group} if group else {})
        return EventStream(self.base_url, f"{POST_OFFICE}/subscribe", query, self.key, **options)

    def ack(self, channel, group, ids):
        return _ok(self.post(f"{POST_OFFICE}/ack", {"channel": channel, "group": group, "ids": ids}))

    def connection_record(self, connection_id):
        return self.get(f"{POST_OFFICE}/connections/{connection_id}")

    def connections(self, **filter):
        """All pages of the list."""
        return self._pages(f"{POST_OFFICE}/connections", "connections", filter)

    def sessions(self, **filter):
        return self._pages(SESSIONS, "sessions", filter)

    def _pages(self, path, name, filter):
        found, after = [], ""
        while after is not None:
            page = _ok(self.get(path, params=filter | {"after": after}))
            found += page[name]
            after = page["after"]
        return found

    def disconnect(self, **target):
        """`target` is one of connection_id, session_ref, session_id and user_id; and a `code`."""
        return _ok(self.post(f"{POST_OFFICE}/disconnect", target))

    def instances(self):
        """What each says of itself, by its id."""
        return {one["instance_id"]: one for one in _ok(self.get(f"{POST_OFFICE}/instances"))["instances"]}

    def channel_connections(self, channel):
        return _ok(self.get(f"{POST_OFFICE}/channels/{channel}/connections"))["connections"]

    def connection_count(self):
        return _ok(self.get(f"{POST_OFFICE}/connection-count"))

    def backpressure(self):
        return _ok(self.get(f"{POST_OFFICE}/backpressure"))


def _ok(response, status=200):
    assert response.status_code == status, (
        f"{response.request.method} {response.request.url}: {response.status_code} {response.text}"
    )
    return response.json()


def assert_refused(response, status, code=None):
    """The form that every error has."""
    assert response.status_code == status, f"{response.status_code} {response.text}"
    body = response.json()
    assert body["success"] is False, body
    assert isinstance(body["error"], str) and body["error"], body
    assert isinstance(body["code"], str) and body["code"], body
    assert code is None or body["code"] == code, body
    assert response.headers["content-type"].startswith("application/json"), response.headers
    return body
