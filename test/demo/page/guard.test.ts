import { describe, expect, it } from 'vitest';
import { rejectionOf } from '../../../src/demo/page/guard.ts';

const URL_ = 'http://127.0.0.1:4000';
const HOST = '127.0.0.1:4000';

type Case = [name: string, method: string, headers: Record<string, string>];

describe('the guard of the page', () => {
  it.each<Case>([
    ['anyone who opens it', 'GET', { host: HOST }],
    ['anyone who opens it by name', 'GET', { host: 'localhost:4000' }],
    ['anyone who types its address', 'GET', { host: HOST, 'sec-fetch-site': 'none' }],
    [
      'anyone who follows a link to it',
      'GET',
      { host: HOST, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
    ],
    ['its own script', 'GET', { host: HOST, 'sec-fetch-site': 'same-origin' }],
    ['its own buttons', 'POST', { host: HOST, origin: URL_, 'sec-fetch-site': 'same-origin' }],
    ['its own buttons, opened by name', 'POST', { host: 'localhost:4000', origin: 'http://localhost:4000' }],
  ])('%s', (_name, method, headers) => {
    expect(rejectionOf({ method, headers }, URL_)).toBeUndefined();
  });

  it.each<Case>([
    ['a name that was rebound to this machine', 'GET', { host: 'evil.example:4000' }],
    ['a name that only begins like ours', 'GET', { host: 'localhost:4000.evil.example' }],
    ['another port', 'GET', { host: '127.0.0.1:4001' }],
    ['a request without a host', 'GET', {}],
    ['another website that reads', 'GET', { host: HOST, origin: 'https://evil.example' }],
    [
      'another website that embeds it',
      'GET',
      { host: HOST, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
    ],
    ['a page of another port', 'GET', { host: HOST, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }],
    ['another website that acts', 'POST', { host: HOST, origin: 'https://evil.example' }],
    ['a page of another port that acts', 'POST', { host: HOST, origin: 'http://127.0.0.1:4001' }],
    ['a page by the other name of ours that acts', 'POST', { host: HOST, origin: 'http://localhost:4000' }],
    ['a page without an origin that acts', 'POST', { host: HOST, origin: 'null' }],
    ['anyone who acts and does not say from where', 'POST', { host: HOST }],
    ['a form of another website', 'POST', { host: HOST, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }],
    ['what the browser says is foreign', 'POST', { host: HOST, origin: URL_, 'sec-fetch-site': 'cross-site' }],
  ])('not %s', (_name, method, headers) => {
    expect(rejectionOf({ method, headers }, URL_)).toMatch(/\.$/);
  });
});
