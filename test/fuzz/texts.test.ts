import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { subPathMounts } from '../../src/adapters/fs/sub-path-mounts.ts';
import { faultOfValue, withoutNewline } from '../../src/adapters/fs/value-file.ts';
import { isRefusedAddress } from '../../src/adapters/http/addresses.ts';
import { isDirect } from '../../src/adapters/http/no-proxy.ts';
import { formatDuration, parseDuration } from '../../src/core/duration.ts';
import { UsageError } from '../../src/core/errors.ts';
import { documentOf, POINTER, valueAt } from '../../src/core/json-pointer.ts';
import { isFileName, isLabel } from '../../src/core/names.ts';
import { nearestName } from '../../src/core/nearest-name.ts';
import { printable, printableLine } from '../../src/core/printable.ts';
import { networkOf, plainAddress } from '../../src/core/remote-address.ts';
import { statedSeconds } from '../../src/core/stated-lifetime.ts';
import { tokenUrl } from '../../src/core/token-url.ts';
import { parseAddress, pathOf } from '../../src/token-acquirer/endpoints/listener.ts';
import { accepted, expectLinear, fuzz } from '../support/fuzz.ts';
import { damaged, hostileText } from '../support/hostile.ts';

const NOW = Date.UTC(2026, 10, 30);

describe('a duration', () => {
  const near = fc.oneof(hostileText, damaged('1h30m'), fc.stringMatching(/^[0-9.dhms ]{0,400}$/));

  it('is a finite time above zero, within a thousand years, or none', () => {
    fuzz(
      near,
      (text) => {
        const duration = parseDuration(text);
        if (duration === undefined) return;
        expect(duration).toBeGreaterThan(0);
        expect(duration).toBeLessThanOrEqual(1000 * 366 * 86_400_000);
        if (Number.isInteger(duration)) expect(parseDuration(formatDuration(duration))).toBeLessThanOrEqual(duration);
      },
      1000,
    );
  });

  it('is read in linear time', () => expectLinear(parseDuration, ['1', '.', 'm', 's', 'h', '1m', '1.1ms', ' ']));
});

describe('a lifetime that a server states', () => {
  const stated = fc.oneof(
    hostileText,
    damaged('2026-11-30T12:00:00Z'),
    fc.double(),
    fc.jsonValue(),
    fc.stringMatching(/^\d{1,20}(?:\.\d{1,3})?$/),
  );

  it('is a finite number of seconds, or none', () => {
    fuzz(
      stated,
      (value) => {
        const seconds = statedSeconds(value, NOW);
        expect(seconds === undefined || Number.isFinite(seconds)).toBe(true);
      },
      1000,
    );
  });

  it('is read in linear time', () =>
    expectLinear((text) => statedSeconds(text, NOW), ['1', '.', '-', 'T', ':', ' ', 'Z']));
});

describe('an address', () => {
  const texts = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV4Extended(),
    damaged('[::1]:7080'),
    damaged('127.0.0.1:7080'),
    hostileText,
  );

  it('is a host and a port that can be listened on, or a UsageError', () => {
    fuzz(texts, (text) => {
      const found = accepted(() => parseAddress(text, '--listen'), UsageError);
      if (found === undefined) return;
      expect(found.port).toBeLessThanOrEqual(65_535);
      expect(found.host).not.toMatch(/[[\]]/);
    });
    expectLinear((text) => parseAddress(text, '--listen'), ['[', ']', ':', '1', 'a', '.', ' ']);
  });

  it('of a link-local host is refused inside any IPv6 address that leads to it', () => {
    fuzz(fc.tuple(fc.nat(255), fc.nat(255)), ([one, other]) => {
      const [high, low] = ['a9fe', ((one << 8) | other).toString(16)];
      expect(isRefusedAddress(`169.254.${one}.${other}`)).toBe(true);
      const prefixes = ['::ffff:', '64:ff9b::', '64:ff9b:1::', '::ffff:0:', '::'];
      expect(prefixes.filter((prefix) => !isRefusedAddress(`${prefix}${high}:${low}`))).toEqual([]);
      expect(isRefusedAddress(`2002:${high}:${low}::`)).toBe(true);
    });
    fuzz(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => expect(typeof isRefusedAddress(address)).toBe('boolean'));
  });

  it('has a network, whatever the text', () => {
    fuzz(texts, (text) => {
      expect(networkOf(plainAddress(text))).toBe(networkOf(text));
      if (isIP(text) === 6 && plainAddress(text).includes(':')) expect(networkOf(text)).toMatch(/^[0-9a-f:]+::\/64$/);
    });
  });

  it('is matched with NO_PROXY in linear time, and never an error', () => {
    const entries = ['*', '.', 'a', 'corp', ',', ' ', '10.0.0.0/8', '-', '[', ']', ':', '/', '::1', '1'];
    fuzz(
      fc.tuple(
        fc.oneof(
          hostileText,
          fc.array(fc.constantFrom(...entries)).map((all) => all.join('')),
        ),
        fc.constantFrom('a.corp', '10.0.0.7', '::1'),
      ),
      ([text, host]) => {
        expect(typeof isDirect({ host, port: 443 }, text)).toBe('boolean');
      },
    );
    for (const host of ['a.corp', '10.0.0.7'])
      expectLinear((text) => isDirect({ host, port: 443 }, text), entries, { size: 8 * 1024, runs: 10 });
  });
});

