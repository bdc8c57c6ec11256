import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  type AccessToken,
  type AccessTokenStatus,
  type ResourceObservation,
  resourceStatus,
  type TokenView,
} from '../../src/core/access-token.ts';
import type { Conditions } from '../../src/core/conditions.ts';
import { blocksIn } from '../support/code-blocks.ts';
import { needPackages } from './install/debian.ts';
import { isOnPath, run } from './install/run.ts';
import { realParts } from './real-parts.ts';

const DOCUMENT = 'docs/install/gitops.md';
const KEY = 'resource.customizations.health.token-acquirer.dev_AccessToken';
/** Of the language that Argo CD's own interpreter has. */
const LUA = 'lua5.1';
const NOW = Date.UTC(2026, 0, 1);

const STORED: Conditions = {
  Stored: { type: 'Stored', status: true, reason: 'Stored', message: 'Stored.', since: NOW },
};
const SUSPENDED: Conditions = {
  Suspended: {
    type: 'Suspended',
    status: true,
    reason: 'ClientAppNotRunning',
    message: 'It does not run.',
    since: NOW,
  },
};
const RESOURCE: AccessToken = {
  namespace: 'billing',
  name: 'dynamics',
  uid: 'uid',
  generation: 2,
  createdAt: NOW,
  spec: { service: 'dynamics' },
  status: {},
};

function view(given: Partial<TokenView> = {}): TokenView {
  const none = { error: undefined, expiresAt: undefined, renewsAt: undefined };
  return { conditions: {}, isSuperseded: false, isStored: true, ...none, ...given };
}

const VALID = view({ conditions: STORED, expiresAt: NOW + 60_000, renewsAt: NOW + 40_000 });

function error(permanent: boolean): NonNullable<TokenView['error']> {
  return { reason: 'InvalidClient', message: 'The server answered "invalid_client".\nCorrect it.', permanent };
}

function statusOf(given: Partial<ResourceObservation>): AccessTokenStatus {
  return resourceStatus({
    resource: RESOURCE,
    rejection: undefined,
    token: undefined,
    isClaimed: true,
    obstacle: undefined,
    now: NOW,
    ...given,
  });
}

/** As a literal of Lua. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `{ ${value.map(literal).join(', ')} }`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, member]) => `[${JSON.stringify(key)}] = ${literal(member)}`);
  return `{ ${members.join(', ')} }`;
}

interface Lua {
  readonly command: string;
  stop(): Promise<void>;
}

async function lua(): Promise<Lua> {
  const present = (): Promise<boolean> => isOnPath(LUA);
  await needPackages({ part: 'the health check for Argo CD', missing: LUA, packages: [LUA], present });
  return { command: LUA, stop: () => Promise.resolve() };
}

describe('the health check of AccessTokens for Argo CD', () => {
  const interpreter = realParts(lua);
  let script = '';

  beforeAll(() => {
    const text = readFileSync(join(import.meta.dirname, '../..', DOCUMENT), 'utf8');
    const block = blocksIn(DOCUMENT, text).find((one) => one.text.includes(KEY));
    script = (parse(block?.text ?? '') as { data: Record<string, string> }).data[KEY] ?? '';
  });

  /** Prints the health and its message, each in a line. */
  async function healthOf(object: object): Promise<readonly string[]> {
    const code = `local function check(obj)\n${script}\nend\nlocal health = check(${literal(object)})\nprint(health.status .. "\\n" .. health.message)`;
    const output = await run({ label: LUA, command: interpreter().command, args: ['-e', code] });
    return output.trimEnd().split('\n');
  }

  it.each<[string, string, Partial<ResourceObservation>]>([
    ['Progressing', 'a token that is being requested', {}],
    ['Progressing', 'a Secret that cannot be made', { obstacle: 'The API server does not answer.' }],
    ['Progressing', 'a server that is unavailable', { token: view({ error: error(false) }) }],
    ['Healthy', 'a valid token', { token: VALID }],
    ['Healthy', 'a valid token whose renewal fails for now', { token: { ...VALID, error: error(false) } }],
    ['Healthy', 'a valid token whose renewal needs a person', { token: { ...VALID, error: error(true) } }],
    ['Degraded', 'a rejected credential', { token: view({ error: error(true) }) }],
    ['Degraded', 'a rejection', { rejection: { reason: 'ServiceUnknown', message: 'There is no such service.' } }],
    ['Suspended', 'a client app that does not run', { token: view({ conditions: SUSPENDED }) }],
    [
      'Healthy',
      'a client app that does not run, with a valid token',
      { token: { ...VALID, conditions: { ...STORED, ...SUSPENDED } } },
    ],
  ])('is %s for %s', async (health, _, observation) => {
    const status = statusOf(observation);
    const message = status.conditions?.[0]?.message.split('\n') ?? [];
    expect(await healthOf({ metadata: { generation: 2 }, status })).toEqual([health, ...message]);
  });

  it.each([
    ['nothing was reported yet', { metadata: { generation: 1 } }],
    ['the report is about the version before', { metadata: { generation: 3 }, status: statusOf({ token: VALID }) }],
  ])('is Progressing where %s', async (_, object) => {
    expect((await healthOf(object))[0]).toBe('Progressing');
  });
});
