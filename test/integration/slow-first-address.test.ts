import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VersionApi } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCaller } from '../../src/adapters/http/bounded-call.ts';
import { createOutbound } from '../../src/adapters/http/outbound.ts';
import { kubeconfigApiServer } from '../../src/adapters/kubernetes/api/api-server.ts';
import { type SlowAddress, startSlowAddress } from '../support/slow-address.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const SLOW = '127.0.0.2';
/** Nothing listens there. */
const REFUSING = '127.0.0.3';

let slow: SlowAddress;
beforeEach(async () => {
  slow = await startSlowAddress(SLOW);
});
afterEach(() => slow.stop());

const resolve = async () => [SLOW, REFUSING].map((address) => ({ address, family: 4 }));

describe('A host with a slow first address and a second one that rejects', () => {
  it('is reached by token requests', async () => {
    const response = await createOutbound({ resolve })(`http://localhost:${slow.port}/token`);
    expect(await response.json()).toEqual({ gitVersion: 'slow' });
  });

  it('is reached by reissue calls', async () => {
    const call = createCaller({ resolve });
    const url = new URL(`http://localhost:${slow.port}/reissue`);
    expect(await call({ method: 'GET', url })).toMatchObject({ kind: 'answered', body: '{"gitVersion":"slow"}' });
  });

  it('is reached by requests to the API server', async () => {
    const directory = temporaryDirectory();
    const file = join(directory.path, 'kubeconfig');
    const cluster = { name: 'c', cluster: { server: `http://localhost:${slow.port}` } };
    const context = { name: 'x', context: { cluster: 'c', user: 'u' } };
    const users = [{ name: 'u', user: { token: 'none' } }];
    writeFileSync(file, JSON.stringify({ clusters: [cluster], users, contexts: [context], 'current-context': 'x' }));
    const api = kubeconfigApiServer(file, { direct: { resolve } });
    const answer = await new VersionApi(api.configuration).getCode().catch((error: unknown) => error);
    await api.close();
    directory.remove();
    expect(answer).toMatchObject({ gitVersion: 'slow' });
  });
});
