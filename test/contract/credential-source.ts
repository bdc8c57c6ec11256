import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CREDENTIAL_KEYS, type Credential, type CredentialKey } from '../../src/core/credential.ts';
import { messageOf, UsageError } from '../../src/core/errors.ts';
import type { CredentialSource } from '../../src/ports/credential-source.ts';
import { failure } from '../support/failure.ts';
import { secret } from '../support/secrets.ts';

export type Values = Readonly<Partial<Record<CredentialKey, string>>>;

export interface CredentialSourceUnderTest {
  readonly source: CredentialSource;
  /** Replaces all values of a credential, which begins with none. */
  set(credential: string, values: Values): Promise<void>;
  /** As the user writes it, for example `10m`; `undefined` takes it out. */
  setInterval(credential: string, interval: string | undefined): Promise<void>;
  /** The text of `expires_at`; `undefined` takes it out. */
  setExpiry(credential: string, text: string | undefined): Promise<void>;
  remove(credential: string): Promise<void>;
  stop(): Promise<void>;
}

type Watch = CredentialSource['watch'];
/** `watch` is the source's; what is watched through it is stopped after the test. */
type Start = () => Promise<CredentialSourceUnderTest & { readonly watch: Watch }>;

/** What every source of credentials does. */
export function describeCredentialSource(name: string, make: () => Promise<CredentialSourceUnderTest>): void {
  describe(`${name}, as a source of credentials`, () => {
    let parts: CredentialSourceUnderTest;
    const stops: (() => void)[] = [];
    afterEach(async () => {
      for (const stop of stops.splice(0)) stop();
      await parts.stop();
    });

    async function start(): ReturnType<Start> {
      parts = await make();
      const watch: Watch = (credential, changed) => {
        const stop = parts.source.watch(credential, changed);
        stops.push(stop);
        return stop;
      };
      return { ...parts, watch };
    }

    describeValues(start);
    describeFingerprint(start);
    describeInterval(start);
    describeExpiry(start);
    describeWatch(start);
  });
}

function revealed({ values }: Credential): Values {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value.reveal()]));
}

function describeValues(start: Start): void {
  it.each<[what: string, keys: readonly CredentialKey[]]>([
    ['all keys', CREDENTIAL_KEYS],
    ['a user name and a password', ['username', 'password']],
    ['only one key', ['client_id']],
  ])('reads %s', async (_what, keys) => {
    const { source, set } = await start();
    const values = Object.fromEntries(keys.map((key) => [key, secret(key)]));
    await set('dynamics', values);
    const credential = await source.read('dynamics');
    expect(credential.name).toBe('dynamics');
    expect(revealed(credential)).toEqual(values);
  });

  it('reads afresh each time', async () => {
    const { source, set } = await start();
    await set('dynamics', { username: 'ann', password: secret('password') });
    await source.read('dynamics');
    const password = secret('password');
    await set('dynamics', { username: 'bob', password });
    expect(revealed(await source.read('dynamics'))).toEqual({ username: 'bob', password });
    await set('dynamics', { password });
    expect(revealed(await source.read('dynamics'))).toEqual({ password });
  });

  it('keeps credentials apart', async () => {
    const { source, set } = await start();
    await set('dynamics', { client_id: 'one' });
    await set('billing', { client_id: 'two' });
    expect(revealed(await source.read('dynamics'))).toEqual({ client_id: 'one' });
    expect(revealed(await source.read('billing'))).toEqual({ client_id: 'two' });
  });

  it('keeps blanks, quotes and letters of any script in a password', async () => {
    const { source, set } = await start();
    const password = ` p"ä's\\s ${secret('password')} 𝒳 `;
    await set('dynamics', { password });
    expect(revealed(await source.read('dynamics'))).toEqual({ password });
  });

  it('keeps the lines of a private key', async () => {
    const { source, set } = await start();
    const key = `-----BEGIN PRIVATE KEY-----\n${secret('private-key')}\n-----END PRIVATE KEY-----`;
    await set('dynamics', { private_key: key });
    expect(revealed(await source.read('dynamics'))).toEqual({ private_key: key });
  });

  it('shows no value in whatever is printed of a credential', async () => {
    const { source, set } = await start();
    const password = secret('password');
    await set('dynamics', { password });
    const credential = await source.read('dynamics');
    expect(inspect(credential, { showHidden: true, depth: null }) + JSON.stringify(credential)).not.toContain(password);
  });

  it('says in a UsageError which needed keys are missing', async () => {
    const { source, set } = await start();
    await set('dynamics', { client_id: secret('id'), username: secret('name') });
    expect((await source.read('dynamics', ['client_id', 'username'])).name).toBe('dynamics');
    const error = await failure(source.read('dynamics', ['client_id', 'password', 'private_key']));
    expect(error).toBeInstanceOf(UsageError);
    expect(messageOf(error)).toMatch(/password.*private_key/);
    expect(messageOf(error)).not.toContain('client_id');
  });

  it('says in a UsageError that there is no such credential, before and after there was one', async () => {
    const { source, set, remove } = await start();
    expect(await failure(source.read('absent'))).toBeInstanceOf(UsageError);
    await set('dynamics', { client_id: 'one' });
    await remove('dynamics');
    const error = await failure(source.read('dynamics'));
    expect(error).toBeInstanceOf(UsageError);
    expect(messageOf(error)).toContain('dynamics');
  });
}

