import { describe, expect, it } from 'vitest';
import { isDirect } from '../../../src/adapters/http/no-proxy.ts';

/** The entries of NO_PROXY that match a host and port, and those that do not. */
const CASES: readonly {
  readonly host: string;
  readonly port?: number;
  readonly by: string[];
  readonly not: string[];
}[] = [
  {
    host: 'login.example.com',
    by: [
      '*',
      'login.example.com',
      'example.com',
      '.example.com',
      '*.example.com',
      'com',
      'LOGIN.Example.COM',
      'example.com.',
      'example.com:443',
      '.example.com:443',
      ' other.org , example.com ',
      'other.org example.com',
    ],
    not: [
      '',
      ' , ',
      '.',
      '*.',
      'ample.com',
      '.login.example.com',
      '*.login.example.com',
      'example.com:8443',
      'example.org',
      '*.com.example',
      '10.0.0.0/8',
      'log*',
    ],
  },
  { host: 'LOGIN.example.com.', by: ['example.com', '.example.com'], not: ['example'] },
  { host: 'corp', by: ['corp', 'CORP', 'corp:443'], not: ['.corp', '*.corp'] },
  { host: 'idp.corp', port: 8443, by: ['corp', '.corp', 'corp:8443'], not: ['corp:443', 'idp.corp:443'] },
  { host: 'notcorp', by: ['*'], not: ['corp', '.corp'] },
  {
    host: '10.1.2.3',
    by: ['10.1.2.3', '10.0.0.0/8', '10.1.2.3/32', '0.0.0.0/0', '10.1.2.3:443', '10.1.2.1-10.1.2.9', '::ffff:10.1.2.3'],
    not: [
      '10.1.2.4',
      '10.2.0.0/16',
      '10.1.2.3:80',
      '.1.2.3',
      '2.3',
      '10.1.2',
      '10.1.2.3/33',
      '10.1.2.3/',
      'fd00::/8',
      '10.1.2.4-10.1.2.9',
      '10.1.2.9-10.1.2.1',
    ],
  },
  {
    host: 'fd00::1',
    by: ['fd00::1', '[fd00::1]', '[fd00::1]:443', 'fd00:0:0::1', 'fd00::/8', '[fd00::]/8', 'FD00::1'],
    not: ['fd00::2', '[fd00::1]:80', 'fe00::/8', '10.0.0.0/8', 'fd00::1/200', 'fd00'],
  },
];

describe('NO_PROXY', () => {
  it.each(CASES.flatMap(({ by, ...host }) => by.map((entry) => ({ port: 443, ...host, entry }))))(
    'sends $host:$port past the proxy for "$entry"',
    ({ host, port, entry }) => {
      expect(isDirect({ host, port }, entry)).toBe(true);
    },
  );

  it.each(CASES.flatMap(({ not, ...host }) => not.map((entry) => ({ port: 443, ...host, entry }))))(
    'sends $host:$port through the proxy for "$entry"',
    ({ host, port, entry }) => {
      expect(isDirect({ host, port }, entry)).toBe(false);
    },
  );
});
