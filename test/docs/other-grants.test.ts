import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { CLIENT_AUTHENTICATIONS, GRANTS } from '../../src/core/credential-needs.ts';
import type { OAuthDemand } from '../../src/ports/protocols.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { blocksIn, kindOfYaml } from '../support/code-blocks.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PAGE = 'docs/install/other-grants.md';
const page = readFileSync(join(ROOT, PAGE), 'utf8');

/** The configuration of each example, also of those that are values of the chart. */
const configurations = blocksIn(PAGE, page)
  .filter((block) => block.language === 'yaml')
  .map((block) => {
    if (kindOfYaml(block) === 'configuration') return block.text;
    const { config } = parse(block.text) as { config: object };
    return stringify(config);
  })
  .map((text) => parseConfiguration(text, 'config.yaml'));

const demands = configurations.flatMap(({ tokens }) => tokens.map(({ demand }) => demand));
const methods = configurations.flatMap(({ servers }) => Object.values(servers).flatMap((server) => server));

describe('the page on other grants', () => {
  it('has at most 200 lines', () => {
    expect(page.split('\n').length).toBeLessThanOrEqual(200);
  });

  it.each(['jwt_bearer', 'token_exchange'] as const)('has an example of the grant %s', (grant) => {
    expect(Object.keys(GRANTS)).toContain(grant);
    expect(demands).toContainEqual(expect.objectContaining({ grant }));
  });

  it('has an assertion of both kinds, and tokens to exchange of both kinds', () => {
    const signed = { claims: expect.anything() };
    expect(demands).toContainEqual(expect.objectContaining({ assertion: expect.objectContaining(signed) }));
    expect(demands).toContainEqual(expect.objectContaining({ assertion: { file: expect.any(String) } }));
    const subjects = demands.flatMap((demand) => (demand as Partial<OAuthDemand>).exchange?.subject ?? []);
    const types = new Set(subjects.map(({ type }) => type.split(':').at(-1)));
    expect(types).toEqual(new Set(['access_token', 'jwt']));
  });

  it.each(['anonymous', 'jwt_spiffe', 'workload_identity'] as const)(
    'has an example of the client authentication %s',
    (clientAuthentication) => {
      expect(Object.keys(CLIENT_AUTHENTICATIONS)).toContain(clientAuthentication);
      expect(methods).toContainEqual(expect.objectContaining({ clientAuthentication }));
    },
  );

  it('quotes messages as the token-acquirer has them', () => {
    const sources = ['assertion-file.ts', 'key-pair.ts'].map((file) =>
      readFileSync(join(ROOT, 'src/adapters/oauth', file), 'utf8'),
    );
    const quoted = [...page.matchAll(/^\| `The (.*?)` \|/gm)].map(([, text = '']) =>
      text.split('…').map((part) => part.trim()),
    );
    expect(quoted).toHaveLength(4);
    for (const parts of quoted) {
      const words = parts.map((part) =>
        part.replace(/^(?:subjectTokenFile|assertionFile)$|(?:assertionFile)$/, '').trim(),
      );
      expect(words.every((part) => sources.some((source) => source.includes(part)))).toBe(true);
    }
  });
});
