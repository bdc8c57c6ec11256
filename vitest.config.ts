import { defineConfig } from 'vitest/config';
import { ClusterSequencer } from './test/sequencer.ts';
import { refusalOf } from './test/support/machine.ts';
import { closingLine } from './test/support/tally.ts';

const refusal = refusalOf(process.versions.node);
if (refusal !== undefined) {
  // Said here, because an older Node breaks the runner only after it has reported a pass.
  process.stderr.write(`${refusal}\n`);
  process.stdout.write(`${closingLine({ passed: 0, failed: 1, skipped: 0 })}\n`);
  process.exit(1);
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    reporters: ['default', './test/closing-line.ts'],
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: ClusterSequencer },
    testTimeout: 20_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
  },
});
