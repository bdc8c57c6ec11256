/** What an application, or what drives it, sends over a raw socket. `EVIL` in a header is what must never arrive as a credential. */
export interface RawAttack {
  readonly name: string;
  /** `{host}` stands for the host that the sidecar serves. */
  readonly bytes: string;
  /** Where the service must see nothing at all. */
  readonly nothing?: true;
}

/** The value of credentials that are not ours. */
export const EVIL = 'evil-credential';
/** The path of a request that is hidden in another one. */
export const SMUGGLED = '/smuggled';

const HIDDEN = `GET ${SMUGGLED} HTTP/1.1\r\nHost: {host}\r\nAuthorization: ${EVIL}\r\n\r\n`;
const AUTHORIZATION = `Authorization: Bearer ${EVIL}`;

function get(...headers: readonly string[]): string {
  return ['GET /service/a HTTP/1.1', 'Host: {host}', 'Connection: close', ...headers, '', ''].join('\r\n');
}

function post(headers: readonly string[], body: string): string {
  return ['POST /service/a HTTP/1.1', 'Host: {host}', ...headers, '', body].join('\r\n');
}

function startLine(line: string, ...headers: readonly string[]): string {
  return [line, ...headers, 'Connection: close', '', ''].join('\r\n');
}

/** Names and values that some parser takes for `Authorization`. */
const LOOK_ALIKES: readonly RawAttack[] = [
  { name: 'Authorization', bytes: get(AUTHORIZATION) },
  { name: 'two Authorizations', bytes: get(AUTHORIZATION, AUTHORIZATION) },
  { name: 'Authorization in mixed case', bytes: get(`aUtHoRiZaTiOn: ${EVIL}`) },
  { name: 'Authorization with another scheme', bytes: get(`Authorization: Basic ${EVIL}`) },
  { name: 'an empty Authorization and another', bytes: get('Authorization:', AUTHORIZATION) },
  { name: 'a space before the colon', bytes: get(`Authorization : ${EVIL}`), nothing: true },
  { name: 'a tab before the colon', bytes: get(`Authorization\t: ${EVIL}`), nothing: true },
  { name: 'a vertical tab in the name', bytes: get(`Authorization\v: ${EVIL}`), nothing: true },
  { name: 'a NUL at the end of the name', bytes: get(`Authorization\0: ${EVIL}`), nothing: true },
  { name: 'a NUL within the name', bytes: get(`Authori\0zation: ${EVIL}`), nothing: true },
  { name: 'a folded line', bytes: get('X-A: b', ` Authorization: ${EVIL}`) },
  { name: 'a folded first line', bytes: `GET /service/a HTTP/1.1\r\n Authorization: ${EVIL}\r\nHost: {host}\r\n\r\n` },
  { name: 'a folded value', bytes: get('Authorization:', ` ${EVIL}`) },
  { name: 'an underscore after the name', bytes: get(`authorization_: ${EVIL}`) },
  { name: 'an underscore before the name', bytes: get(`_authorization: ${EVIL}`) },
  { name: 'Proxy-Authorization', bytes: get(`Proxy-Authorization: Basic ${EVIL}`) },
  { name: 'a carriage return in a value', bytes: get(`X-A: b\rAuthorization: ${EVIL}`) },
  { name: 'a line feed in a value', bytes: get(`X-A: b\nAuthorization: ${EVIL}`) },
  { name: 'a NUL in a value', bytes: get(`X-A: b\0Authorization: ${EVIL}`), nothing: true },
  { name: 'a header without a name', bytes: get(`: ${EVIL}`), nothing: true },
  { name: 'a header without a colon', bytes: get(`Authorization ${EVIL}`), nothing: true },
  { name: 'a name of bytes above ASCII', bytes: get(`Authorizatio\u00f1: ${EVIL}`), nothing: true },
];

/** What shall take our header away on its way, or put the connection's end elsewhere. */
const HOP_BY_HOP: readonly RawAttack[] = [
  { name: 'Connection: authorization', bytes: get('Connection: authorization') },
  { name: 'Connection: authorization, with one', bytes: get('Connection: authorization', AUTHORIZATION) },
  {
    name: 'Connection: close, Authorization',
    bytes: `GET /service/a HTTP/1.1\r\nHost: {host}\r\nConnection: close, Authorization\r\n${AUTHORIZATION}\r\n\r\n`,
  },
  {
    name: 'an upgrade to HTTP/2',
    bytes: get('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'),
  },
  { name: 'an upgrade to an unknown protocol', bytes: get('Connection: Upgrade', 'Upgrade: evil'), nothing: true },
  { name: 'Keep-Alive and TE', bytes: get('Keep-Alive: timeout=99', 'TE: trailers, deflate') },
];

