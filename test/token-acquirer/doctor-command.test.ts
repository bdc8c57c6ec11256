import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/core/doctor/checks.ts';
import type { Observed } from '../../src/core/doctor/observed.ts';
import { doctorCommand } from '../../src/token-acquirer/cli/doctor-command.ts';
import { doctorJson, doctorText } from '../../src/token-acquirer/cli/doctor-text.ts';
import { expectedServers, expectedTokens } from '../../src/token-acquirer/cli/expected-tokens.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { healthyInstallation } from '../support/healthy-installation.ts';
import { configurationText } from '../support/installed-objects.ts';

const MISSING = healthyInstallation({ cluster: { secrets: { 'billing/billing-tokens': 'missing' } } });

async function run(
  seen: Observed,
  options: { readonly pre?: boolean; readonly output?: 'table' | 'json' } = {},
): Promise<{ readonly text: string; readonly exitCode: number }> {
  let text = '';
  const output = { out: (part: string) => void (text += part), error: () => {} };
  const observe = () => Promise.resolve(seen);
  try {
    await doctorCommand({ output: 'table', ...options }, { observe, output });
    return { text, exitCode: 0 };
  } catch (error) {
    expect(error).toMatchObject({ name: 'CommandFailed', message: '' });
    return { text, exitCode: (error as { readonly exitCode: number }).exitCode };
  }
}

describe('doctor', () => {
  it('ends with 0 where nothing is found, and says so', async () => {
    const { text, exitCode } = await run(healthyInstallation());
    expect(exitCode).toBe(0);
    expect(text).toMatch(/\n\d+ checks, nothing found\.\n$/);
    expect(text).not.toMatch(/[✗!-] /);
  });

  it('ends with 1 where something is found, in both formats', async () => {
    for (const output of ['table', 'json'] as const) expect((await run(MISSING, { output })).exitCode).toBe(1);
  });

  it('ends with 1 for a warning', async () => {
    const seen = healthyInstallation({ cluster: { unread: ['get the namespace billing'] } });
    const { text, exitCode } = await run(seen);
    expect(exitCode).toBe(1);
    expect(text).toContain(
      '  ! You may see everything\n      warning: this user: You may not get the namespace billing',
    );
    expect(text).toContain('\n0 errors, 1 warning.\n');
  });

  it('checks with --pre only what exists before an installation', async () => {
    const { text } = await run(MISSING, { pre: true });
    expect(text).toContain('You may install the chart');
    expect(text).not.toContain('Token Secrets');
  });

  it('prints a check for programs with its result and findings', async () => {
    const { checks } = JSON.parse((await run(MISSING, { output: 'json' })).text) as { checks: { check: string }[] };
    expect(checks.find(({ check }) => check === 'secret')).toEqual({
      check: 'secret',
      group: 'Token Secrets',
      title: 'All exist',
      result: 'failed',
      findings: [
        {
          severity: 'error',
          subject: 'Secret billing/billing-tokens',
          message: 'It does not exist.',
          why: expect.any(String) as unknown,
          fix: expect.stringContaining('helm upgrade') as unknown,
        },
      ],
      unchecked: [],
    });
    expect(checks.find(({ check }) => check === 'lease')).toMatchObject({ result: 'passed', findings: [] });
  });
});

describe('the text of the doctor', () => {
  const skipping = diagnose(healthyInstallation({ cluster: { acquirers: 'missing' } }), 'after');

  it('marks and counts what was skipped', () => {
    expect(doctorText(skipping)).toContain('  - All exist\n');
    expect(doctorText(skipping)).toMatch(
      /1 error, 0 warnings\. \d+ checks were skipped \(-\), because of what is missing above\.\n$/,
    );
    expect(doctorJson(skipping)).toContain('"result": "skipped"');
  });

  it('is of one line for each sentence, whatever a name in the cluster holds', () => {
    const seen = healthyInstallation({
      configuration: { place: 'config.yaml', fault: 'line 1\n  ✓ All exist\u001b[2J' },
    });
    expect(doctorText(diagnose(seen, 'after'))).toContain('error: config.yaml: line 1 ✓ All exist\\u001b[2J\n');
  });
});

describe('what the doctor expects of a configuration', () => {
  const configuration = parseConfiguration(configurationText('https://login.example.com'), '/etc/config.yaml');

  it('are its tokens, with their keys, ServiceAccounts and pods', () => {
    expect(expectedTokens(configuration)).toEqual([
      {
        identity: { namespace: 'billing', secret: 'billing-tokens', name: 'dynamics' },
        key: 'dynamics',
        keys: ['dynamics', 'dynamics.json'],
        server: 'corporate',
        credential: 'dynamics',
        neededKeys: ['client_id', 'client_secret'],
        clients: [{ namespace: 'billing', name: 'billing-app' }],
        app: { namespace: 'billing', selector: 'app=billing' },
      },
    ]);
  });

  it('leaves out callers by name, and client apps outside of a cluster', () => {
    const [token] = configuration.tokens;
    if (token === undefined) throw new Error('There is no token.');
    const outside = { ...token, clients: ['caller'], clientApp: { pidFile: '/run/app.pid' } };
    const [expected] = expectedTokens({ ...configuration, tokens: [outside] });
    expect(expected).toMatchObject({ clients: [], app: undefined });
  });

  it('are its servers, each with the URL at which it begins', () => {
    const servers = {
      a: { protocol: 'oauth', issuer: 'https://a.example.com', tokenEndpoint: 'https://a.example.com/token' },
      b: { protocol: 'oauth', issuer: 'https://b.example.com' },
      c: { protocol: 'http_login', url: 'https://c.example.com/login' },
      d: { protocol: 'http_login' },
    };
    expect(expectedServers({ ...configuration, servers }).map(({ name, url }) => [name, url])).toEqual([
      ['a', 'https://a.example.com/token'],
      ['b', 'https://b.example.com'],
      ['c', 'https://c.example.com/login'],
    ]);
  });
});