function describeFingerprint(start: Start): void {
  it('gives the same values the same fingerprint, in whatever order they came', async () => {
    const { source, set } = await start();
    await set('dynamics', { username: 'ann', password: 'one' });
    const before = await source.read('dynamics');
    await set('dynamics', { username: 'ann', password: 'two' });
    await set('dynamics', { password: 'one', username: 'ann' });
    expect((await source.read('dynamics')).fingerprint).toBe(before.fingerprint);
  });

  it.each<[what: string, values: Values]>([
    ['another value', { username: 'ann', password: 'two' }],
    ['a value less', { username: 'ann' }],
    ['a value more', { username: 'ann', password: 'one', client_id: 'x' }],
    ['the values of each other', { username: 'one', password: 'ann' }],
    ['the value of another key', { username: 'ann', client_secret: 'one' }],
  ])('gives %s another fingerprint', async (_what, values) => {
    const { source, set } = await start();
    await set('dynamics', { username: 'ann', password: 'one' });
    const before = await source.read('dynamics');
    await set('dynamics', values);
    expect((await source.read('dynamics')).fingerprint).not.toBe(before.fingerprint);
  });

  it('has no part in the interval', async () => {
    const { source, set, setInterval } = await start();
    await set('dynamics', { username: 'ann' });
    const before = await source.read('dynamics');
    await setInterval('dynamics', '10m');
    expect((await source.read('dynamics')).fingerprint).toBe(before.fingerprint);
  });
}

function describeInterval(start: Start): void {
  it.each([
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['30s', 30_000],
  ])('reads the interval %s', async (text, interval) => {
    const { source, set, setInterval } = await start();
    await set('dynamics', { client_id: 'one' });
    await setInterval('dynamics', text);
    expect(await source.interval('dynamics')).toBe(interval);
  });

  it('has none where the user wrote none, or took it out, or has no such credential', async () => {
    const { source, set, setInterval } = await start();
    expect(await source.interval('dynamics')).toBeUndefined();
    await set('dynamics', { client_id: 'one' });
    expect(await source.interval('dynamics')).toBeUndefined();
    await setInterval('dynamics', '10m');
    await setInterval('dynamics', undefined);
    expect(await source.interval('dynamics')).toBeUndefined();
  });
}

