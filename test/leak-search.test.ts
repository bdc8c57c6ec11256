import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findLeaks } from './support/leak-search.ts';
import { keepOutput, keepText, OUTPUTS_VARIABLE, readOutputs } from './support/outputs.ts';
import { LEDGER_VARIABLE, readLedger, registerSecret, secret } from './support/secrets.ts';

const PASSWORD = 'k9!"quoted"/+= %&\\ and spaces';
const SECRETS = [
  { label: 'password', value: PASSWORD },
  { label: 'token', value: 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl' },
];

function output(text: string, label = 'a log') {
  return { label, content: Buffer.from(text) };
}

function base64(text: string, encoding: 'base64' | 'base64url' = 'base64'): string {
  return Buffer.from(text).toString(encoding);
}

describe('the search for leaks', () => {
  it.each([
    ['as it is', PASSWORD],
    ['at the start of an output', `${PASSWORD} was used`],
    ['in the midst of other text', `pass=${PASSWORD};`],
    ['in a JSON string', JSON.stringify({ password: PASSWORD })],
    ['percent-encoded', new URL(`http://localhost/?p=${encodeURIComponent(PASSWORD)}`).href],
    ['by itself in base64', base64(PASSWORD)],
    ['in a Basic header, one character before it', `Basic ${base64(`a:${PASSWORD}`)}`],
    ['in a Basic header, two characters before it', `Basic ${base64(`ab:${PASSWORD}`)}`],
    ['in a Basic header, many characters around it', `Basic ${base64(`client:${PASSWORD} and more`)}`],
    ['in base64url', base64(`{"password":"${PASSWORD}"}`, 'base64url')],
  ])('finds a secret %s', (_, text) => {
    expect(findLeaks(SECRETS, [output(text)])).toEqual([{ secret: 'password', outputs: ['a log'] }]);
  });

  it.each([
    ['nothing', ''],
    ['a part of a secret', PASSWORD.slice(0, -1)],
    ['the end of a secret', PASSWORD.slice(1)],
    ['another token that begins alike', 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.b3RoZXI'],
    ['a hash of it', 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c'],
  ])('finds none in %s', (_, text) => {
    expect(findLeaks(SECRETS, [output(text)])).toEqual([]);
  });

  it('names every output of a secret once, and each secret once though it was registered twice', () => {
    const outputs = [output(`${PASSWORD} ${PASSWORD}`, 'second'), output(PASSWORD, 'first'), output('none', 'third')];
    expect(findLeaks([...SECRETS, ...SECRETS], outputs)).toEqual([
      { secret: 'password', outputs: ['first', 'second'] },
    ]);
  });

  it('says nothing of the value', () => {
    expect(JSON.stringify(findLeaks(SECRETS, [output(PASSWORD)]))).not.toContain('quoted');
  });

  it('leaves out what is too short to differ from chance', () => {
    expect(findLeaks([{ label: 'short', value: 'swordfish' }], [output('swordfish')])).toEqual([]);
  });

  it('finds any secret wherever it stands, and nothing else', () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 });
    const value = fc.string({ unit: 'grapheme', minLength: 16, maxLength: 80 });
    fc.assert(
      fc.property(text, value, text, (before, present, after) => {
        const around = `${before}${present}${after}`;
        const secrets = [
          { label: 'present', value: present },
          { label: 'absent', value: `${present}${around}` },
        ];
        expect(findLeaks(secrets, [output(around)])).toEqual([{ secret: 'present', outputs: ['a log'] }]);
      }),
    );
  });

  it('takes seconds for thousands of secrets in tens of megabytes', () => {
    const secrets = Array.from({ length: 5000 }, (_, number) => ({
      label: String(number),
      value: `eyJhbGciOiJSUzI1NiJ9.${randomBytes(300).toString('base64url')}`,
    }));
    const noise = randomBytes(15_000_000).toString('hex');
    const began = performance.now();
    const leaks = findLeaks(secrets, [output(noise), output(`${noise}${secrets[4321]?.value}`, 'the other')]);
    expect(leaks).toEqual([{ secret: '4321', outputs: ['the other'] }]);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

describe('what a run keeps for the search', () => {
  const variables = [LEDGER_VARIABLE, OUTPUTS_VARIABLE];
  const before = variables.map((name) => process.env[name]);
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'token-acquirer-leaks-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
    for (const [at, name] of variables.entries()) {
      const value = before[at];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  function outputsByLabel() {
    return Object.fromEntries([...readOutputs(folder)].map(({ label, content }) => [label, String(content)]));
  }

  it('has each registered secret with its label, though it spans lines', () => {
    process.env[LEDGER_VARIABLE] = join(folder, 'ledger');
    const value = secret('client-secret');
    registerSecret('-----BEGIN\nA KEY\n-----END', 'key');
    registerSecret('too short');
    expect(readLedger(join(folder, 'ledger'))).toEqual([
      { label: 'client-secret', value },
      { label: 'key', value: '-----BEGIN\nA KEY\n-----END' },
    ]);
  });

  it('has texts under their labels', () => {
    process.env[OUTPUTS_VARIABLE] = folder;
    keepText('a page', 'one');
    keepText('a page', 'two');
    keepText('../../etc/a "label"', 'three');
    expect(outputsByLabel()).toEqual({ 'a page': 'one\ntwo\n', '.._.._etc_a _label_': 'three\n' });
  });

  it('has both outputs of a process, and takes nothing from other listeners', async () => {
    process.env[OUTPUTS_VARIABLE] = folder;
    const child = spawn('sh', ['-c', 'echo out; echo err >&2']);
    keepOutput(child, 'a program');
    let heard = '';
    child.stdout.on('data', (chunk) => (heard += String(chunk)));
    await once(child, 'close');
    expect(heard).toBe('out\n');
    expect(outputsByLabel()).toEqual({ 'stdout of a program': 'out\n', 'stderr of a program': 'err\n' });
  });

  it('is nothing where no run gathers it', () => {
    delete process.env[OUTPUTS_VARIABLE];
    delete process.env[LEDGER_VARIABLE];
    writeFileSync(join(folder, 'x~1'), '');
    keepText('a page', 'one');
    registerSecret('long enough to be registered');
    expect(outputsByLabel()).toEqual({ x: '' });
  });
});
