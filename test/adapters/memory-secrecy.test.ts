import { describe, expect, it } from 'vitest';
import { refuseOpenMemory } from '../../src/adapters/node/memory-secrecy.ts';
import { UsageError } from '../../src/core/errors.ts';

describe('a process that holds credentials', () => {
  it.each<[string, readonly string[], string | undefined]>([
    ['--inspect', ['--inspect'], undefined],
    ['--inspect', ['--inspect=0.0.0.0:9229'], undefined],
    ['--inspect-brk', [], '--inspect-brk'],
    ['--inspect-wait', [], '--max-old-space-size=100 --inspect-wait=1'],
    ['--inspect-port', [], '--inspect_port=1'],
    ['--heapsnapshot-signal', [], '"--heapsnapshot-signal=SIGUSR2"'],
    ['--heapsnapshot-signal', ['--heapsnapshot_signal=SIGUSR2'], undefined],
    ['--heapsnapshot-near-heap-limit', [], '\t--heapsnapshot-near-heap-limit=1'],
    ['--heap-prof', ['--heap-prof'], undefined],
    ['--report-on-signal', [], '--report-on-signal'],
    ['--report-uncaught-exception', [], '--report-uncaught-exception'],
    ['--abort-on-uncaught-exception', [], '--abort-on-uncaught-exception'],
    ['--trace-tls', [], '--trace-tls'],
    ['--tls-keylog', [], '--tls-keylog=/tmp/keys'],
    ['--insecure-http-parser', [], '--insecure-http-parser'],
  ])('is not started with %s: %j, %j', (option, execArgv, options) => {
    const refuse = (): void => refuseOpenMemory({ execArgv, env: { NODE_OPTIONS: options } }, undefined);
    expect(refuse).toThrow(UsageError);
    expect(refuse).toThrow(`Node was started with ${option}, by`);
  });

  it('is not started with an open inspector', () => {
    expect(() => refuseOpenMemory({ execArgv: [], env: {} }, 'ws://127.0.0.1:9229/x')).toThrow('with an inspector,');
  });

  it.each<[readonly string[], string | undefined]>([
    [[], undefined],
    [[], ''],
    [['--disable-sigusr1', '--optimize-for-size', '--max-semi-space-size=1'], '--max-old-space-size=100'],
    [[], '--use-openssl-ca --enable-source-maps --import ./telemetry.mjs'],
  ])('is started with %j and %j', (execArgv, options) => {
    expect(() => refuseOpenMemory({ execArgv, env: { NODE_OPTIONS: options } }, undefined)).not.toThrow();
  });
});
