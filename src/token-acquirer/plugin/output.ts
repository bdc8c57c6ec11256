import { stringify } from 'yaml';
import type { CommandOutput } from '../cli/terminal-output.ts';

export const FORMATS = ['table', 'json', 'yaml'] as const;
export type Format = (typeof FORMATS)[number];

/** What the commands of the plugin print. */
export interface PluginOutput extends CommandOutput {
  /** Prints text for people, in colors where the terminal has them. */
  view(text: string): void;
  /** Clears the terminal, or separates from what was printed before. */
  renew(): void;
}

/** Prints a value for programs, or its text for people. */
export function show(value: object, text: string, format: Format, output: PluginOutput): void {
  if (format === 'table') output.view(text);
  else output.out(format === 'json' ? `${JSON.stringify(value, null, 2)}\n` : stringify(value, { lineWidth: 0 }));
}
