import { printableLine } from '../../core/printable.ts';
import { isProcessHealthy } from '../endpoints/report-sentences.ts';
import { isHealthy, type StatusReport } from '../endpoints/status-report.ts';
import { CommandFailed, EXIT } from './exit-codes.ts';
import { processText } from './process-text.ts';
import { statusTable } from './status-table.ts';
import type { CommandOutput } from './terminal-output.ts';

type Get = (url: string) => Promise<{ status: number; body: string }>;

/** The default address of the status. */
export const STATUS_ADDRESS = '127.0.0.1:7081';
export const STATUS_PORT_IN_POD = '9090';
const STATUS_URL = `http://${STATUS_ADDRESS}`;
/** In a pod, and therefore through a port-forward. */
const STATUS_URL_IN_POD = `http://127.0.0.1:${STATUS_PORT_IN_POD}`;

/** The URLs where the status is looked for, in this order. */
export const USUAL_PLACES: readonly string[] = [STATUS_URL, STATUS_URL_IN_POD];
export const USUAL_PLACES_POD_FIRST: readonly string[] = [STATUS_URL_IN_POD, STATUS_URL];

/** Reads the status of the first token-acquirer that answers, with its URL. Throws CommandFailed. */
export async function findStatus(
  urls: readonly string[],
  get: Get,
): Promise<{ readonly report: StatusReport; readonly url: string }> {
  const faults: string[] = [];
  for (const url of urls) {
    const answer = await ask(url, get);
    if (typeof answer !== 'string') return { report: answer, url };
    faults.push(`${url} (${answer})`);
  }
  throw new CommandFailed(
    EXIT.unreachable,
    `No token-acquirer answers at ${faults.join(' or ')}. Is it running? Name its address with --status-url.`,
  );
}

/** Returns the report, or what was wrong. */
async function ask(url: string, get: Get): Promise<StatusReport | string> {
  try {
    const { status, body } = await get(new URL('/status', url).href);
    return status === 200 ? reportIn(body) : `HTTP ${status}`;
  } catch (error) {
    return error instanceof Error ? error.message : 'failed';
  }
}

/** Returns the report in an answer, or what is wrong with it. */
export function reportIn(body: string): StatusReport | string {
  try {
    const report = JSON.parse(body) as StatusReport;
    return Array.isArray(report.tokens) ? report : 'its answer is not a status';
  } catch {
    return 'its answer is not JSON';
  }
}

export interface StatusArguments {
  readonly statusUrl?: string;
  readonly output: 'table' | 'json';
  /** Only the tokens whose Secrets are in this namespace. */
  readonly namespace?: string;
  /** Only the tokens that need attention. */
  readonly unhealthy?: boolean;
}

/** Prints the status. Throws CommandFailed where the process or one of the shown tokens is unhealthy. */
export async function statusCommand(options: StatusArguments, get: Get, output: CommandOutput): Promise<void> {
  const { report } = await findStatus(options.statusUrl === undefined ? USUAL_PLACES : [options.statusUrl], get);
  const asked = report.tokens.filter(({ token }) => isIn(token, options.namespace));
  const unhealthy = asked.filter((token) => !isHealthy(token));
  if (asked.length === 0 && options.namespace !== undefined) throw noneIn(options.namespace, report);
  const shown = { ...report, tokens: options.unhealthy === true ? unhealthy : asked };
  if (options.output === 'json') output.out(`${JSON.stringify(shown, null, 2)}\n`);
  else if (options.unhealthy === true && unhealthy.length === 0)
    output.out(`${NONE_UNHEALTHY}\n${processText(report)}`);
  else output.out(statusTable(shown));
  if (unhealthy.length > 0 || !isProcessHealthy(report)) throw new CommandFailed(EXIT.failed, '');
}

const NONE_UNHEALTHY = 'No token is unhealthy.';

function isIn(token: string, namespace: string | undefined): boolean {
  return namespace === undefined || token.startsWith(`${namespace}/`);
}

function noneIn(namespace: string, { tokens }: StatusReport): CommandFailed {
  const namespaces = [...new Set(tokens.map(({ token }) => token.split('/')[0] ?? ''))].toSorted().join(', ');
  const others = namespaces === '' ? 'The configuration has no tokens.' : `Namespaces with tokens: ${namespaces}.`;
  return new CommandFailed(EXIT.failed, printableLine(`No token is in the namespace ${namespace}. ${others}`));
}
