import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Creates a new directory. `remove` deletes it with all its contents. */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'token-acquirer-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
