import { diagnose } from '../../core/doctor/checks.ts';
import type { Observed } from '../../core/doctor/observed.ts';
import { doctorJson, doctorText } from './doctor-text.ts';
import { CommandFailed, EXIT } from './exit-codes.ts';
import type { CommandOutput } from './terminal-output.ts';

export interface DoctorArguments {
  /** Before an installation. */
  readonly pre?: boolean;
  /** Of the token-acquirer. */
  readonly namespace: string;
  /** Of Helm; required where the namespace has several. */
  readonly release?: string;
  readonly config?: string;
  readonly credentials?: string;
  /** Whether to run commands in the pods of client apps. */
  readonly inPods?: boolean;
  /** Whether to have the token-acquirer send token requests. */
  readonly requestToken?: boolean;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly output: 'table' | 'json';
}

export interface DoctorDependencies {
  /** Throws CommandFailed where no API server answers. */
  readonly observe: () => Promise<Observed>;
  readonly output: CommandOutput;
}

/** `doctor`. Throws CommandFailed where something was found. */
export async function doctorCommand(
  { pre = false, output: format }: Pick<DoctorArguments, 'pre' | 'output'>,
  { observe, output }: DoctorDependencies,
): Promise<void> {
  const diagnoses = diagnose(await observe(), pre ? 'before' : 'after');
  output.out(format === 'json' ? doctorJson(diagnoses) : doctorText(diagnoses));
  if (diagnoses.some(({ findings = [] }) => findings.length > 0)) throw new CommandFailed(EXIT.failed, '');
}