function describeExpiry(start: Start): void {
  it.each([
    ['a time', '2027-01-31T12:00:00Z', Date.UTC(2027, 0, 31, 12)],
    ['a date', '2027-01-31', Date.UTC(2027, 0, 31)],
  ])('reads an end that is %s', async (_what, text, at) => {
    const { source, set, setExpiry } = await start();
    await set('dynamics', { client_id: 'one' });
    await setExpiry('dynamics', text);
    expect(await source.expiry('dynamics')).toEqual({ at, fault: undefined });
    expect(revealed(await source.read('dynamics'))).toEqual({ client_id: 'one' });
  });

  it('knows no end where the user wrote none, or took it out, or has no such credential', async () => {
    const { source, set, setExpiry } = await start();
    const unknown = { at: undefined, fault: undefined };
    expect(await source.expiry('dynamics')).toEqual(unknown);
    await set('dynamics', { client_id: 'one' });
    expect(await source.expiry('dynamics')).toEqual(unknown);
    await setExpiry('dynamics', '2027-01-31');
    await setExpiry('dynamics', undefined);
    expect(await source.expiry('dynamics')).toEqual(unknown);
  });

  it('says in a sentence that an end is no time, and throws nothing', async () => {
    const { source, set, setExpiry } = await start();
    await set('dynamics', { client_id: 'one' });
    await setExpiry('dynamics', 'soon');
    const { at, fault } = await source.expiry('dynamics');
    expect(at).toBeUndefined();
    expect(fault).toMatch(/dynamics.*\.$/);
    expect(revealed(await source.read('dynamics'))).toEqual({ client_id: 'one' });
  });
}

/** Longer than a change takes to be heard of where `fs.watch` works. */
const QUIET = 200;

function describeWatch(start: Start): void {
  async function watching(): Promise<Awaited<ReturnType<Start>> & { changed: ReturnType<typeof vi.fn<() => void>> }> {
    const parts = await start();
    await parts.set('dynamics', { username: 'ann', password: 'one' });
    await parts.set('billing', { username: 'ben' });
    const changed = vi.fn<() => void>();
    parts.watch('dynamics', changed);
    return { ...parts, changed };
  }
  const callOnce = async (changed: () => void): Promise<void> => {
    await vi.waitFor(() => expect(changed).toHaveBeenCalled(), { timeout: 5000, interval: 5 });
    await new Promise((resolve) => setTimeout(resolve, QUIET));
    expect(changed).toHaveBeenCalledOnce();
  };

  it.each<[what: string, change: (parts: CredentialSourceUnderTest) => Promise<void>]>([
    ['a changed value', ({ set }) => set('dynamics', { username: 'ann', password: 'two' })],
    ['a new value', ({ set }) => set('dynamics', { username: 'ann', password: 'one', client_id: 'x' })],
    ['a value that is gone', ({ set }) => set('dynamics', { username: 'ann' })],
    ['a new end', ({ setExpiry }) => setExpiry('dynamics', '2027-01-31')],
    ['a new interval', ({ setInterval }) => setInterval('dynamics', '10m')],
  ])('calls back once for %s', async (_what, change) => {
    const parts = await watching();
    await change(parts);
    await callOnce(parts.changed);
  });

  it('calls back for a credential that comes to be, and for its end', async () => {
    const { watch, set, remove } = await start();
    const changed = vi.fn<() => void>();
    watch('later', changed);
    await set('later', { username: 'ann' });
    await vi.waitFor(() => expect(changed).toHaveBeenCalled(), { timeout: 5000, interval: 5 });
    changed.mockClear();
    await remove('later');
    await vi.waitFor(() => expect(changed).toHaveBeenCalled(), { timeout: 5000, interval: 5 });
  });

  it('does not call back for another credential, or where the same was written again', async () => {
    const { set, changed } = await watching();
    await set('billing', { username: 'bob' });
    await set('dynamics', { username: 'ann', password: 'one' });
    await new Promise((resolve) => setTimeout(resolve, QUIET));
    expect(changed).not.toHaveBeenCalled();
  });

  it('calls each of several watchers, and none that has left', async () => {
    const { watch, set, changed } = await watching();
    const leaver = vi.fn<() => void>();
    const leave = watch('dynamics', leaver);
    const again = watch('dynamics', changed);
    leave();
    leave();
    again();
    await set('dynamics', { username: 'bob', password: 'one' });
    await callOnce(changed);
    expect(leaver).not.toHaveBeenCalled();
  });

  it('can be watched again after the last watcher left', async () => {
    const { watch, set } = await start();
    await set('dynamics', { username: 'ann' });
    watch('dynamics', () => {})();
    await set('dynamics', { username: 'bob' });
    const changed = vi.fn<() => void>();
    watch('dynamics', changed);
    await set('dynamics', { username: 'cat' });
    await callOnce(changed);
  });
}
