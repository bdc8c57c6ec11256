import { describe, expect, it } from 'vitest';
import { helm, helmBinaries } from './helm.ts';

describe('helm', { timeout: 20 * 60_000 }, () => {
  it('exists in both majors', async () => {
    const versions: string[] = [];
    for (const binary of await helmBinaries()) versions.push(`${binary.name}: ${await helm(binary, ['version'])}`);
    expect(versions[0]).toMatch(/^helm 3: .*"v3\./);
    expect(versions[1]).toMatch(/^helm 4: .*"v4\./);
  });

  it('says what was wrong', async () => {
    for (const binary of await helmBinaries())
      await expect(helm(binary, ['template', 'absent', '/absent'])).rejects.toThrow(
        `${binary.name} template ended with code 1 and said last: Error: `,
      );
  });
});
