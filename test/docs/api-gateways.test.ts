import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { blocksIn, kindOfYaml } from '../support/code-blocks.ts';

const PAGE = 'docs/use/api-gateways.md';
const page = readFileSync(join(import.meta.dirname, '../..', PAGE), 'utf8');
const blocks = blocksIn(PAGE, page);
const [token] = parseConfiguration(
  blocks.find((block) => kindOfYaml(block) === 'configuration')?.text ?? '',
  'config.yaml',
).tokens;

const objects = blocks
  .filter(({ language, text }) => language === 'yaml' && text.includes('apiVersion:'))
  .flatMap(({ text }) => parseAllDocuments(text).map((one) => one.toJS() as { kind: string; spec: unknown }));
const specOf = (kind: string): unknown => objects.find((one) => one.kind === kind)?.spec;

/** The part of the resource that the page uses, as its definition of version 1.4 has it. */
const header = z.strictObject({ name: z.string(), prefix: z.string().min(1).max(256).optional() });
const auth = z.strictObject({
  secretRef: z.strictObject({
    name: z.string(),
    key: z.string().min(1).optional(),
    group: z.literal('').optional(),
    kind: z.literal('Secret').optional(),
  }),
  location: z.strictObject({ header }).optional(),
});
const policy = z.strictObject({
  targetRefs: z
    .array(
      z.strictObject({ group: z.string(), kind: z.string(), name: z.string(), sectionName: z.string().optional() }),
    )
    .min(1),
  backend: z.strictObject({ auth }),
});

describe('the page on API gateways', () => {
  it('has a token with the key that Envoy Gateway reads, in the Secret that its filter names', () => {
    const injection = z
      .object({ credentialInjection: z.object({ credential: z.object({ valueRef: z.object({ name: z.string() }) }) }) })
      .parse(specOf('HTTPRouteFilter'));
    expect(injection.credentialInjection.credential.valueRef.name).toBe(token?.identity.secret);
    expect(token?.copies).toEqual([{ key: 'credential', form: 'bearer' }]);
    expect(token?.clientApp).toBeUndefined();
  });

  it('has a policy of agentgateway that names the key of the token itself', () => {
    const { backend, targetRefs } = policy.parse(specOf('AgentgatewayPolicy'));
    expect(backend.auth.secretRef).toEqual({ name: token?.identity.secret, key: token?.key });
    expect(objects.some(({ kind }) => kind === targetRefs[0]?.kind)).toBe(true);
  });

  it.each([
    ['copies: [{ key: Authorization, form: bearer }]', { copies: [{ key: 'Authorization', form: 'bearer' }] }],
    ['location: { header: { name: X-Auth-Token } }', { location: { header: { name: 'X-Auth-Token' } } }],
  ])('has the fragment %s, which is valid', (fragment, value) => {
    expect(page).toContain(`\`${fragment}\``);
    expect(parse(fragment)).toEqual(value);
    if ('location' in value) expect(auth.safeParse({ secretRef: { name: 'a' }, ...value }).success).toBe(true);
  });
});
