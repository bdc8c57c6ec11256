import { describe, expect, it } from 'vitest';
import { completionScript } from '../../../src/token-acquirer/plugin/completion-script.ts';
import { completionLines, completionsOf } from '../../../src/token-acquirer/plugin/completions.ts';
import { createPluginProgram, type PluginActions } from '../../../src/token-acquirer/plugin/plugin-program.ts';

const completions = (line: string) => completionsOf(createPluginProgram({} as PluginActions, '0.0.0'), line.split(' '));

describe('the completion', () => {
  it.each<[line: string, choices: readonly string[]]>([
    ['st', ['status']],
    ['interval ', ['set']],
    ['completion ', ['bash', 'zsh']],
    ['completion z', ['zsh']],
    ['status -o ', ['table', 'json', 'yaml']],
    ['status --output y', ['yaml']],
    ['status --un', ['--unhealthy']],
    ['status -n token-acquirer --wat', ['--watch']],
    ['status --watch --al', ['--all-namespaces']],
    ['credentials set --k', ['--key', '--kubeconfig']],
    ['status -n ', []],
    ['nonsense ', []],
  ])('of "%s" is what the program has', (line, choices) => {
    expect(completions(line)).toMatchObject({ choices, areTokens: false });
  });

  it('has all commands where nothing is typed', () => {
    expect(completions('').choices).toEqual(
      createPluginProgram({} as PluginActions, '0.0.0').commands.map((command) => command.name()),
    );
  });

  it.each<[line: string, areTokens: boolean]>([
    ['inspect ', true],
    ['inspect bill', true],
    ['inspect -n token-acquirer bill', true],
    ['inspect a/b/c ', false],
    ['inspect --out', false],
    ['inspect -n ', false],
    ['status ', false],
  ])('of "%s" has names of tokens: %s', (line, areTokens) => {
    expect(completions(line).areTokens).toBe(areTokens);
  });

  it('knows which cluster was named', () => {
    expect(completions('inspect --context one --namespace=two --kubeconfig=three ').given).toEqual({
      context: 'one',
      namespace: 'two',
      kubeconfig: 'three',
    });
  });

  it('is printed as kubectl reads it', () => {
    expect(completionLines(['one', 'two'])).toBe('one\ntwo\n:4\n');
    expect(completionLines([])).toBe(':4\n');
  });

  it.each(['bash', 'zsh'] as const)('has a script for %s that asks the program', (shell) => {
    const script = completionScript(shell);
    expect(script).toContain('kubectl-token_acquirer __complete');
    expect(script).toContain(shell);
  });
});
