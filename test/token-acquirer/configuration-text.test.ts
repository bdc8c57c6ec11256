import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { configurationIn } from '../../src/token-acquirer/cli/configuration-text.ts';

describe('the configuration in a text', () => {
  const configuration = 'authorizationServers: {}\ntokens: []\n';

  it('is what the ConfigMap of the chart has', () => {
    const map = stringify({ apiVersion: 'v1', kind: 'ConfigMap', data: { 'config.yaml': configuration } });
    expect(configurationIn(map)).toBe(configuration);
    expect(configurationIn(`---\n# Source: token-acquirer/templates/configmap.yaml\n${map}`)).toBe(configuration);
  });

  it.each([
    ['a configuration', configuration],
    ['a ConfigMap of something else', stringify({ kind: 'ConfigMap', data: { other: 'x' } })],
    ['a ConfigMap without data', stringify({ kind: 'ConfigMap' })],
    ['another object', stringify({ kind: 'Secret', data: { 'config.yaml': 'x' } })],
    ['several objects', 'kind: ConfigMap\n---\nkind: ConfigMap\n'],
    ['a list', '- kind: ConfigMap\n'],
    ['a word', 'ConfigMap'],
    ['nothing', ''],
    ['no YAML', 'kind: [ConfigMap'],
  ])('is the text itself where that is %s', (_what, text) => {
    expect(configurationIn(text)).toBe(text);
  });
});
