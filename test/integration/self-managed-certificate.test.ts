import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toDocument } from '../../src/adapters/tls/authority-document.ts';
import { StoreError } from '../../src/core/errors.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { FakeAuthorityStore } from '../fakes/fake-authority-store.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import {
  certificatesIn,
  DNS_NAMES,
  type Kept,
  keep,
  leafOf,
  pass,
  registerKeys,
  signerIn,
} from '../support/self-managed.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let clock: FakeClock;
let store: FakeAuthorityStore;
const keepers: Kept[] = [];

beforeEach(() => {
  clock = createFakeClock();
  store = new FakeAuthorityStore();
});

afterEach(() => {
  for (const keeper of keepers.splice(0)) keeper.stop();
  for (const text of store.saves) registerKeys(text);
});

function start(dnsNames?: readonly string[]): Kept {
  return track(keep(store, clock, { dnsNames }));
}

function track(keeper: Kept): Kept {
  keepers.push(keeper);
  return keeper;
}

async function started(dnsNames?: readonly string[]): Promise<Kept> {
  const keeper = start(dnsNames);
  await keeper.ready;
  await pass(clock, 0, { keepers: keepers.length });
  return keeper;
}

describe('the certificate at the first start', () => {
  it('comes of a CA that is made and saved first', async () => {
    const savesSeen: number[] = [];
    const save = store.save.bind(store);
    store.save = async (text, version) => {
      savesSeen.push(keepers[0]?.given.length ?? -1);
      await save(text, version);
    };
    const { current, given, faults, made } = await started();
    expect([savesSeen, given.length, store.saves.length]).toEqual([[0], 1, 1]);
    const leaf = leafOf(current());
    expect(signerIn(current().caBundle, leaf)).toBe(0);
    expect(leaf.subjectAltName).toBe(DNS_NAMES.map((name) => `DNS:${name}`).join(', '));
    expect(faults).toEqual([]);
    expect(made).toEqual([
      expect.stringMatching(/^A CA was made .* there was none\. This is normal at the first start\./),
    ]);
  });

  it('takes an existing CA, and says nothing', async () => {
    const first = await started();
    const { current, faults, made } = await started();
    expect([store.saves.length, faults, made]).toEqual([1, [], []]);
    expect(current().caBundle).toBe(first.current().caBundle);
    expect(current().key).not.toBe(first.current().key);
  });

  it('keeps the key of the certificate out of the store', async () => {
    const { current } = await started();
    expect(store.peek()).not.toContain(current().key.split('\n')[1]);
  });

  it('takes an empty text for none', async () => {
    store.edit('\n');
    expect((await started()).given).toHaveLength(1);
  });

  it.each<[what: string, fail: (error: StoreError, calls?: number) => void]>([
    ['read', (error, calls) => store.failLoads(error, calls)],
    ['saved', (error, calls) => store.failSaves(error, calls)],
  ])('waits until the store can be %s, reports it once, and serves nothing before', async (_what, fail) => {
    fail(new StoreError('The store is unavailable. Wait.'));
    const { given, faults, ready } = start();
    await pass(clock, 10 * MINUTE);
    expect([given, faults]).toEqual([[], ['The store is unavailable. Wait.']]);
    // 1, 2, 4, 8, 16 s, then every 30 s.
    expect(store.loads).toBeGreaterThan(20);
    expect(store.loads).toBeLessThan(28);
    store.heal();
    await pass(clock, 31_000);
    await ready;
    expect(given).toHaveLength(1);
  });

  it('reports an error that lasts again each hour, and another one immediately', async () => {
    store.failLoads(new StoreError('The store is unavailable. Wait.'));
    const { faults } = start();
    await pass(clock, 2.5 * HOUR);
    expect(faults).toHaveLength(3);
    store.failLoads(new StoreError('The store is gone. Come back.'));
    await pass(clock, MINUTE);
    expect(faults.slice(3)).toEqual(['The store is gone. Come back.']);
  });

  it('says no word of an unknown error, which might quote a key', async () => {
    store.failLoads(new TypeError('unexpected -----BEGIN PRIVATE KEY-----'));
    const { faults } = start();
    await pass(clock, MINUTE);
    expect(faults).toEqual([
      'The certificate of the reissue endpoint could not be made (TypeError). It is tried again.',
    ]);
  });

  it('is ready when it is stopped before, and gives nothing later', async () => {
    store.failLoads(new StoreError('The store is unavailable. Wait.'));
    const { ready, stop, given } = start();
    stop();
    await ready;
    store.heal();
    await clock.advance(MINUTE);
    expect([given, clock.waiting()]).toEqual([[], 0]);
  });
});

