import { describe, expect, it } from 'vitest';
import { HELP, parseOptions } from '../../src/demo/options.ts';

describe('the arguments of the demo', () => {
  it.each([
    ['none: it runs on', [], { kind: 'run', once: false }],
    ['--once', ['--once'], { kind: 'run', once: true }],
    ['--help', ['--help'], { kind: 'help' }],
    ['-h', ['-h'], { kind: 'help' }],
    ['--help wins', ['--once', '--help'], { kind: 'help' }],
  ] as const)('%s', (_name, args, expected) => {
    expect(parseOptions(args)).toEqual(expected);
  });

  it.each([
    ['an unknown option', ['--twice']],
    ['an unknown option after a known one', ['--once', '--loud']],
    ['a word', ['once']],
    ['a value where none is taken', ['--once=1']],
  ])('%s is an error, explained in a sentence that does not quote it', (_name, args) => {
    const parsed = parseOptions(args);
    expect(parsed).toEqual({ kind: 'error', message: 'The demo takes no arguments except --once and --help.' });
  });

  it('explains every option', () => {
    for (const option of ['--once', '--help', 'NO_COLOR', 'Ctrl-C']) expect(HELP).toContain(option);
  });
});