describe('a name', () => {
  it('leads to no other folder, and no other path of a URL', () => {
    fuzz(fc.oneof(hostileText, fc.stringMatching(/^[-./\\a-z0-9%]{0,20}$/)), (text) => {
      if (isFileName(text)) expect(text).not.toMatch(/\.\.|[/\\\0]/);
      if (isLabel(text)) expect(text).toMatch(/^[-a-z0-9]{1,63}$/);
    });
    expectLinear(isFileName, ['a', '.', '..', '-', '/']);
    expectLinear(isLabel, ['a', '-', '.']);
  });

  it('stays one segment of the path of a call', () => {
    fuzz(
      fc
        .tuple(hostileText, hostileText, hostileText)
        .filter((all) => all.every((text) => text.isWellFormed() && !['.', '..'].includes(text))),
      ([namespace, secret, name]) => {
        const url = tokenUrl(new URL('https://tokens.example.com/base/'), { namespace, secret, name }, '/reissue');
        expect(url.origin).toBe('https://tokens.example.com');
        expect(url.pathname.split('/')).toHaveLength(10);
        expect(url.search + url.hash).toBe('');
      },
    );
  });

  it('is compared in linear time with those that are valid', () => {
    expectLinear((text) => nearestName(text, ['tokens']), ['a', 'tokens', ' '], { size: 8 * 1024, runs: 10 });
  });
});

describe('a JSON pointer', () => {
  const pointers = fc.oneof(
    hostileText,
    fc.stringMatching(/^(?:\/[a~01]{0,4}){0,4}$/),
    fc.constantFrom('/__proto__/x', '/constructor/name', '/length', '/0/length'),
  );

  it('finds own members only, and writes what it finds', () => {
    fuzz(fc.tuple(fc.jsonValue(), pointers), ([document, pointer]) => {
      const found = valueAt(document, pointer);
      expect(typeof found).not.toBe('function');
      if (!POINTER.test(pointer)) return;
      const written = documentOf([[pointer, 'value']]);
      expect(JSON.stringify(written)).toContain('"value"');
    });
  });

  it('is read in linear time', () => {
    expectLinear((text) => POINTER.test(text), ['/', '~', '0', 'a', ' ']);
    expectLinear((text) => valueAt({ a: 1 }, text), ['/', '~', '0', 'a']);
  });
});

describe('a text for a terminal', () => {
  it('has no character that acts on it', () => {
    fuzz(hostileText, (text) => {
      expect(printable(text)).not.toMatch(/[^\P{Cc}\n\t]|\p{Cf}/u);
      expect(printableLine(text)).not.toMatch(/\p{Cc}|\p{Cf}/u);
    });
  });

  it('is made in linear time', () => {
    const parts = [' ', '\n', '\t', 'a', '\u202e', '\0', '\r'];
    expectLinear(printable, parts, { size: 32 * 1024 });
    expectLinear(printableLine, parts, { size: 32 * 1024 });
  });
});

describe('a value of a file', () => {
  it('of one line has no control character', () => {
    fuzz(hostileText, (text) => {
      const value = withoutNewline(text);
      if (faultOfValue(value) === undefined) expect(value).not.toMatch(/\p{Cc}/u);
      if (faultOfValue(value, { lines: true }) === undefined) expect(value).not.toContain('\0');
    });
    expectLinear(withoutNewline, ['\r', '\n', 'a', ' ']);
    expectLinear(faultOfValue, ['\r', '\n', 'a', ' ', '\0']);
  });

  it('and the list of mounts are read in linear time', () => {
    expectLinear(
      (text) => subPathMounts('/run/tokens', ['dynamics'], text),
      [' ', '\n', '\\040', '/run/tokens/dynamics', 'a'],
    );
    expectLinear((text) => pathOf({ url: text }), ['/', '?', '#', 'a', '\n']);
  });
});