describe('an unreadable document in the store', () => {
  const damage = /damaged, or no CA that token-acquirer made.*left as it is.*Restore it from a backup, or remove it/;

  async function makeDocument(): Promise<string> {
    const { stop } = await started();
    stop();
    keepers.splice(0);
    return store.peek() ?? '';
  }

  it.each<[what: string, edit: (text: string) => string, fault: RegExp]>([
    ['half of it', (text) => text.slice(0, text.length / 2), damage],
    ['another text', () => 'apiVersion: v1', damage],
    ['a document without a version', () => '{"authorities":[]}', damage],
    ['a document with no list', () => '{"version":1,"authorities":{}}', damage],
    ['a CA without a key', (text) => text.replace('private_key', 'key'), damage],
    ['a null for a CA', () => '{"version":1,"authorities":[null]}', damage],
    ['a damaged certificate', (text) => text.replace(/(BEGIN CERTIFICATE-----\\n.{200})./, '$1*'), damage],
    ['a damaged key', (text) => text.replace(/(BEGIN PRIVATE KEY-----\\n.{60})./, '$1*'), damage],
    [
      'a later version',
      (text) => text.replace('"version": 1', '"version": 2'),
      /^A later version of token-acquirer wrote .* Run that/,
    ],
  ])('is reported and kept where it is %s, and a later one is taken', async (_what, edit, fault) => {
    const text = await makeDocument();
    const damaged = edit(text);
    expect(damaged).not.toBe(text);
    store.edit(damaged);
    const { given, faults, current } = start();
    await pass(clock, 5 * MINUTE);
    expect([given, store.peek(), store.saves.length]).toEqual([[], damaged, 1]);
    expect(faults).toEqual([expect.stringMatching(fault)]);
    expect(faults[0]).toContain(store.place);
    store.edit(text);
    await pass(clock, MINUTE);
    expect(signerIn(current().caBundle, leafOf(current()))).toBe(0);
  });

  it('is reported where a key belongs to another CA', async () => {
    const one = await makeDocument();
    store.edit(undefined);
    const key = /BEGIN PRIVATE KEY.*?END/;
    store.edit(one.replace(key, key.exec(await makeDocument())?.[0] ?? ''));
    const { given, faults } = start();
    await pass(clock, MINUTE);
    expect([given, faults]).toEqual([[], [expect.stringMatching(damage)]]);
  });

  it('is reported where a CA has no constraints, and not published', async () => {
    const foreign = createCertificateAuthority();
    registerKeys(foreign.key);
    store.edit(toDocument([{ certificate: foreign.ca, privateKey: new Redacted(foreign.key) }]));
    foreign.remove();
    const { given, faults } = start();
    await pass(clock, MINUTE);
    expect([given, faults, store.saves]).toEqual([[], [expect.stringMatching(damage)], []]);
  });

  it('is reported while the endpoint serves, and certificates go on being renewed from memory', async () => {
    const { current, faults, given } = await started();
    const { caBundle } = current();
    store.edit('damaged');
    await pass(clock, 2 * DAY);
    expect(faults.every((fault) => damage.test(fault))).toBe(true);
    expect([given.length, current().caBundle, store.peek()]).toEqual([3, caBundle, 'damaged']);
    expect(leafOf(current()).validToDate.getTime()).toBeGreaterThan(clock.now());
  });
});

