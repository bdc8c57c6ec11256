import { describe, expect, it } from 'vitest';
import { loadOf, memoryNeed, memoryWarning } from '../../src/token-acquirer/configuration/memory-need.ts';

const MEBIBYTE = 1024 * 1024;

describe('the memory that tokens need', () => {
  it.each([
    [1, 0, 113],
    [1000, 0, 162],
    [1600, 0, 192],
    [5000, 0, 362],
    [10_000, 0, 612],
    [200, 200, 146],
    [1000, 1000, 282],
  ])('grows with their number and that of client apps: %i tokens, %i apps, %i MiB', (tokens, apps, mebibytes) => {
    expect(memoryNeed({ tokens, apps })).toBe(mebibytes * MEBIBYTE);
  });

  it('counts a client app once for all of its tokens, and no app without pods', () => {
    const [one, other] = ['app=a', 'app=b'].map((selector) => ({ namespace: 'billing', selector }));
    const apps = [one, one, other, { namespace: 'ledger', selector: 'app=a' }, { healthUrl: 'http://a' }, undefined];
    expect(loadOf(apps.map((clientApp) => ({ clientApp })))).toEqual({ tokens: 6, apps: 3 });
  });

  it('causes a warning if the process may use less', () => {
    expect(memoryWarning({ tokens: 5000, apps: 0 }, 192 * MEBIBYTE)).toBe(
      '5000 tokens need about 362 MiB of memory, but this process may use 192 MiB. The kernel may end the process before all tokens are stored. Raise the memory limit (in the chart: resources.limits.memory).',
    );
    expect(memoryWarning({ tokens: 1000, apps: 1000 }, 192 * MEBIBYTE)).toMatch(
      /^1000 tokens with 1000 client apps need about 282 MiB of memory, but this process may use 192 MiB\./,
    );
    expect(memoryWarning({ tokens: 1600, apps: 0 }, 192 * MEBIBYTE)).toBeUndefined();
    expect(memoryWarning({ tokens: 5000, apps: 0 }, undefined)).toBeUndefined();
  });
});
