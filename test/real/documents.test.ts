import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blocksIn } from '../support/code-blocks.ts';
import { APACHE, ENVOY } from './challenges.ts';
import { ENVOY_VERSION } from './install/envoy.ts';
import { KEYCLOAK_VERSION } from './install/keycloak.ts';
import { KEYCLOAK_REFUSALS } from './keycloak-refusals.ts';
import { AUDIENCE, realmOf } from './parts/keycloak-realm.ts';

const file = (...path: string[]): string => readFileSync(join(import.meta.dirname, ...path), 'utf8');
const document = file('../../docs/project/compatibility.md');
const blocks = blocksIn('docs/project/compatibility.md', document);

/** The text without indentation and line ends, as a block that is shown may be further left than what it is of. */
function flat(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

const realm = flat(JSON.stringify(realmOf({ client: '', gateway: '', userPassword: '', publicJwk: {} })));
const sources = [file('parts/envoy.yaml'), file('parts/apache.conf'), file('unusual-gateways.test.ts')].map(flat);

/** What of a block is run by the tests: of a module, the rules. */
function partOf(text: string): string {
  return flat(/tokenErrors: \[.*?\n\s*\],/s.exec(text)?.[0] ?? text);
}

/** Whether a block is one of the files that the tests run, or of the realm that they import. */
function isRun(text: string): boolean {
  const json = text.startsWith('{') ? JSON.stringify(JSON.parse(text)) : undefined;
  return json === undefined ? sources.some((source) => source.includes(partOf(text))) : realm.includes(flat(json));
}

describe('the document on real parts', () => {
  it('has blocks of all of them', () => {
    expect(blocks).toHaveLength(5);
  });

  it.each(blocks.map((block) => [block.line, block] as const))('shows in line %i what the tests run', (_, { text }) => {
    expect(isRun(text)).toBe(true);
  });

  it('differs from one that shows something else', () => {
    for (const { text } of blocks) expect(isRun(text.replace(/true|1s|JWKS_CACHE|INTERVAL|expired/, 'x'))).toBe(false);
  });

  it('quotes the challenges as they are, and all of them', () => {
    const url = 'https://gateway.example.com/incidents';
    const quoted = [...document.matchAll(/`(Bearer [^`]*)`/g)].map(([, challenge]) => challenge);
    const expected = [ENVOY.badToken(url), ENVOY.noToken(url), APACHE.badToken, APACHE.noToken];
    expect(quoted).toEqual(expected);
  });

  it('has the rejections of Keycloak in a table', () => {
    const rows = [...document.matchAll(/^\| (an? .*?) \| `(\w+)` \| (\d+) \|$/gm)];
    const refusals = rows.map(([, fault, code, status]) => [fault, { code, status: Number(status) }] as const);
    expect(Object.fromEntries(refusals)).toEqual(KEYCLOAK_REFUSALS);
  });

  it('names the versions that are installed', () => {
    for (const version of [`Keycloak ${KEYCLOAK_VERSION}`, `Envoy ${ENVOY_VERSION}`])
      expect(document).toContain(version);
  });

  it('names the audience of the tests', () => {
    expect(document).toContain(AUDIENCE);
  });
});
