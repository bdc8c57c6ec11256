import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { SEED_VARIABLE, TIMES_VARIABLE } from '../support/fuzz-variables.ts';

const HELP = `Gives every parser random inputs, until the time is over or a property fails.

  npm run fuzz                          one round
  npm run fuzz -- --minutes N           rounds with other inputs, for N minutes
  npm run fuzz -- --seed S              the inputs of a round that failed
  npm run fuzz -- test/fuzz/FILE …      some of the files
`;

/** How many more inputs a round has than the tests. */
const TIMES = 10;

function runRound(seed: number, files: readonly string[]): boolean {
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'fast', '--testTimeout', '3600000'];
  const { status } = spawnSync(process.execPath, [...vitest, ...files], {
    stdio: 'inherit',
    env: { ...process.env, [SEED_VARIABLE]: String(seed), [TIMES_VARIABLE]: String(TIMES) },
  });
  return status === 0;
}

function main(): number {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { minutes: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean' } },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const end = performance.now() + Number(values.minutes ?? 0) * 60_000;
  const files = positionals.length > 0 ? positionals : ['test/fuzz'];
  for (let round = 1; ; round += 1) {
    const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
    process.stdout.write(`Round ${round}, seed ${seed}\n`);
    if (!runRound(seed, files)) {
      process.stderr.write(`Round ${round} failed. Repeat it: npm run fuzz -- --seed ${seed}\n`);
      return 1;
    }
    if (!(performance.now() < end)) return 0;
  }
}

process.exitCode = main();
