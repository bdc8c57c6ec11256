import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  addressIn,
  durationIn,
  mountedKeyPair,
  mountedSecret,
  mountedText,
  required,
} from '../../../src/demo/cluster/settings.ts';
import { secret } from '../../support/secrets.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const { path: folder, remove } = temporaryDirectory();
afterAll(remove);

describe('the settings of the example', () => {
  it.each([
    ['a value', ' https://x.svc ', 'https://x.svc'],
    ['a blank', '  ', new Error('NAME is not set.')],
    ['nothing', undefined, new Error('NAME is not set.')],
  ])('read %s', (_, value, expected) => {
    const read = (): string => required({ NAME: value }, 'NAME');
    if (expected instanceof Error) expect(read).toThrow(expected.message);
    else expect(read()).toBe(expected);
  });

  it('read an address', () => {
    expect(addressIn({ LISTEN: '127.0.0.1:8443' }, 'LISTEN')).toEqual({ host: '127.0.0.1', port: 8443 });
    expect(addressIn({ LISTEN: ':8443' }, 'LISTEN')).toEqual({ host: '', port: 8443 });
  });

  it.each(['8443', ':', '0.0.0.0', '0.0.0.0:99999', 'a:b'])('reject the address %s', (value) => {
    expect(() => addressIn({ LISTEN: value }, 'LISTEN')).toThrow('LISTEN is not host:port, such as 127.0.0.1:8443.');
  });

  it.each([
    ['20s', 20_000],
    ['', undefined],
    [undefined, undefined],
  ])('read the duration %s', (value, expected) => {
    expect(durationIn({ EVERY: value }, 'EVERY')).toBe(expected);
  });

  it('reject what is no duration', () => {
    expect(() => durationIn({ EVERY: 'often' }, 'EVERY')).toThrow(/^EVERY is not a duration such as/);
  });

  it('read what is mounted, one newline cut', () => {
    const [value, key] = [secret('client-secret'), secret('key')];
    writeFileSync(join(folder, 'client_secret'), `${value}\n`);
    writeFileSync(join(folder, 'tls.crt'), 'a certificate\n\n');
    writeFileSync(join(folder, 'tls.key'), key);
    expect(mountedSecret(folder, 'client_secret').reveal() === value).toBe(true);
    expect(String(mountedSecret(folder, 'client_secret'))).not.toContain(value);
    const pair = mountedKeyPair(folder);
    expect(pair.cert).toBe('a certificate\n');
    expect(pair.key === key).toBe(true);
  });

  it('say what is not mounted', () => {
    expect(() => mountedText(folder, 'absent')).toThrow(`The file ${join(folder, 'absent')} cannot be read (ENOENT).`);
  });
});
