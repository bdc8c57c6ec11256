import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLabel } from '../../src/core/names.ts';
import { lifetimeOf, renewalTime } from '../../src/core/renewal.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { ConfigurationError } from '../../src/token-acquirer/configuration/problems.ts';
import type { Configuration } from '../../src/token-acquirer/configuration/resolve.ts';
import { warningsOf } from '../../src/token-acquirer/configuration/warnings.ts';
import { accepted, CANARY, expectHeaderValue, expectLinearIn, expectTime, fuzz } from '../support/fuzz.ts';
import { damaged, hostileText, nearJson } from '../support/hostile.ts';

const FILE = '/etc/token-acquirer/config.yaml';
const NOW = Date.UTC(2026, 10, 30);

const SECRET = { namespace: 'billing', name: 'billing-tokens' };
const VALID = {
  authorizationServers: {
    corporate: {
      issuer: 'https://login.example.com/realms/corp',
      clientAuthentication: 'client_secret_basic',
      defaultLifetime: '5m',
      proxy: 'http://proxy.example.com:3128',
    },
    partner: {
      protocol: 'http_login',
      url: 'https://partner.example.com/login',
      token: { pointer: '/token/id' },
      headers: { 'X-Api-Key': { credential: 'client_secret' }, 'X-Tenant': { value: 'a' } },
    },
  },
  tokens: [
    {
      name: 'dynamics',
      authorizationServer: 'corporate',
      credential: 'dynamics',
      grant: 'password',
      scope: 'https://org.crm.example.com/.default',
      renewal: { interval: '10m' },
      secret: SECRET,
      clients: [{ namespace: 'billing', serviceAccount: 'billing-app' }],
      clientApp: { namespace: 'billing', selector: 'app=billing' },
      header: { name: 'X-Auth-Token', prefix: '' },
      copies: [{ key: 'credential', form: 'bearer' }],
      parameters: { claims: 'none' },
    },
    { name: 'partner', authorizationServer: 'partner', credential: 'partner', secret: SECRET, renewal: { at: '50%' } },
  ],
};

const YAML = `authorizationServers:
  corporate: &server
    issuer: https://login.example.com/realms/corp
tokens:
  - &token
    name: dynamics
    authorizationServer: corporate
    credential: dynamics
    grant: client_credentials
    secret: { namespace: billing, name: billing-tokens }
  - { <<: *token, name: "other" }
`;

const read = (text: string): Configuration => parseConfiguration(text, FILE);

/** A part of the canary, as a cut leaves it. */
const PIECE = new RegExp(`[${CANARY}]{6,}`, 'g');

/** A message names unknown keys, so a secret must not be one. */
function withoutCanary(text: string): string {
  return text.replaceAll(PIECE, 'x');
}

/** Leaves the canary in values of JSON. In a damaged text it could become a key. */
function withoutSecretKeys(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), (_key, value: unknown) => (isObject(value) ? cleanKeys(value) : value));
  } catch {
    return withoutCanary(text);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function cleanKeys(value: object): object {
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [withoutCanary(key), member as unknown]));
}

function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

function expectConfiguration(configuration: Configuration): void {
  expect(numbersIn(configuration).filter((number) => !Number.isFinite(number))).toEqual([]);
  for (const { identity, key, copies, header, renewal, defaultLifetime } of configuration.tokens) {
    expect(Object.values(identity).every(isLabel)).toBe(true);
    for (const name of [key, ...copies.map((copy) => copy.key)]) expect(name).not.toMatch(/\.\.|[^-.\w]/);
    expectHeaderValue(`${header.prefix}token`);
    const { lifetime } = lifetimeOf(undefined, defaultLifetime);
    expect(lifetime).toBeGreaterThan(0);
    expectTime(renewalTime(NOW, NOW + lifetime, renewal, 1));
  }
  for (const server of Object.values(configuration.servers)) {
    for (const url of Object.values(server)) {
      if (typeof url === 'string' && url.startsWith('https:')) expect(new URL(url).username).toBe('');
    }
  }
  for (const warning of warningsOf(configuration)) expect(warning).toMatch(/\.$/);
}

