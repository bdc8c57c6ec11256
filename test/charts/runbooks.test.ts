import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { realParts } from '../real/real-parts.ts';
import { blocksIn, shellCommands } from '../support/code-blocks.ts';
import { minimal, ofKind, openChart, podOf } from './chart.ts';
import { openPromtool, type Rule, renderedRules } from './promtool.ts';

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = 'docs/operate/runbooks';
const SECTIONS = [
  'How long have I got?',
  'Meaning',
  'Impact',
  'Diagnose',
  'Fix',
  'Verify',
  'If it cannot be fixed tonight',
  'Escalate',
];

const runbooks = readdirSync(join(ROOT, FOLDER)).map((file) => {
  const path = `${FOLDER}/${file}`;
  const text = readFileSync(join(ROOT, path), 'utf8');
  return { path, alert: file.replace(/\.md$/, ''), text, blocks: blocksIn(path, text) };
});

/** Titles of the sections with what follows them. */
function sectionsOf(text: string): readonly (readonly [title: string, body: string])[] {
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const end = section.indexOf('\n');
      return [section.slice(0, end), section.slice(end)] as const;
    });
}

describe('the runbooks', () => {
  const promtool = realParts(() => openPromtool('token-acquirer'));
  const rules = (): readonly Rule[] => promtool().rules;

  it('exist once for each alert, and for nothing else', () => {
    expect(runbooks.map(({ alert }) => alert).toSorted()).toEqual(
      rules()
        .map(({ alert }) => alert)
        .toSorted(),
    );
  });

  it('are named by their alert, with a path in the project and no link by default', () => {
    for (const { alert, annotations } of rules()) {
      expect(annotations['runbook']).toBe(`${FOLDER}/${alert}.md`);
      expect(annotations).not.toHaveProperty('runbook_url');
    }
  });

  it.each(['https://git.example.com/runbooks', 'https://git.example.com/runbooks/'])(
    'are linked where the values say where they are published: %s',
    async (runbookUrl) => {
      for (const { alert, annotations } of await renderedRules('token-acquirer', { runbookUrl })) {
        expect(annotations['runbook_url']).toBe(`https://git.example.com/runbooks/${alert}.md`);
      }
    },
  );

  it('ask queries that Prometheus takes', async () => {
    const queries = runbooks.flatMap(({ blocks }) =>
      blocks.filter(({ language }) => language === '').flatMap(({ text }) => text.split('\n')),
    );
    expect(queries.length).toBeGreaterThan(6);
    expect(await promtool().checkQueries(queries)).toContain(`SUCCESS: ${queries.length} rules found`);
    await expect(promtool().checkQueries(['sum(up'])).rejects.toThrow();
  });
});

describe('the kubectl commands of the runbooks', () => {
  const chart = realParts(() => openChart('helm 4'));
  const commands = runbooks.flatMap(({ path, blocks }) =>
    blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => shellCommands(text))
      .filter((command) => command.startsWith('kubectl '))
      .map((command) => [path, command] as const),
  );

  it('name objects and labels of the chart', async () => {
    const objects = await chart().objects(minimal({ shards: 2 }), { namespace: 'token-acquirer' });
    const rendered = new Set(objects.map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`));
    const pods = ofKind(objects, 'Deployment').map((object) => podOf([object]));
    const labels = pods.flatMap(({ metadata }) =>
      Object.entries(metadata.labels).map(([name, value]) => `${name}=${String(value)}`),
    );
    const inRelease = commands.filter(([, command]) => command.includes('-n token-acquirer'));
    expect(inRelease.length).toBeGreaterThan(20);
    for (const [path, command] of inRelease) {
      for (const [, kind, name] of command.matchAll(/\b(deployment|configmap)[/ ]([a-z][a-z0-9-]+)/g))
        expect([path, ...rendered]).toContain(`${kind}/${name}`);
      for (const [, label] of command.matchAll(/ -l (\S+)/g)) expect([path, ...labels]).toContain(label);
    }
  });

  it('change nothing, except that they free a Lease, set a credential, and create a Secret that was deleted', () => {
    const all = runbooks.flatMap(({ blocks }) =>
      blocks.filter(({ language }) => language === 'sh').flatMap(({ text }) => shellCommands(text)),
    );
    const changing = all.filter((one) => /\bkubectl .*\b(?:create|delete|patch|apply|replace|edit)\b/.test(one));
    expect([...new Set(changing.map((one) => one.slice(one.indexOf('kubectl'))))].toSorted()).toEqual([
      `kubectl -n token-acquirer patch lease token-acquirer --type merge --patch '{"spec":{"holderIdentity":""}}'`,
      'kubectl -n token-acquirer patch secret dynamics-credentials --type=merge --patch-file=/dev/stdin',
      'kubectl create secret generic billing-tokens --namespace billing',
    ]);
  });
});

describe.each(runbooks)('the runbook $path', ({ alert, text }) => {
  it('has its alert as the title, for the person on call, and every section in order', () => {
    expect(text).toMatch(new RegExp(`^# ${alert}\n\nFor the person on call\\.`));
    expect(sectionsOf(text).map(([title]) => title)).toEqual(SECTIONS);
    for (const [title, body] of sectionsOf(text)) expect(`${title}: ${body.trim()}`).not.toBe(`${title}: `);
  });

  it('begins with how long there is, and with the query or command that shows it', () => {
    const [, body = ''] = sectionsOf(text)[0] ?? [];
    expect(blocksIn(alert, body).length).toBeGreaterThan(0);
  });

  it('is complete: it sends the reader to no other runbook', () => {
    expect(text).not.toMatch(/\]\((?:\.\/)?Token\w+\.md|as above|likewise|same as/i);
  });

  it('names a command that shows the cause, and one that shows the cure', () => {
    const bodies = Object.fromEntries(sectionsOf(text));
    const shown = /token-acquirer status|token_acquirer_/;
    expect(bodies['Diagnose']).toMatch(/kubectl/);
    expect(bodies['Verify']).toMatch(shown);
  });
});
