import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type CertificateAuthority, createCertificateAuthority } from '../../support/certificates.ts';
import { row } from '../row.ts';
import { startTlsFront } from '../tls-front.ts';

describe('a rotated CA', () => {
  row('F24', async (run) => {
    const [before, after] = [createCertificateAuthority(), createCertificateAuthority()];
    for (const authority of [before, after]) run.atEnd(() => authority.remove());
    let front = 0;
    const tls = await startTlsFront(before.issue(), () => front);
    run.atEnd(() => tls.close());
    let place = (_name: string): string => '';
    const endpoint = (authority: CertificateAuthority): void => {
      const { cert, key } = authority.issue();
      writeFileSync(place('tls.key'), key, { mode: 0o600 });
      writeFileSync(place('tls.crt'), cert);
    };
    const world = await run.world({
      lifetime: 60,
      reachedBy: { tokenEndpoint: `https://127.0.0.1:${tls.port}/token`, caFile: 'server-ca.crt' },
      caFile: (root) => join(root, 'endpoint-ca.crt'),
      prepare: (prepared) => {
        const { root } = prepared.stage.workplace;
        place = (name) => join(root, name);
        front = prepared.front.port;
        writeFileSync(place('server-ca.crt'), before.ca);
        writeFileSync(place('endpoint-ca.crt'), before.ca);
        endpoint(before);
        prepared.configure({
          reachedBy: prepared.options.reachedBy ?? {},
          more: { renewal: { interval: '2s' } },
          beside: { endpoint: { certificateFile: place('tls.crt'), privateKeyFile: place('tls.key') } },
        });
      },
    });
    await world.renewed(world.document.sha256);
    // Both CAs are trusted in the meantime, as in every rotation.
    for (const file of ['server-ca.crt', 'endpoint-ca.crt']) writeFileSync(place(file), before.ca + after.ca);
    tls.setSecureContext(after.issue());
    endpoint(after);
    await world.renewed(world.document.sha256);
    await world.renewed(world.document.sha256);
    for (const file of ['server-ca.crt', 'endpoint-ca.crt']) writeFileSync(place(file), after.ca);
    await world.renewed(world.document.sha256);
    await world.goOn(1000);
    // The client must ask the endpoint, whose certificate is of the new CA.
    await world.stage.revoke(world.document.access_token);
    await world.calls.succeed(20);
    expect(world.acquirer.count('token-request-failed')).toBe(0);
    expect(world.calls.figures.failed).toBe(0);
  });
});
