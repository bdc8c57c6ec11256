import { defineConfig } from 'vitest/config';
import { PROJECTS } from './test/projects.ts';
import { LaneSequencer, WORKERS } from './test/sequencer.ts';
import { IN_CI } from './test/support/ci.ts';
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
    globalSetup: ['test/global-setup.ts'],
    reporters: ['default', './test/faults/report.ts', './test/closing-line.ts'],
    pool: 'forks',
    maxWorkers: WORKERS,
    sequence: { sequencer: LaneSequencer },
    // Of what takes a few seconds, on a machine that is busy with all of them.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
    // The closing line names what was repeated.
    retry: IN_CI ? 1 : 0,
    projects: PROJECTS.map(({ name, include, exclude, setupFiles, globalSetup, isolate = true }) => ({
      extends: true as const,
      test: {
        name,
        isolate,
        // Nothing there depends on how busy the machine is.
        ...(name === 'fast' && { retry: 0 }),
        include: [...include],
        exclude: [...exclude],
        setupFiles: [...setupFiles],
        globalSetup: [...globalSetup],
      },
    })),
  },
});
