import { beforeEach, describe, expect, it } from 'vitest';
import type { AccessToken, AccessTokenStatus } from '../../../src/core/access-token.ts';
import { StoreError } from '../../../src/core/errors.ts';
import { namesWithoutToken, tokenOrReason } from '../../../src/token-acquirer/plugin/asked-tokens.ts';
import { inspectCommand } from '../../../src/token-acquirer/plugin/inspect-command.ts';
import type { MergedToken } from '../../../src/token-acquirer/plugin/merged-status.ts';
import { FakeClusterView, recordedOutput } from '../../fakes/fake-cluster-view.ts';
import { failure } from '../../support/failure.ts';
import { acquirerPod, minutesFrom, statusReport, tokenReport } from '../../support/status-reports.ts';

const NAME = 'billing/incident-tokens/incidents';
const SCOPE = { selector: 'app.kubernetes.io/name=token-acquirer', everywhere: false };
const READY = {
  type: 'Ready',
  status: 'True',
  reason: 'TokenValid',
  message: 'The stored token is valid.',
  observedGeneration: 1,
  lastTransitionTime: minutesFrom(-5),
} as const;

const accessToken = (name: string, secretName: string, status: AccessTokenStatus = {}): AccessToken => ({
  namespace: 'billing',
  name,
  uid: name,
  generation: 1,
  createdAt: 0,
  spec: { service: 'dynamics', secretName },
  status,
});

const REJECTED = accessToken('wrong', 'wrong-tokens', {
  conditions: [{ ...READY, status: 'False', reason: 'ServiceUnknown', message: 'There is no service x.' }],
});

let cluster: FakeClusterView;
let output: ReturnType<typeof recordedOutput>;
beforeEach(() => {
  cluster = new FakeClusterView();
  cluster.acquirerPods = [acquirerPod('one')];
  cluster.reports.set('one', statusReport([tokenReport(NAME)]));
  output = recordedOutput();
});

const inspect = (name = NAME): Promise<void> =>
  inspectCommand(name, { scope: SCOPE, format: 'table' }, { cluster, output });

describe('the inspection of the token of an AccessToken', () => {
  it('shows who asks for it, and its conditions', async () => {
    const lastReissue = { request: '1', at: minutesFrom(-2), result: 'reissued', message: 'A new token is stored.' };
    cluster.resources = [accessToken('incidents', 'incident-tokens', { conditions: [READY], lastReissue })];
    await inspect();
    expect(output.printed.view).toMatch(/^Asked by: +AccessToken billing\/incidents, for the service dynamics$/m);
    expect(output.printed.view).toMatch(/^Asked reissue: +reissued: A new token is stored\. \(.*, 2m ago\)$/m);
    expect(output.printed.view).toMatch(/\nACCESSTOKEN\nReady=True +TokenValid +5m ago +The stored token is valid\./);
  });

  it('shows nothing of an AccessToken with another Secret', async () => {
    cluster.resources = [accessToken('incidents', 'other')];
    await inspect();
    expect(output.printed.view).not.toContain('Asked by');
  });

  it('shows the rest where the user may not read it', async () => {
    cluster.resources = new StoreError('You may not get accesstokens.', { permanent: true });
    await inspect();
    expect(output.printed.view).toContain('Not shown: You may not get accesstokens.');
  });

  it.each(['wrong', 'billing/wrong', 'billing/wrong-tokens/wrong'])('says why there is none, by %s', async (name) => {
    cluster.resources = [REJECTED];
    expect(String(await failure(inspect(name)))).toContain(
      'The AccessToken billing/wrong has no token. Ready=False (ServiceUnknown): There is no service x. Try: kubectl',
    );
  });

  it('may have its token in a shard that did not answer, which it names', async () => {
    cluster.acquirerPods = [acquirerPod('one'), acquirerPod('two', { shard: 1 })];
    cluster.reports.set('two', new StoreError('It does not answer.'));
    cluster.resources = [REJECTED];
    const silence = 'Some shards did not answer: token-acquirer/token-acquirer shard 1.';
    const error = String(await failure(inspect('wrong')));
    expect(error).toContain(
      'The token of the AccessToken billing/wrong was not found among the shards that answered. Ready=False',
    );
    expect(error).toContain(silence);
    expect(String(await failure(inspect('nothing')))).toContain(`No token has this name. Tokens: ${NAME}. ${silence}`);
  });

  it('may have its token in another installation', async () => {
    cluster.resources = [accessToken('wrong', 'wrong-tokens', { conditions: [READY] })];
    expect(String(await failure(inspect('wrong')))).toContain(
      'The token of the AccessToken billing/wrong was not found among the shards that answered. Ready=True (TokenValid)',
    );
  });

  it('gives no reason for one that is being deleted', async () => {
    cluster.resources = [{ ...REJECTED, isDeleting: true }];
    expect(String(await failure(inspect('wrong')))).toContain('No token has this name.');
  });

  it('says that nobody has reported anything', async () => {
    cluster.resources = [accessToken('wrong', 'wrong-tokens')];
    expect(String(await failure(inspect('wrong')))).toContain('No token-acquirer has reported anything about it.');
  });

  it('names the tokens that exist where nothing has this name', async () => {
    for (const resources of [[REJECTED], new StoreError('You may not list.')]) {
      cluster.resources = resources;
      expect(String(await failure(inspect('nothing')))).toContain(`No token has this name. Tokens: ${NAME}.`);
    }
  });
});

describe('the names of AccessTokens without a token', () => {
  it('are those that no token-acquirer has a token for', async () => {
    const tokens = [{ token: NAME } as MergedToken];
    cluster.resources = [accessToken('incidents', 'incident-tokens'), REJECTED];
    expect(await namesWithoutToken(tokens, cluster)).toEqual(['billing/wrong-tokens/wrong']);
    expect(await tokenOrReason({ tokens, unanswered: [] }, 'incidents', cluster)).toBe(tokens[0]);
  });
});
