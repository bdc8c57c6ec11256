import { describe, expect, it } from 'vitest';
import { type LineMatch, needlesOf, readLine, USUAL } from '../../src/core/evidence-line.ts';

const HASH = '3f2a91bc'.padEnd(64, '0');
const never = (): boolean => false;
const reads = (line: string, match: LineMatch = USUAL): boolean => readLine(line, match, never) !== undefined;

/** What programs print about a 401 of a server that they called. */
const REJECTIONS: Readonly<Record<string, string>> = {
  'Python requests':
    'requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://api.example.com/orders',
  'Python urllib': 'urllib.error.HTTPError: HTTP Error 401: Unauthorized',
  'Python httpx': "httpx.HTTPStatusError: Client error '401 Unauthorized' for url 'https://api.example.com/orders'",
  'Python aiohttp': "aiohttp.client_exceptions.ClientResponseError: 401, message='Unauthorized', url='https://api'",
  'Go, the status of a response': '2026/11/29 23:05:37 orders: unexpected status 401 Unauthorized',
  'Go oauth2 and others': 'googleapi: got HTTP response code 401 with body: {}',
  'Go gRPC': 'rpc error: code = Unauthenticated desc = token is revoked',
  'Java HttpURLConnection':
    'java.io.IOException: Server returned HTTP response code: 401 for URL: https://api.example.com/orders',
  'Java Spring': 'org.springframework.web.client.HttpClientErrorException$Unauthorized: 401 Unauthorized: [no body]',
  'Java gRPC': 'io.grpc.StatusRuntimeException: UNAUTHENTICATED: token is revoked',
  'Java OkHttp': '<-- 401 Unauthorized https://api.example.com/orders (12ms)',
  'curl --fail': 'curl: (22) The requested URL returned error: 401',
  'curl --verbose, HTTP/2': '< HTTP/2 401 ',
  'curl --include': 'HTTP/1.1 401 Unauthorized',
  wget: 'HTTP request sent, awaiting response... 401 Unauthorized',
  axios: 'AxiosError: Request failed with status code 401',
  undici: 'ResponseError: Response status code 401: Unauthorized',
  'a fetch of Node that logs the response': "Response { status: 401, statusText: 'Unauthorized' }",
  'gRPC of Node': 'Error: 16 UNAUTHENTICATED: token is revoked',
  '.NET': 'HttpRequestException: Response status code does not indicate success: 401 (Unauthorized).',
  'Rust reqwest': 'HTTP status client error (401 Unauthorized) for url (https://api.example.com/orders)',
  'the challenge of the gateway': 'rejected: Bearer realm="api", error="invalid_token"',
  'the challenge within JSON': '{"msg":"rejected","challenge":"Bearer error=\\"invalid_token\\""}',
  'pino, a nested error': '{"level":50,"err":{"message":"Request failed with status code 401"},"msg":"call failed"}',
  'the access log of Envoy in JSON': '{"method":"POST","path":"/orders","response_code":401,"duration":3}',
  'the sidecar of this project':
    '{"duration_ms":3,"event":"token_rejected","flags":"-","route":"dynamics","sha256":"3f2a91bc","status":401,"token":"dynamics"}',
  'the status as a text': '{"status":"401","msg":"orders"}',
  'the example of this project': '{"level":"warn","event":"call","outcome":"rejected","status":401,"requests":2}',
  'the semantic conventions of OpenTelemetry': '{"http.response.status_code":401,"body":"orders"}',
};

/** What a program prints that has nothing to do with its token. */
const OTHERS: Readonly<Record<string, string>> = {
  'a line without any of it': '{"level":"info","msg":"listening on port 8080"}',
  'an empty line': '',
  'an order with that number': 'Order 401 was saved, 3 items',
  'a duration': '{"status":200,"duration_ms":401}',
  'another status': '{"status":403,"msg":"forbidden"}',
  'the access log of its own server':
    '10.0.0.7 - - [29/Nov/2026:23:05:37 +0000] "GET /me HTTP/1.1" 401 12 "-" "curl/8"',
  'a request to its own server, by pino-http':
    '{"req":{"method":"GET"},"res":{"statusCode":401},"msg":"request completed"}',
  'a token that lacks a scope': 'rejected: 401 Unauthorized, Bearer error="insufficient_scope"',
  'a malformed request': 'HTTP/1.1 401 Unauthorized, Bearer error="invalid_request"',
  'a list that begins like JSON': '["401"]',
  'damaged JSON': '{"status":401',
  'a status that cannot be made a text': '{"status":{"toString":1},"n":401}',
  'a status that is nested deeply': `{"status":${'['.repeat(7900)}401${']'.repeat(7900)}}`,
  'a list of status': '{"status":["401"]}',
};