describe('a configuration', () => {
  it('is right, or a ConfigurationError that quotes no value', () => {
    fuzz(nearJson(VALID).map(withoutSecretKeys), (text) => {
      const found = accepted(() => read(text), ConfigurationError);
      if (found !== undefined) expectConfiguration(found);
    });
  });

  it('is right, or a ConfigurationError, however its YAML is damaged', () => {
    const strange = fc.constantFrom(
      '&a',
      '*a',
      '*token',
      '<<: *token',
      '!!js',
      '? ',
      '- ',
      '{',
      '[',
      '|',
      '>',
      '%TAG',
      '---',
      '"',
      "'",
      '\t',
      '#',
      '\0',
    );
    const pieces = fc.array(fc.tuple(fc.nat(YAML.length), strange), { maxLength: 4 }).map((all) => {
      let text = YAML;
      for (const [at, piece] of all) text = `${text.slice(0, at)}${piece}${text.slice(at)}`;
      return text;
    });
    fuzz(fc.oneof(damaged(YAML), pieces, hostileText).map(withoutCanary), (text) => {
      const found = accepted(() => read(text), ConfigurationError);
      if (found !== undefined) expectConfiguration(found);
    });
  });

  it('shows no value of a key that could hold a secret', () => {
    const places = ['proxy', 'issuer', 'caFile', 'defaultLifetime', 'clientAuthentication', 'password'];
    fuzz(
      fc.tuple(
        fc.constantFrom(...places),
        fc.constantFrom(CANARY, `https://ada:${CANARY}@h`, `[${CANARY}`, `*${CANARY}`, `"${CANARY}`),
      ),
      ([place, value]) =>
        void accepted(
          () => read(`authorizationServers:\n  corporate:\n    ${place}: ${value}\ntokens: []\n`),
          ConfigurationError,
        ),
      60,
    );
  });
});

const SERVER = 'authorizationServers: { corporate: { issuer: https://login.example.com } }\n';
const token = (at: number): string =>
  `  - { name: t${at}, authorizationServer: corporate, credential: c, grant: client_credentials, secret: { namespace: billing, name: s${at} } }\n`;
const many = (size: number, line: (at: number) => string): string => {
  const lines: string[] = [];
  for (let length = 0, at = 0; length < size; at += 1) {
    const next = line(at);
    length += next.length;
    lines.push(next);
  }
  return lines.join('');
};

describe('the time of a configuration', () => {
  const shapes: readonly (readonly [string, (size: number) => string])[] = [
    ['of tokens', (size) => `${SERVER}tokens:\n${many(size, token)}`],
    [
      'of tokens by their identity',
      (size) =>
        `${SERVER}tokens:\n${many(size, (at) => `  billing/s/t${at}: { authorizationServer: corporate, credential: c, grant: client_credentials }\n`)}`,
    ],
    [
      'of authorization servers',
      (size) =>
        `authorizationServers:\n${many(size, (at) => `  s${at}: { issuer: https://login.example.com }\n`)}tokens: []\n`,
    ],
    ['of unknown keys', (size) => many(size, (at) => `k${at}: 1\n`)],
    ['of unknown keys of a token', (size) => `${SERVER}tokens:\n  - name: a\n${many(size, (at) => `    k${at}: 1\n`)}`],
    ['of tokens without anything', (size) => `${SERVER}tokens:\n${many(size, () => '  - {}\n')}`],
    ['of the same key', (size) => many(size, () => 'a: 1\n')],
    ['of aliases', (size) => `a: &a [1]\nb:\n${many(size, () => '  - *a\n')}`],
    ['of anchors and aliases', (size) => `b:\n${many(size, (at) => `  - &a${at} 1\n  - *a${at}\n`)}`],
    ['of missing anchors', (size) => `b:\n${many(size, (at) => `  - *a${at}\n`)}`],
    [
      'of headers',
      (size) =>
        `authorizationServers:\n  p:\n    protocol: http_login\n    url: https://h\n    token: { pointer: /t }\n    headers:\n${many(size, (at) => `      X-${at}: { value: a }\n`)}tokens: []\n`,
    ],
    [
      'of fields',
      (size) =>
        `authorizationServers:\n  p:\n    protocol: http_login\n    url: https://h\n    token: { pointer: /t }\n    body:\n      fields:\n${many(size, (at) => `        /a/${at}: { value: a }\n`)}tokens: []\n`,
    ],
    ['of brackets', (size) => '['.repeat(size)],
    ['of dashes', (size) => '- '.repeat(size / 2)],
    ['of a long key', (size) => `${'k'.repeat(size)}: 1\n`],
  ];

  it.each(shapes)('grows linearly with the number %s', (_, make) => {
    expectLinearIn(make, read, 16 * 1024);
  });
});
