import { beforeAll, describe, expect } from 'vitest';
import { type ApiServer, kubeconfigApiServer } from '../../../src/adapters/kubernetes/api/api-server.ts';
import { createTokenReviewAuthenticator } from '../../../src/adapters/kubernetes/callers/token-review-authenticator.ts';
import { createSystemClock } from '../../../src/adapters/node/system-clock.ts';
import { Redacted } from '../../../src/core/redacted.ts';
import { ServiceAccounts } from '../../cluster/caller-accounts.ts';
import { describeInCluster } from '../../cluster/in-cluster.ts';
import { until } from '../../support/until.ts';
import { row } from '../row.ts';

const AUDIENCE = 'token-acquirer';
/** What must hold, in milliseconds. */
const SOON = 20_000;

describeInCluster('a ServiceAccount', (cluster) => {
  let api: ApiServer;
  let accounts: ServiceAccounts;

  beforeAll(async () => {
    api = kubeconfigApiServer(cluster().kubeconfig);
    const home = await cluster().namespace('attacked-callers');
    accounts = new ServiceAccounts(api, home.name);
    return () => home.remove();
  });

  /** Returns the name of the caller whom the token-acquirer admits, or `undefined`. */
  function admitting(): (token: string) => Promise<string | undefined> {
    const settings = {
      audience: AUDIENCE,
      isClient: () => true,
      maxLifetime: 24 * 3_600_000,
      onRefused: () => undefined,
    };
    const authenticator = createTokenReviewAuthenticator(api, { ...settings, clock: createSystemClock() });
    return async (token) => (await authenticator.authenticate(new Redacted(token)))?.name;
  }

  describe('that calls', () => {
    row('A3', async (run) => {
      run.hasNoCalls();
      const admitted = admitting();
      await accounts.create('audience');
      const token = await accounts.token('audience', { audiences: [AUDIENCE] });
      expect(await admitted(token)).toBe(accounts.nameOf('audience'));
      for (const audiences of [[], ['another'], ['https://kubernetes.default.svc'], ['token-acquirer.other']])
        expect(await admitted(await accounts.token('audience', { audiences }))).toBeUndefined();
      expect(await admitted(await accounts.legacyToken('audience'))).toBeUndefined();
    });

    row('A27', async (run) => {
      run.hasNoCalls();
      const admitted = admitting();
      await accounts.create('deleted');
      const token = await accounts.token('deleted', { audiences: [AUDIENCE] });
      expect(await admitted(token)).toBe(accounts.nameOf('deleted'));
      await accounts.remove('deleted');
      const removed = performance.now();
      await until('The rejection', async () => (await admitted(token)) === undefined, SOON);
      expect(performance.now() - removed).toBeLessThan(SOON);
    });
  });
});
