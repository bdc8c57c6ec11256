import { describe, expect, it } from 'vitest';
import { until } from '../../support/until.ts';
import { realParts } from '../real-parts.ts';
import { exchange, openAttackedPlace, takeOurs } from './attacked-place.ts';
import { EVIL, SMUGGLED } from './attacks.ts';
import { http2Call, http2Session } from './calls.ts';
import { http2Bytes } from './http2-frames.ts';

const SOON = 2000;

const REQUEST = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/service/a'],
  [':authority', '{host}'],
] as const;
type Fields = readonly (readonly [string, string])[];
const without = (name: string): Fields => REQUEST.filter(([known]) => known !== name);

describe('the Envoy sidecar, with HTTP/2', () => {
  const place = realParts(() => openAttackedPlace('HTTP/2'));
  const onPort = (fields: Fields): Fields =>
    fields.map(([name, value]) => [name, value.replace('{host}', `127.0.0.1:${place().port}`)]);

  async function survives(): Promise<void> {
    const session = await http2Session(`http://${place().host}`);
    const answer = await http2Call(session, { ':path': '/service/a' });
    session.destroy();
    expect([answer.headers[':status'], answer.body.toString()]).toEqual([200, 'ok']);
    takeOurs(place());
  }

  it('lets a request through that has nothing wrong', async () => {
    const sent = exchange(place().port, http2Bytes(onPort(REQUEST), { body: 'abc' }), SOON);
    const paths: (string | undefined)[] = [];
    await until(
      'the request',
      () => {
        paths.push(...takeOurs(place()).requests.map(({ path }) => path));
        return paths.length > 0;
      },
      SOON,
    );
    expect(paths).toEqual(['/a']);
    await sent;
  });

  it.each<[string, Fields, { body?: string; trailers?: Fields }?]>([
    ['Authorization twice', [...REQUEST, ['authorization', EVIL], ['authorization', EVIL]]],
    ['a name in capitals', [...REQUEST, ['Authorization', EVIL]]],
    ['a name with a colon', [...REQUEST, ['x: y\r\nauthorization', EVIL]]],
    ['a name with a space', [...REQUEST, ['authorization ', EVIL]]],
    ['a name with a NUL', [...REQUEST, ['authorization\0', EVIL]]],
    ['an empty name', [...REQUEST, ['', EVIL]]],
    ['a line end in a value', [...REQUEST, ['x-a', `b\r\nauthorization: ${EVIL}`]]],
    ['a line feed in a value', [...REQUEST, ['x-a', `b\nauthorization: ${EVIL}`]]],
    ['a NUL in a value', [...REQUEST, ['x-a', `b\0authorization: ${EVIL}`]]],
    [
      'a line end in the path',
      [...without(':path'), [':path', `/service/a HTTP/1.1\r\nauthorization: ${EVIL}\r\nx: `]],
    ],
    ['a space in the path', [...without(':path'), [':path', `/service/a HTTP/1.1 ${EVIL}`]]],
    [
      'a line end in the method',
      [...without(':method'), [':method', `GET /a HTTP/1.1\r\nauthorization: ${EVIL}\r\nx:`]],
    ],
    ['a line end in the host', [...without(':authority'), [':authority', `a\r\nauthorization: ${EVIL}`]]],
    ['two paths', [...REQUEST, [':path', SMUGGLED]]],
    ['two methods', [...REQUEST, [':method', 'GET']]],
    ['no path', without(':path')],
    ['no method', without(':method')],
    ['an unknown pseudo-header', [...REQUEST, [':authorization', EVIL]]],
    ['a pseudo-header after a field', [...without(':path'), ['x-a', 'b'], [':path', '/service/a']]],
    ['another host', [...REQUEST, ['host', 'evil.example']]],
    [
      'CONNECT',
      [
        [':method', 'CONNECT'],
        [':authority', '169.254.169.254:80'],
      ],
    ],
    ['an extended CONNECT', [[':method', 'CONNECT'], [':protocol', 'evil'], ...without(':method')]],
    ['Connection: authorization', [...REQUEST, ['connection', 'authorization']]],
    [
      'Transfer-Encoding',
      [...REQUEST, ['transfer-encoding', 'chunked']],
      { body: `0\r\n\r\nGET ${SMUGGLED} HTTP/1.1\r\n\r\n` },
    ],
    [
      'a short Content-Length',
      [...REQUEST, ['content-length', '5']],
      { body: `12345GET ${SMUGGLED} HTTP/1.1\r\n\r\n` },
    ],
    ['two Content-Lengths', [...REQUEST, ['content-length', '0'], ['content-length', '9']], { body: '123456789' }],
    ['Authorization in a trailer', REQUEST, { body: 'a', trailers: [['authorization', EVIL]] }],
    ['an underscore after the name', [...REQUEST, ['authorization_', EVIL]]],
    ['orders to Envoy', [...REQUEST, ['x-envoy-original-path', SMUGGLED], ['x-envoy-max-retries', '50']]],
  ])('sends one Authorization, its own, or nothing: %s', async (_, fields, more) => {
    await exchange(place().port, http2Bytes(onPort(fields), more));
    const arrived = takeOurs(place());
    expect(arrived.requests.length).toBeLessThanOrEqual(1);
    await survives();
  });
});
