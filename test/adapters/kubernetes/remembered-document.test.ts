import { describe, expect, it } from 'vitest';
import { bytesOf, remembered } from '../../../src/adapters/kubernetes/secrets/remembered-document.ts';
import { toVolumeData } from '../../../src/core/token-volume.ts';
import { buildToken } from '../../support/tokens.ts';

describe('a remembered document', () => {
  it('contains the token as the given string, and otherwise only the rest of the bytes', () => {
    const data = toVolumeData('dynamics', buildToken());
    const bytes = Buffer.from(data['dynamics.json'] ?? '');
    const document = remembered(bytes, data['dynamics']);
    expect(document.token).toBe(data['dynamics']);
    expect(document.before).toBe('{"access_token":"');
    expect(document.after).toMatch(/^","token_type"/);
    expect(bytesOf(document)).toEqual(bytes);
  });

  it.each<[string, Buffer, string | undefined]>([
    ['no token is known', Buffer.from('{"access_token":"abc"}'), undefined],
    ['the token is empty', Buffer.from('{}'), ''],
    ['it describes another token', Buffer.from('{"access_token":"abc"}'), 'xyz'],
    ['JSON writes the token in another way', Buffer.from('{"access_token":"a\\"b"}'), 'a"b'],
    ['its bytes are not text', Buffer.from([0xff, 0x00, 0xc3, 0x28]), 'x'],
    ['the token is not ASCII', Buffer.from('{"access_token":"ä€"}'), 'ä€'],
    ['it has other letters next to the token', Buffer.from('{"scope":"ä€","access_token":"abc"}'), 'abc'],
  ])('returns the same bytes if %s', (_name, bytes, token) => {
    expect(bytesOf(remembered(bytes, token))).toEqual(bytes);
  });
});
