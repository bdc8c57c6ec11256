import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { EventSelection } from '../../src/adapters/kubernetes/events/event-selection.ts';
import type * as client from '../../src/client/index.ts';
import { documentKey, toVolumeData, type VolumeData } from '../../src/core/token-volume.ts';
import { FakeStoreWatch } from '../fakes/fake-store-watch.ts';
import { createWorld, minutes, type Started, seconds, specification, start, type World } from '../support/acquirer.ts';
import { freshToken } from '../support/client-side.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { releasedClient, releasedVersions } from './previous.ts';

const SECRET = { namespace: 'billing', secret: 'billing-tokens' };
const FOLDER = join(import.meta.dirname, 'volumes');
const TOKEN = 'recorded-access-token-1';

const versions = globSync('*.txt', { cwd: FOLDER }).map((file) => basename(file, '.txt'));
const others = versions.filter((version) => version !== '0.1.0');

/** The keys of a token as that version writes them, issued just now for an hour. */
function recorded(version: string, issuedAt: number): VolumeData {
  const time = (after: number): string => new Date(issuedAt + after).toISOString();
  const document = readFileSync(join(FOLDER, `${version}.txt`), 'utf8')
    .replace('{{issued}}', time(0))
    .replace('{{expires}}', time(minutes(60)))
    .replace('{{renew}}', time(minutes(40)));
  return { dynamics: TOKEN, [documentKey('dynamics')]: document };
}

interface Watched extends Started {
  readonly watch: FakeStoreWatch;
  /** Another version writes the token in its own form. */
  rewrite(version: string): Promise<void>;
}

/** A process that starts on a volume which that version wrote. */
async function startOn(version: string): Promise<Watched> {
  const watch = new FakeStoreWatch({ enabled: true });
  const world: World = createWorld({ storeWatch: watch });
  const issuedAt = world.clock.now();
  world.store.edit(SECRET, recorded(version, issuedAt));
  const started = await start(world);
  return {
    ...started,
    watch,
    async rewrite(other) {
      world.store.edit(SECRET, recorded(other, issuedAt));
      watch.tell();
      await world.clock.advance(seconds(2));
    },
  };
}

/** Whether the store holds what this version writes of the token in memory. */
function isOurForm({ store, only }: Started): boolean {
  const { token } = only().cycle.held;
  if (token === undefined) throw new Error('No token is held.');
  const data = store.data(SECRET);
  return Object.entries(toVolumeData('dynamics', token)).every(([key, text]) => data[key] === text);
}

/** What would be shown to the owner of the Secret as events. */
function notices({ events, only, clock }: Started): readonly unknown[] {
  const selection = new EventSelection();
  const { identity } = only().cycle.specification;
  return events.flatMap(({ event }) => selection.token(identity, event, clock.now()));
}

function expectNothingElse(started: Started): void {
  expect(started.only().cycle.held.token?.accessToken.reveal()).toBe(TOKEN);
  expect(started.kinds()).not.toContain('token-repaired');
  expect(started.kinds()).not.toContain('stored-token-unreadable');
  expect(notices(started)).toEqual([]);
  expect(started.endpoint.requests).toEqual([]);
}

describe('a token volume that another version wrote', () => {
  it.each(versions)('in the form of %s is adopted, and no token is requested', async (version) => {
    const started = await startOn(version);
    await started.clock.advance(minutes(30));
    expect(started.kinds()).toContain('token-adopted');
    expect(started.only().cycle.status.get('Stored')).toMatchObject({ status: true, reason: 'Stored' });
    expectNothingElse(started);
  });

  it('in the form that this version writes is left as it is', async () => {
    const started = await startOn('0.1.0');
    await started.clock.advance(minutes(30));
    expect(started.store.writes).toEqual([]);
  });

  it.each(others)('in the form of %s is rewritten once, without an event', async (version) => {
    const started = await startOn(version);
    await started.clock.advance(minutes(30));
    expect(isOurForm(started)).toBe(true);
    expect(started.store.writes).toHaveLength(1);
    expectNothingElse(started);
  });
});

describe('a token volume of before, with a configuration of today', () => {
  const header = { name: 'X-Auth-Token', prefix: '' };
  const copies = [{ key: 'credential', form: 'bearer' as const }];

  it.each(versions)(
    'in the form of %s gets the header and the copies, without a request or an event',
    async (version) => {
      const world = createWorld();
      world.store.edit(SECRET, recorded(version, world.clock.now()));
      const started = await start(world, { specifications: [specification({ header, copies })] });
      await started.clock.advance(minutes(30));
      const { credential, 'dynamics.json': document = '' } = started.store.data(SECRET);
      expect(credential).toBe(`Bearer ${TOKEN}`);
      expect(JSON.parse(document)).toMatchObject({ access_token: TOKEN, header, copies: ['credential'] });
      expect(started.store.writes).toHaveLength(1);
      expectNothingElse(started);
    },
  );
});

describe('a token volume of today, with the released client', () => {
  const folder = temporaryDirectory();
  afterAll(folder.remove);

  it.each(releasedVersions())('%s gives the token, whatever header and copies it names', async (version) => {
    const module = releasedClient(version, join(folder.path, version));
    const { mountedTokens } = (await import(pathToFileURL(module).href)) as typeof client;
    const form = {
      header: { name: 'X-Auth-Token', prefix: '' },
      copies: [{ key: 'credential', form: 'raw' as const }],
    };
    const token = freshToken();
    const directory = join(folder.path, 'volume');
    mkdirSync(directory, { recursive: true });
    for (const [key, text] of Object.entries(toVolumeData('dynamics', token, form)))
      writeFileSync(join(directory, key), text);
    const tokens = mountedTokens({ directory });
    const { accessToken } = await tokens.source('dynamics').ready();
    tokens.close();
    expect(accessToken.reveal() === token.accessToken.reveal()).toBe(true);
  });
});

describe('a version that runs at the same time, as during an upgrade or a rollback', () => {
  it.each(others)('and writes the form of %s has the token rewritten once, without an event', async (version) => {
    const started = await startOn('0.1.0');
    await started.clock.advance(seconds(10));
    await started.rewrite(version);
    expect(isOurForm(started)).toBe(true);
    expect(started.store.writes).toHaveLength(1);
    expectNothingElse(started);
  });

  it('and rewrites each form that it does not know is left to it, so that both come to rest', async () => {
    const started = await startOn('tomorrow');
    for (let passed = 0; passed < 30; passed += 1) {
      if (isOurForm(started)) await started.rewrite('tomorrow');
      await started.clock.advance(minutes(1));
    }
    expect(started.store.writes).toHaveLength(1);
    expect(isOurForm(started)).toBe(false);
    expectNothingElse(started);
  });

  it('differs from someone who changes the token, which is repaired', async () => {
    const started = await startOn('tomorrow');
    await started.rewrite('tomorrow');
    const { 'dynamics.json': document = '' } = started.store.data(SECRET);
    started.store.edit(SECRET, { 'dynamics.json': document.replace('"incidents"', '"everything"') });
    started.watch.tell();
    await started.clock.advance(seconds(2));
    expect(isOurForm(started)).toBe(true);
    expect(started.kinds()).toContain('token-repaired');
  });

  it('no longer counts with the next token, which is stored in our form', async () => {
    const started = await startOn('tomorrow');
    await started.rewrite('tomorrow');
    await started.clock.advance(minutes(45));
    expect(started.endpoint.requests.length).toBeGreaterThan(0);
    expect(isOurForm(started)).toBe(true);
    expect(started.kinds()).not.toContain('token-repaired');
  });
});