describe('a certificate that is kept', () => {
  it('renews the certificate after 16 hours, with a new key of the same CA, and reads the store every 30 s', async () => {
    const { given, faults } = await started();
    const loads = store.loads;
    await pass(clock, 16 * HOUR - MINUTE);
    expect(given).toHaveLength(1);
    await pass(clock, 2 * MINUTE);
    expect(new Set(given.map(({ key }) => key)).size).toBe(2);
    expect(new Set(given.map(({ caBundle }) => caBundle)).size).toBe(1);
    expect([store.loads - loads, store.saves.length, faults.length]).toEqual([1922, 1, 0]);
  });

  it('renews immediately when the machine wakes after two days', async () => {
    const { given, current } = await started();
    clock.jumpWall(2 * DAY);
    await pass(clock, 30_000);
    expect(given).toHaveLength(2);
    expect(leafOf(current()).validFromDate.getTime()).toBe(Math.floor((clock.now() - HOUR) / 1000) * 1000);
  });

  it('goes on while the store is unavailable for two days', async () => {
    const { given, current, faults } = await started();
    store.failLoads(new StoreError('The store is unavailable. Wait.'));
    await pass(clock, 2 * DAY);
    expect(given).toHaveLength(3);
    expect(leafOf(current()).validToDate.getTime()).toBeGreaterThan(clock.now());
    expect(faults.every((fault) => fault === 'The store is unavailable. Wait.')).toBe(true);
  });

  it('makes a new CA immediately when a person deleted the old one, warns, and drops the old one', async () => {
    const { current, faults } = await started();
    const before = current().caBundle;
    store.edit(undefined);
    await pass(clock, 10 * MINUTE);
    expect(certificatesIn(current().caBundle)).toHaveLength(1);
    expect(current().caBundle).not.toBe(before);
    expect(signerIn(current().caBundle, leafOf(current()))).toBe(0);
    expect(faults).toEqual([
      expect.stringMatching(/^A new CA was made .* signs immediately, because somebody removed the existing ones\./),
    ]);
  });

  it('goes on with what it has when the CA was deleted and no new one can be saved', async () => {
    const { given, current, faults } = await started();
    store.edit(undefined);
    store.failSaves(new StoreError('The Secret may not be changed. Allow patch.', { permanent: true }));
    await pass(clock, HOUR);
    expect([given.length, faults]).toEqual([1, ['The Secret may not be changed. Allow patch.']]);
    store.heal();
    await pass(clock, MINUTE);
    expect(signerIn(current().caBundle, leafOf(current()))).toBe(0);
    expect(given).toHaveLength(2);
  });

  it('publishes the successor for weeks before it signs, and gives no new certificate for it', async () => {
    const { given, current, faults } = await started();
    clock.jumpWall(335 * DAY - HOUR);
    await pass(clock, 2 * HOUR);
    const [first, second] = certificatesIn(current().caBundle);
    expect([first, second].every((ca) => ca?.ca)).toBe(true);
    expect(signerIn(current().caBundle, leafOf(current()))).toBe(0);
    expect(given.at(-1)?.cert).toBe(given.at(-2)?.cert);
    clock.jumpWall(29 * DAY);
    await pass(clock, MINUTE);
    expect(signerIn(current().caBundle, leafOf(current()))).toBe(1);
    clock.jumpWall(2 * DAY);
    await pass(clock, 11 * MINUTE);
    expect(certificatesIn(current().caBundle).map(({ fingerprint256 }) => fingerprint256)).toEqual([
      second?.fingerprint256,
    ]);
    expect(faults).toEqual([]);
  });

  it('heals itself after the clock was years ahead for an hour', async () => {
    const { current } = await started();
    clock.jumpWall(800 * DAY);
    await pass(clock, HOUR);
    clock.jumpWall(-800 * DAY);
    await pass(clock, HOUR);
    const leaf = leafOf(current());
    expect(signerIn(current().caBundle, leaf)).toBeGreaterThanOrEqual(0);
    expect(leaf.validFromDate.getTime()).toBeLessThanOrEqual(clock.now());
    expect(leaf.validToDate.getTime()).toBeGreaterThan(clock.now());
    expect(leaf.validToDate.getTime()).toBeLessThanOrEqual(clock.now() + DAY);
  });
});

