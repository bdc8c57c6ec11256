import { describe, expect, it } from 'vitest';
import { fromDocument, toDocument } from '../../src/adapters/tls/authority-document.ts';
import { Redacted } from '../../src/core/redacted.ts';
import { secret } from '../support/secrets.ts';

const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

describe('the document of the CAs', () => {
  it.each([0, 1, 2])('gives back %i of them in their order', (count) => {
    const entries = Array.from({ length: count }, (_, index) => ({
      certificate: CERTIFICATE + index,
      privateKey: new Redacted(secret('ca-key')),
    }));
    const read = fromDocument(toDocument(entries));
    if (typeof read === 'string') throw new Error(read);
    expect(read.map(({ certificate }) => certificate)).toEqual(entries.map(({ certificate }) => certificate));
    expect(read.map(({ privateKey }) => privateKey.reveal())).toEqual(
      entries.map(({ privateKey }) => privateKey.reveal()),
    );
  });

  it('is JSON that a person can read', () => {
    const key = secret('ca-key');
    expect(JSON.parse(toDocument([{ certificate: CERTIFICATE, privateKey: new Redacted(key) }]))).toEqual({
      version: 1,
      authorities: [{ certificate: CERTIFICATE, private_key: key }],
    });
  });

  it.each<[what: string, text: string, found: 'newer' | 'damaged']>([
    ['an empty text', '', 'damaged'],
    ['invalid JSON', '{"version":1,', 'damaged'],
    ['null', 'null', 'damaged'],
    ['a list', '[]', 'damaged'],
    ['no version', '{"authorities":[]}', 'damaged'],
    ['a version that is a text', '{"version":"1","authorities":[]}', 'damaged'],
    ['version 0', '{"version":0,"authorities":[]}', 'damaged'],
    ['version 2 with any content', '{"version":2}', 'newer'],
    ['no list', '{"version":1}', 'damaged'],
    ['an entry that is not an object', '{"version":1,"authorities":[1]}', 'damaged'],
    ['an entry without a key', '{"version":1,"authorities":[{"certificate":"a"}]}', 'damaged'],
    ['an entry without a certificate', '{"version":1,"authorities":[{"private_key":"a"}]}', 'damaged'],
    ['a good entry and a bad one', '{"version":1,"authorities":[{"certificate":"a","private_key":"b"},{}]}', 'damaged'],
  ])('cannot be %s', (_what, text, found) => {
    expect(fromDocument(text)).toBe(found);
  });

  it('accepts unknown fields', () => {
    const text = '{"version":1,"authorities":[{"certificate":"a","private_key":"b","more":1}],"more":1}';
    expect(fromDocument(text)).toMatchObject([{ certificate: 'a' }]);
  });
});
