import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/core/token.ts';
import { ConfigurationFile, sentenceOf } from '../../src/token-acquirer/configuration-in-force.ts';
import { ProcessStatus } from '../../src/token-acquirer/endpoints/process-status.ts';
import { createFakeClock, type FakeClock } from '../fakes/fake-clock.ts';
import { failure } from '../support/failure.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const GOOD = `authorizationServers:
  corporate: { issuer: "https://login.example.com" }
tokens: []
`;
const OTHER = `# Changed.\n${GOOD}`;
const MISSPELT = `authorizationServrs: {}\n${GOOD}tokns: []\n`;
const prefix = (text: string): string => sha256(text).slice(0, 8);

let directory: ReturnType<typeof temporaryDirectory>;
let clock: FakeClock;
let status: ProcessStatus;
let file: ConfigurationFile;
const path = (): string => join(directory.path, 'config.yaml');

beforeEach(() => {
  directory = temporaryDirectory();
  clock = createFakeClock();
  status = new ProcessStatus(clock);
  file = new ConfigurationFile(path(), { clock, status });
});
afterEach(() => directory.remove());

/** Loads the file as the process does at the start and at each change. */
async function look(text?: string, waits?: string): Promise<void> {
  if (text !== undefined) writeFileSync(path(), text);
  try {
    await file.load();
    file.accepted(waits);
  } catch (error) {
    file.rejected(error, sentenceOf(error));
  }
}

const condition = () => status.conditions.find(({ type }) => type === 'ConfigurationInForce');

describe('the active configuration', () => {
  it('is named by the hash that sha256sum prints, and by the time of its load', async () => {
    await look(GOOD);
    expect(status.configuration).toEqual({ sha256: sha256(GOOD), loadedAt: clock.now(), rejected: undefined });
    expect(condition()).toMatchObject({ status: true, message: `${prefix(GOOD)} is in force.` });
  });

  it('stays if a newer file is rejected, which is named with the time and its first error', async () => {
    await look(GOOD);
    const loadedAt = clock.now();
    await clock.advance(60_000);
    await look(MISSPELT);
    const error =
      'config.yaml:1:1: authorizationServrs: is an unknown key; did you mean "authorizationServers"? (and 1 more, see the log)';
    expect(status.configuration).toEqual({
      sha256: sha256(GOOD),
      loadedAt,
      rejected: { sha256: sha256(MISSPELT), since: clock.now(), error },
    });
    expect(condition()).toMatchObject({
      status: false,
      reason: 'NewerFileRejected',
      message: `The configuration ${prefix(MISSPELT)} is rejected, and ${prefix(GOOD)} stays in force. Correct it: ${error}`,
    });
  });

  it('has a rejected file since its first read, however often it is read', async () => {
    await look(GOOD);
    await look(MISSPELT);
    const since = clock.now();
    await clock.advance(60_000);
    await look();
    expect(status.configuration?.rejected?.since).toBe(since);
    await look(`${MISSPELT}# Still.\n`);
    expect(status.configuration?.rejected?.since).toBe(clock.now());
  });

  it('has no hash of a file that cannot be read', async () => {
    await look(GOOD);
    rmSync(path());
    mkdirSync(path());
    await look();
    expect(status.configuration?.rejected).toMatchObject({
      sha256: undefined,
      error: expect.stringContaining('EISDIR'),
    });
    expect(condition()?.message).toMatch(/^The configuration file is rejected, and [0-9a-f]{8} stays in force\./);
  });

  it.each([
    ['a corrected file', OTHER],
    ['the previous file', GOOD],
  ])('is healthy again with %s', async (_sentence, text) => {
    await look(GOOD);
    await look(MISSPELT);
    await clock.advance(1000);
    await look(text);
    expect(status.configuration).toEqual({ sha256: sha256(text), loadedAt: clock.now(), rejected: undefined });
    expect(condition()).toMatchObject({ status: true, since: clock.now() });
  });

  it('is partly active if a setting waits for a restart', async () => {
    await look(GOOD);
    await look(OTHER, 'state.secret changed.');
    expect(condition()).toMatchObject({
      status: false,
      reason: 'RestartNeeded',
      message: `${prefix(OTHER)} is in force in part. state.secret changed.`,
    });
    await look(GOOD);
    expect(condition()?.status).toBe(true);
  });

  it('is missing before the first load, whose failure ends the start', async () => {
    writeFileSync(path(), MISSPELT);
    const error = await failure(file.load());
    file.rejected(error, sentenceOf(error));
    expect([status.configuration, status.conditions]).toEqual([undefined, []]);
  });

  it('shows only the kind of an unexpected error, whose message may quote anything', async () => {
    await look(GOOD);
    const error = new TypeError('a secret');
    await file.load();
    file.rejected(error, sentenceOf(error));
    expect(status.configuration?.rejected?.error).toBe('It failed inside the token-acquirer (TypeError).');
  });
});
