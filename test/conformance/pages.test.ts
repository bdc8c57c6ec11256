import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blocksIn } from '../support/code-blocks.ts';

const USE = join(import.meta.dirname, '../../docs/use');

describe.each([
  ['python.md', 'examples/python/token_client.py'],
  ['go.md', 'examples/go/tokens.go'],
  ['java.md', 'examples/java/TokenClient.java'],
  ['shell.md', 'examples/shell/token.sh'],
])('the page %s', (page, example) => {
  const text = readFileSync(join(USE, page), 'utf8');

  it('shows the example that the tests run', () => {
    const [first] = blocksIn(page, text);
    expect(`${first?.text}\n`).toBe(readFileSync(join(USE, example), 'utf8'));
    expect(text).toContain(`](${example})`);
  });

  it('has at most 200 lines', () => {
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(200);
  });
});