/** Two parsers that disagree about where a body ends. */
const SMUGGLING: readonly RawAttack[] = [
  {
    name: 'Content-Length and Transfer-Encoding',
    bytes: post(['Content-Length: 5', 'Transfer-Encoding: chunked'], `0\r\n\r\n${HIDDEN}`),
    nothing: true,
  },
  {
    name: 'Transfer-Encoding and Content-Length',
    bytes: post(['Transfer-Encoding: chunked', `Content-Length: ${HIDDEN.length + 5}`], `0\r\n\r\n${HIDDEN}`),
    nothing: true,
  },
  {
    name: 'two different Content-Lengths',
    bytes: post(['Content-Length: 0', `Content-Length: ${HIDDEN.length}`], HIDDEN),
    nothing: true,
  },
  { name: 'a list of Content-Lengths', bytes: post([`Content-Length: 0, ${HIDDEN.length}`], HIDDEN), nothing: true },
  { name: 'a signed Content-Length', bytes: post(['Content-Length: +5'], `12345${HIDDEN}`), nothing: true },
  { name: 'a negative Content-Length', bytes: post(['Content-Length: -1'], HIDDEN), nothing: true },
  { name: 'a hexadecimal Content-Length', bytes: post(['Content-Length: 0x5'], `12345${HIDDEN}`), nothing: true },
  { name: 'a huge Content-Length', bytes: post(['Content-Length: 99999999999999999999999'], HIDDEN), nothing: true },
  { name: 'a space in Content-Length', bytes: post(['Content-Length: 1 2'], HIDDEN), nothing: true },
  {
    name: 'Content-Length with a space before the colon',
    bytes: post(['Content-Length : 5'], `12345${HIDDEN}`),
    nothing: true,
  },
  {
    name: 'an unknown Transfer-Encoding',
    bytes: post(['Transfer-Encoding: xchunked'], `0\r\n\r\n${HIDDEN}`),
    nothing: true,
  },
  {
    name: 'identity after chunked',
    bytes: post(['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${HIDDEN}`),
    nothing: true,
  },
  {
    name: 'two Transfer-Encodings',
    bytes: post(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], `0\r\n\r\n${HIDDEN}`),
    nothing: true,
  },
  {
    name: 'Transfer-Encoding with a space before the colon',
    bytes: post(['Transfer-Encoding : chunked'], `0\r\n\r\n${HIDDEN}`),
    nothing: true,
  },
  {
    name: 'Transfer-Encoding with a vertical tab',
    bytes: post(['Transfer-Encoding: \vchunked'], `0\r\n\r\n${HIDDEN}`),
    nothing: true,
  },
  {
    name: 'Transfer-Encoding of HTTP/1.0',
    bytes: `POST /service/a HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
    nothing: true,
  },
  { name: 'a chunk with a hexadecimal prefix', bytes: post(['Transfer-Encoding: chunked'], `0x3\r\nabc\r\n0\r\n\r\n`) },
  {
    name: 'a chunk of a huge size',
    bytes: post(['Transfer-Encoding: chunked'], `fffffffffffffffff\r\nabc\r\n0\r\n\r\n`),
  },
  {
    name: 'a chunk that is longer than its size',
    bytes: post(['Transfer-Encoding: chunked'], `3\r\nabcdef\r\n0\r\n\r\n`),
  },
  { name: 'an extension with a line feed', bytes: post(['Transfer-Encoding: chunked'], `1;a\n\r\nb\r\n0\r\n\r\n`) },
  {
    name: 'Authorization in a trailer',
    bytes: post(['Transfer-Encoding: chunked', 'Trailer: Authorization'], `1\r\na\r\n0\r\n${AUTHORIZATION}\r\n\r\n`),
  },
  {
    name: 'a body of GET',
    bytes: `GET /service/a HTTP/1.1\r\nHost: {host}\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  },
];

/** Ways to another place than the service, and start lines that are none. */
const ELSEWHERE: readonly RawAttack[] = [
  {
    name: 'CONNECT',
    bytes: startLine('CONNECT 169.254.169.254:80 HTTP/1.1', 'Host: 169.254.169.254:80'),
    nothing: true,
  },
  {
    name: 'CONNECT to the service',
    bytes: startLine('CONNECT localhost:443 HTTP/1.1', 'Host: localhost:443'),
    nothing: true,
  },
  { name: 'CONNECT with a path', bytes: startLine('CONNECT /service/a HTTP/1.1', 'Host: {host}'), nothing: true },
  {
    name: 'the absolute form of another host',
    bytes: startLine('GET http://evil.example/a HTTP/1.1', 'Host: {host}'),
    nothing: true,
  },
  {
    name: 'the absolute form with the path of the service',
    bytes: startLine('GET http://evil.example/service/a HTTP/1.1', 'Host: {host}'),
  },
  {
    name: 'the absolute form with user information',
    bytes: startLine(`GET http://a:${EVIL}@{host}/service/a HTTP/1.1`, 'Host: {host}'),
  },
  { name: 'a foreign Host', bytes: startLine('GET /service/a HTTP/1.1', 'Host: evil.example') },
  { name: 'no Host', bytes: startLine('GET /service/a HTTP/1.1'), nothing: true },
  { name: 'two Hosts', bytes: startLine('GET /service/a HTTP/1.1', 'Host: {host}', 'Host: evil.example') },
  { name: 'a Host with a path', bytes: startLine('GET /service/a HTTP/1.1', 'Host: {host}/../b') },
  { name: 'X-Forwarded-Host', bytes: get('X-Forwarded-Host: evil.example', 'Forwarded: host=evil.example') },
  { name: 'the asterisk form', bytes: startLine('OPTIONS * HTTP/1.1', 'Host: {host}'), nothing: true },
  { name: 'HTTP/1.0', bytes: startLine('GET /service/a HTTP/1.0', AUTHORIZATION) },
  { name: 'HTTP/0.9', bytes: 'GET /service/a\r\n', nothing: true },
  { name: 'HTTP/1.2', bytes: startLine('GET /service/a HTTP/1.2', 'Host: {host}'), nothing: true },
  { name: 'HTTP/3.0', bytes: startLine('GET /service/a HTTP/3.0', 'Host: {host}'), nothing: true },
  { name: 'a method with a space', bytes: startLine('GE T /service/a HTTP/1.1', 'Host: {host}'), nothing: true },
  {
    name: 'a path with a space',
    bytes: startLine(`GET /service/a HTTP/1.1 x: ${EVIL} HTTP/1.1`, 'Host: {host}'),
    nothing: true,
  },
  { name: 'a path with a NUL', bytes: startLine('GET /service/\0a HTTP/1.1', 'Host: {host}'), nothing: true },
  { name: 'a path out of the folder', bytes: startLine('GET /service/../a HTTP/1.1', 'Host: {host}'), nothing: true },
  { name: 'nothing but spaces', bytes: '   \r\n\r\n', nothing: true },
  { name: 'TLS', bytes: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', nothing: true },
];

const LIMITS: readonly RawAttack[] = [
  { name: 'a header of 100 kB', bytes: get(`X-A: ${'a'.repeat(100_000)}`), nothing: true },
  {
    name: 'a path of 100 kB',
    bytes: startLine(`GET /service/${'a'.repeat(100_000)} HTTP/1.1`, 'Host: {host}'),
    nothing: true,
  },
  { name: '1,000 headers', bytes: get(...Array.from({ length: 1000 }, (_, at) => `X-${at}: a`)), nothing: true },
  { name: '1,000 Authorizations', bytes: get(...Array.from({ length: 1000 }, () => AUTHORIZATION)) },
];

/** Orders to Envoy that must have no effect. */
const ORDERS: readonly RawAttack[] = [
  {
    name: 'headers that order Envoy to retry',
    bytes: get(
      'x-envoy-max-retries: 50',
      'x-envoy-retry-on: 5xx,retriable-status-codes',
      'x-envoy-retriable-status-codes: 200',
    ),
  },
  { name: 'a header that orders Envoy to another host', bytes: get('x-envoy-original-dst-host: 169.254.169.254:80') },
];

export const RAW_ATTACKS: readonly RawAttack[] = [
  ...LOOK_ALIKES,
  ...HOP_BY_HOP,
  ...SMUGGLING,
  ...ELSEWHERE,
  ...LIMITS,
  ...ORDERS,
];
