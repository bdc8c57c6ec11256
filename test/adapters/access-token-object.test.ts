import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readAccessToken } from '../../src/adapters/kubernetes/resources/access-token-object.ts';

const DEFINITION = join(import.meta.dirname, '../../charts/token-acquirer/files/access-token-crd.yaml');
const METADATA = {
  namespace: 'billing',
  name: 'dynamics',
  uid: 'uid-1',
  generation: 2,
  creationTimestamp: '2026-01-01T00:00:00Z',
};
const READY = {
  type: 'Ready',
  status: 'True',
  reason: 'TokenValid',
  message: 'The stored token is valid.',
  observedGeneration: 2,
  lastTransitionTime: '2026-01-01T00:00:00Z',
};

function object(given: { readonly metadata?: object; readonly spec?: object; readonly status?: object } = {}) {
  const { metadata = {}, spec = { service: 'dynamics' }, status } = given;
  return { metadata: { ...METADATA, ...metadata }, spec, ...(status !== undefined && { status }) };
}

/** What the API server adds to an AccessToken that is applied. */
function firstStatus(): object {
  const { spec } = parse(readFileSync(DEFINITION, 'utf8')) as {
    spec: { versions: { schema: { openAPIV3Schema: { properties: { status: { default: object } } } } }[] };
  };
  return spec.versions[0]?.schema.openAPIV3Schema.properties.status.default ?? {};
}

describe('an AccessToken of the API server', () => {
  it('is one of which nothing was reported until token-acquirer has seen it', () => {
    const status = firstStatus();
    // kstatus compares it with metadata.generation, which is never negative.
    expect(status).toEqual({ observedGeneration: -1 });
    expect(readAccessToken(object({ status }))?.status).toEqual({});
    expect(readAccessToken(object())?.status).toEqual({});
  });

  it('has the status that was reported last', () => {
    const status = { observedGeneration: 2, conditions: [READY], secretName: 'dynamics' };
    expect(readAccessToken(object({ status }))?.status).toEqual(status);
  });

  it('has no status where somebody else has written conditions of other types', () => {
    const status = { observedGeneration: 2, conditions: [{ ...READY, type: 'Synced' }] };
    expect(readAccessToken(object({ status }))?.status).toEqual({});
  });

  it('shows that it is being deleted', () => {
    const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    expect(readAccessToken(object({ metadata }))).toMatchObject({ isDeleting: true });
    expect(readAccessToken(object({}))).not.toHaveProperty('isDeleting');
  });

  it('asks for a new token by at most 256 characters', () => {
    const annotations = { 'token-acquirer.dev/reissue': 'x'.repeat(300) };
    expect(readAccessToken(object({ metadata: { annotations } }))?.reissue).toHaveLength(256);
  });

  it.each<[string, object, object, string]>([
    ['a service that is no name', { spec: { service: 'A/B' } }, {}, 'spec.service must be a DNS label.'],
    ['two ways to renew', { spec: { service: 'a', renewal: { at: '5%', interval: '5m' } } }, {}, 'spec.renewal takes'],
    ['a name with a dot', {}, { name: 'a.b' }, 'metadata.name must be a DNS label.'],
  ])('says what is wrong with %s', (_, given, metadata, sentence) => {
    expect(readAccessToken(object({ ...given, metadata }))?.fault).toContain(sentence);
  });
});
