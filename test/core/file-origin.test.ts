import { describe, expect, it } from 'vitest';
import { faultAtOrigin, fileOrigins } from '../../src/core/file-origin.ts';

const CA = '/etc/token-acquirer/authorities/corporate/ca.crt';
const TLS = '/etc/token-acquirer/tls/tls.crt';
const ORIGINS = `${CA}=ConfigMap/corporate-ca/root.pem,${TLS}=Secret/endpoint/tls.crt`;

describe('the origin of a file', () => {
  it.each([
    [CA, 'identity', 'the key root.pem of the ConfigMap corporate-ca in the namespace identity'],
    [TLS, 'identity', 'the key tls.crt of the Secret endpoint in the namespace identity'],
    [CA, undefined, 'the key root.pem of the ConfigMap corporate-ca'],
  ])('for %s in the namespace %s is %s', (path, namespace, text) => {
    expect(fileOrigins(ORIGINS, namespace)(path)?.text).toBe(text);
  });

  it.each([
    ['for another file', ORIGINS, '/etc/other'],
    ['without a setting', '', CA],
    ['in another form', `${CA}=corporate-ca`, CA],
    ['of another kind', `${CA}=Pod/corporate-ca/ca.crt`, CA],
  ])('is missing %s', (_what, origins, path) => {
    expect(fileOrigins(origins, 'identity')(path)).toBeUndefined();
  });

  it.each([
    [
      CA,
      'Create the ConfigMap, or add the key to it. Try: kubectl create configmap corporate-ca --namespace identity --from-file=root.pem.',
    ],
    [
      TLS,
      'Create the Secret, or add the key to it. Try: kubectl create secret generic endpoint --namespace identity --from-file=tls.crt.',
    ],
  ])('of a missing %s comes with the command that creates it', (path, creation) => {
    const origin = fileOrigins(ORIGINS, 'identity')(path);
    if (origin === undefined) throw new Error('It has no origin.');
    const missing = faultAtOrigin('Its CA', { message: 'cannot be read (ENOENT)', isMissing: true }, origin);
    expect(missing).toBe(`Its CA, ${origin.text}, is missing. ${creation}`);
    const damaged = faultAtOrigin('Its CA', { message: 'holds no certificate in PEM', isMissing: false }, origin);
    expect(damaged).toBe(`Its CA, ${origin.text}, holds no certificate in PEM. Correct it there.`);
  });
});