describe('a store that does not exist', () => {
  const missing = new StoreError('There is no Secret. Run: kubectl create secret generic x.', { missing: true });

  const startApart = (): Kept => track(keep(store, clock, { apart: true }));
  async function startedApart(): Promise<Kept> {
    const keeper = startApart();
    await keeper.ready;
    await pass(clock, 0, { keepers: keepers.length });
    return keeper;
  }

  it('is reported within 30 s, while the CA in memory serves on', async () => {
    const { given, current, stored, faults } = await startedApart();
    const { caBundle } = current();
    store.edit(undefined);
    store.failLoads(missing);
    await pass(clock, 30_000);
    expect([stored.at(-1), faults]).toEqual([missing, []]);
    await pass(clock, 2 * DAY - MINUTE);
    expect([current().caBundle, given.length, store.saves.length]).toEqual([caBundle, 3, 1]);
  });

  it('gets the CA that clients trust as soon as it exists again, empty', async () => {
    const { current, stored, faults } = await startedApart();
    const { caBundle } = current();
    const [first] = store.saves;
    store.edit(undefined);
    store.failLoads(missing);
    await pass(clock, HOUR);
    store.heal();
    await pass(clock, 31_000);
    expect([store.saves, current().caBundle]).toEqual([[first, first], caBundle]);
    expect([stored.at(-1), faults]).toEqual([undefined, []]);
  });

  it('does not keep the endpoint from a start: its CA is in memory, and saved as soon as it can be', async () => {
    store.failLoads(missing);
    const { current, stored } = await startedApart();
    const { caBundle } = current();
    expect(stored).toEqual([missing]);
    expect(signerIn(caBundle, leafOf(current()))).toBe(0);
    await pass(clock, DAY);
    expect([current().caBundle, store.saves.length]).toEqual([caBundle, 0]);
    store.heal();
    await pass(clock, 31_000);
    expect([current().caBundle, store.saves.length]).toEqual([caBundle, 1]);
    expect(certificatesIn(caBundle)).toHaveLength(1);
  });

  it.each(['before it was deleted', 'by another process'])('that comes back with a CA %s counts', async (which) => {
    const { current } = await startedApart();
    const [first = ''] = store.saves;
    const { caBundle } = current();
    store.failLoads(missing);
    await pass(clock, MINUTE);
    store.heal();
    if (which === 'by another process') {
      store.edit(undefined);
      const other = await startedApart();
      await pass(clock, MINUTE, { keepers: 2 });
      expect([other.current().caBundle === caBundle, current().caBundle === other.current().caBundle]).toEqual([
        false,
        true,
      ]);
    } else {
      store.edit(first);
      await pass(clock, MINUTE);
      expect([current().caBundle, store.saves.length]).toEqual([caBundle, 1]);
    }
  });

  it('has its CA followed in memory, too, when it is time', async () => {
    const { current } = await startedApart();
    store.failLoads(missing);
    clock.jumpWall(335 * DAY);
    await pass(clock, 2 * HOUR);
    expect(certificatesIn(current().caBundle)).toHaveLength(2);
    clock.jumpWall(29 * DAY);
    await pass(clock, HOUR);
    expect(signerIn(current().caBundle, leafOf(current()))).toBe(1);
    store.heal();
    await pass(clock, MINUTE);
    expect(store.saves).toHaveLength(2);
  });

  it.each([
    ['cannot be read', new StoreError('The API server is unavailable.')],
    ['may not be read', new StoreError('Forbidden.', { permanent: true })],
  ])('is another matter than one that %s: a CA may be in it', async (_sentence, error) => {
    store.failLoads(error);
    const { given, stored } = startApart();
    await pass(clock, MINUTE);
    expect([given, stored.at(-1)]).toEqual([[], error]);
  });
});

describe('two token-acquirers', () => {
  it('agree on one CA when both find none', async () => {
    const [one, other] = [start(), start()];
    await pass(clock, MINUTE, { keepers: 2 });
    expect(store.saves).toHaveLength(1);
    expect(one.current().caBundle).toBe(other.current().caBundle);
    expect(one.current().cert).not.toBe(other.current().cert);
  });

  it('agree on one successor, though their looks cross', async () => {
    const [one, other] = [await started(), await started()];
    clock.jumpWall(335 * DAY);
    await pass(clock, 11 * MINUTE, { keepers: 2 });
    expect(store.saves).toHaveLength(2);
    expect(certificatesIn(one.current().caBundle)).toHaveLength(2);
    expect(other.current().caBundle).toBe(one.current().caBundle);
  });

  it('do not fight while an update gives the endpoint other names, and the old CA goes after two days', async () => {
    const old = await started();
    clock.jumpWall(100 * DAY);
    await pass(clock, 11 * MINUTE);
    const renamed = await started(['renamed', 'renamed.tokens.svc']);
    await pass(clock, HOUR, { keepers: 2 });
    expect(store.saves).toHaveLength(2);
    expect(renamed.faults).toEqual([expect.stringContaining('for other names')]);
    expect(renamed.current().caBundle).toBe(old.current().caBundle);
    expect([signerIn(old.current().caBundle, leafOf(old.current()))]).toEqual([0]);
    expect([signerIn(old.current().caBundle, leafOf(renamed.current()))]).toEqual([1]);
    old.stop();
    await pass(clock, 2 * DAY);
    expect(certificatesIn(renamed.current().caBundle)).toHaveLength(1);
    expect(signerIn(renamed.current().caBundle, leafOf(renamed.current()))).toBe(0);
  });
});
