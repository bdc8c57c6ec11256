import collections, hashlib, http.client, json, os, re, ssl, threading, time, urllib.error, urllib.parse, urllib.request
from datetime import datetime

ENV = os.environ
REREAD_FOR = float(ENV.get("REREAD_FOR", "10"))  # seconds to wait for the file, where nobody can be asked
LONGEST_WAIT = 30  # seconds that a call waits, if the reissue API asks for a pause
BEARER = {"name": "Authorization", "prefix": "Bearer "}


class NoToken(Exception):
    """There is no valid token, and none can be had now."""


def origin_of(url):
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


class TokenClient:
    """Calls one service with a token of the volume. Threads can share a client."""

    def __init__(self, name, origin):
        self.name, self.origin = name, origin_of(origin)
        if self.origin[0] != "https" and self.origin[1] not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("A token may only be sent over https, or to this machine.")
        self.lock = threading.Lock()  # for moments only
        self.waiting = threading.Lock()  # held by the one call that waits for a token
        self.held = self.accepted = self.cured_nothing = None
        self.rejected = collections.deque(maxlen=8)
        self.paused_until = 0.0
        self.patience = ("nothing", 0.0)

    def open(self, url, data=None, method=None, headers={}):
        """As urllib.request.urlopen. `data` is bytes, so that the request can be repeated."""
        token = self.token()
        try:
            return self.send(token, url, data, method, headers)
        except urllib.error.HTTPError as error:
            if not self.blames_token(error):
                raise
            try:
                other = self.token(rejected=token["access_token"])
            except NoToken:
                raise error from None
        try:
            return self.send(other, url, data, method, headers)
        except urllib.error.HTTPError as error:
            if self.blames_token(error):
                self.cured_nothing = other["access_token"]  # whatever other calls have accepted
            raise

    def send(self, token, url, data, method, headers):
        if origin_of(url) != self.origin:
            raise ValueError("The token belongs to another origin.")
        request = urllib.request.Request(url, data, headers, method=method)
        # Never to the target of a redirect.
        request.add_unredirected_header(token["header"]["name"], token["header"]["prefix"] + token["access_token"])
        answer = urllib.request.urlopen(request, timeout=30)
        if origin_of(answer.url) == self.origin:
            self.accepted = token["access_token"]
        return answer

    def blames_token(self, error):
        """Not if another origin answered, which got no token."""
        errors = set(re.findall(r'\berror\s*=\s*"?([\w-]+)', error.headers.get("WWW-Authenticate", "")))
        other_fault = errors and errors <= {"invalid_request", "insufficient_scope"}
        return error.code == 401 and not other_fault and origin_of(error.url) == self.origin

    def read(self):
        """Holds the token of the file, if it is better than the held one."""
        try:
            with open(f"{ENV['TOKEN_DIRECTORY']}/{self.name}.json") as file:
                token = json.load(file)
            if hashlib.sha256(token["access_token"].encode()).hexdigest() != token["sha256"]:
                return
            expiry = datetime.fromisoformat(token["expires_at"].replace("Z", "+00:00")).timestamp()
        except (OSError, ValueError, KeyError):
            return  # a write that is not finished: the held token stays
        token["live"] = lambda: time.time() < expiry
        token.setdefault("header", BEARER)
        if self.is_better(token):
            self.held = token

    def is_better(self, token):
        if token["access_token"] in self.rejected:
            return False
        if self.held is None or self.held["access_token"] in self.rejected:
            return True
        return token["generation"] > self.held["generation"]

    def token(self, rejected=None):
        """Returns a token that may be sent now, other than the rejected one. Calls that wait for a token share it."""
        with self.lock:
            if rejected and rejected not in self.rejected:
                self.rejected.append(rejected)
        held, usable = self.look(rejected)
        return held if usable else self.wait(rejected)

    def look(self, rejected):
        """Returns the held token, and whether it may be sent."""
        with self.lock:
            self.read()
            live = self.held is not None and self.held["live"]()
            return self.held, live and (rejected is None or self.held["access_token"] not in self.rejected)

    def wait(self, rejected):
        """Calls that have a token to send do not wait for this."""
        with self.waiting:
            waited, ask_at = False, 0.0
            while True:
                held, usable = self.look(rejected)
                if usable:
                    return held
                if self.patience[0] is not held:
                    self.patience = (held, time.monotonic() + REREAD_FOR)
                pause = self.paused_until - time.monotonic()
                known = held and "REISSUE_URL" in ENV
                if known and pause > 0:
                    if waited or pause > LONGEST_WAIT:
                        raise NoToken(f"The reissue API asked for a pause of {pause:.0f} s.")
                    waited = True
                    time.sleep(pause)
                if known and time.monotonic() >= ask_at:
                    ask_at = time.monotonic() + 1
                    if self.reissue(held["access_token"], rejected):
                        continue
                # No API, no answer, or an answer without the token: the file will have it.
                if time.monotonic() > self.patience[1]:
                    raise NoToken(f"No token {self.name} came within {REREAD_FOR:g} s.")
                time.sleep(0.1)

    def reissue(self, old, rejected):
        """Returns whether it is known what to do next: use the answer, or pause."""
        revoked = old == self.accepted and old != self.cured_nothing
        cause = "expired" if rejected is None else "revoked" if revoked else "never_accepted"
        body = {"rejected_sha256": hashlib.sha256(old.encode()).hexdigest(), "error": "invalid_token", "cause": cause}
        path = f"namespaces/{ENV['REISSUE_NAMESPACE']}/secrets/{ENV['REISSUE_SECRET']}/tokens/{self.name}/reissue"
        url = f"{ENV['REISSUE_URL'].rstrip('/')}/v1/{path}"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            with open(ENV["CALLER_TOKEN_FILE"]) as file:
                request.add_unredirected_header("Authorization", f"Bearer {file.read().strip()}")
            tls = ssl.create_default_context(cafile=ENV.get("CA_FILE"))  # without CA_FILE: the public CAs
            with urllib.request.urlopen(request, timeout=10, context=tls) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            retry_after = error.headers.get("Retry-After", "")
            self.paused_until = time.monotonic() + min(max(int(retry_after) if retry_after.isdigit() else 1, 1), 600)
            return True
        except (OSError, ValueError, http.client.HTTPException):
            return False
        with self.lock:
            if "access_token" not in answer or answer["access_token"] in self.rejected:
                return False
            end = time.monotonic() + answer["expires_in"]  # right even where the clock of this machine is wrong
            self.held = {"header": BEARER, **answer, "live": lambda: time.monotonic() < end}
        return True