describe('a line of a log, by default', () => {
  it.each(Object.entries(REJECTIONS))('reports a rejected token: %s', (_, line) => {
    expect(reads(line)).toBe(true);
  });

  it.each(Object.entries(OTHERS))('reports nothing: %s', (_, line) => {
    expect(reads(line)).toBe(false);
  });

  it.each(Object.values(REJECTIONS))('has one of the texts that lines are searched for: %s', (line) => {
    expect(needlesOf(USUAL).some((needle) => line.includes(needle))).toBe(true);
  });

  it('is read in a time that grows with its length only', () => {
    const long = `${'HTTP/1.1 '.repeat(1800)}status code 40${'1'.repeat(100)}`;
    const began = performance.now();
    expect(reads(long)).toBe(false);
    expect(performance.now() - began).toBeLessThan(200);
  });
});

describe('the token that a line names', () => {
  it.each([
    [`{"status":401,"rejected_sha256":"${HASH}"}`, HASH],
    [`{"status":401,"sha256":"3f2a91bc"}`, '3f2a91bc'],
    ['401 Unauthorized sha256=3f2a91bc', '3f2a91bc'],
    ['401 Unauthorized sha256=3f2a91bcd', undefined],
    ['{"event":"token_rejected","sha256":"3f2a91bc","status":401}', '3f2a91bc'],
    ['{"event":"token_rejected","sha256":null,"status":401}', undefined],
    ['401 Unauthorized', undefined],
    [`401 Unauthorized mysha256=${HASH}`, undefined],
  ])('of %s is %s', (line, rejected) => {
    expect(readLine(line, USUAL, never)).toEqual({ rejected });
  });
});

describe('a match of a field', () => {
  const match = (field: string, equals: string | number | boolean): LineMatch => ({ kind: 'field', field, equals });

  it.each<[string, LineMatch, boolean]>([
    ['{"status":401}', match('status', 401), true],
    ['{"status":"401"}', match('status', 401), true],
    ['  {"status":401}', match('status', '401'), true],
    ['{"status":4010}', match('status', 401), false],
    ['{"upstream":{"status":401}}', match('upstream.status', 401), true],
    ['{"upstream.status":401}', match('upstream.status', 401), true],
    ['{"upstream":null}', match('upstream.status', 401), false],
    ['{"upstream":{}}', match('upstream.toString.name', 'toString'), false],
    ['{"rejected":true}', match('rejected', true), true],
    ['{"rejected":{}}', match('rejected', '[object Object]'), false],
    ['status=401', match('status', 401), false],
    ['{"status":401', match('status', 401), false],
    ['{"other":401}', match('status', 401), false],
  ])('finds in %s what %j names: %s', (line, wanted, expected) => {
    expect(reads(line, wanted)).toBe(expected);
  });

  it('has lines searched for its value, where that is written in one way only', () => {
    expect(needlesOf(match('status', 401))).toEqual(['401']);
    expect(needlesOf(match('outcome', 'rejected'))).toEqual(['rejected']);
    expect(needlesOf(match('outcome', 'not "ok"'))).toEqual([]);
  });
});

describe('a match of an expression', () => {
  const match: LineMatch = { kind: 'expression', expression: 'TOKEN REJECTED' };

  it('is that of its test', () => {
    const test = (line: string): boolean => line.includes('TOKEN REJECTED');
    expect(readLine('orders: TOKEN REJECTED', match, test)).toEqual({ rejected: undefined });
    expect(readLine('401 Unauthorized', match, test)).toBeUndefined();
    expect(needlesOf(match)).toEqual([]);
  });
});
