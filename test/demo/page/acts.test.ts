import { describe, expect, it } from 'vitest';
import { ACTS, type PageStage } from '../../../src/demo/page/acts.ts';

const app = 'billing-app';

/** What an act does to a stage, or what is said against it. */
async function perform(path: string, body: unknown): Promise<string> {
  const done: string[] = [];
  const stage: PageStage = {
    revoke: async ({ name }) => void done.push(`revoke ${name}`),
    setInterval: ({ name }, interval) => void done.push(`interval ${name} ${interval}`),
    stopApp: async ({ name }) => void done.push(`stop ${name}`),
    startApp: ({ name }) => void done.push(`start ${name}`),
    setAuthorizationServer: (state) => void done.push(`authorization server ${state}`),
    setGateway: (state) => void done.push(`gateway ${state}`),
  };
  const act = ACTS.get(`/acts/${path}`)?.(body) ?? 'unknown';
  if (typeof act === 'string') return act;
  await act(stage);
  return done.join(', ');
}

describe('an act', () => {
  it.each([
    ['revoke', { app }, 'revoke billing-app'],
    ['interval', { app, interval: '5s' }, 'interval billing-app 5s'],
    ['interval', { app, interval: ' 1m ' }, 'interval billing-app 1m'],
    ['interval', { app, interval: '' }, 'interval billing-app undefined'],
    ['stop', { app: 'report-app' }, 'stop report-app'],
    ['start', { app: 'report-app' }, 'start report-app'],
    ['authorization-server', { state: 'normal' }, 'authorization server normal'],
    ['authorization-server', { state: 'failing' }, 'authorization server failing'],
    ['authorization-server', { state: 'rejecting' }, 'authorization server rejecting'],
    ['authorization-server', { state: 'slow' }, 'authorization server slow'],
    ['gateway', { state: 'rejecting' }, 'gateway rejecting'],
    ['gateway', { state: 'normal' }, 'gateway normal'],
  ])('%s with %j is done', async (path, body, expected) => {
    expect(await perform(path, body)).toBe(expected);
  });

  it.each([
    ['revoke', { app: 'nobody' }, 'app: There is no app of that name: billing-app, report-app.'],
    ['revoke', {}, 'app: '],
    ['revoke', { app, more: 1 }, 'more'],
    ['revoke', { app: ['billing-app'] }, 'app: '],
    ['interval', { app, interval: 'soon' }, 'interval: Give a duration such as 30s'],
    ['interval', { app, interval: '-5s' }, 'interval: Give a duration'],
    ['interval', { app, interval: '0s' }, 'interval: Give a duration'],
    ['interval', { app, interval: `${'1'.repeat(30)}s` }, 'interval: Give a duration'],
    ['interval', { app }, 'interval: '],
    ['authorization-server', { state: 'down' }, 'state: '],
    ['gateway', { state: 'slow' }, 'state: '],
    ['stop', null, 'object'],
    ['start', 'billing-app', 'object'],
    ['start', [], 'object'],
  ])('%s with %j is rejected with a sentence', async (path, body, expected) => {
    expect(await perform(path, body)).toContain(expected);
  });
});
