import { messageOf, StoreError } from '../../core/errors.ts';
import { CommandFailed, EXIT } from '../cli/exit-codes.ts';
import { isHealthy } from '../endpoints/status-report.ts';
import { accessTokenOf, tokenOrReason } from './asked-tokens.ts';
import type { ClusterView, Scope } from './cluster-view.ts';
import { consumersOf } from './consumers.ts';
import { askedBy, type Inspection, inspectView } from './inspect-view.ts';
import { acquirerOf } from './merged-status.ts';
import { type Format, type PluginOutput, show } from './output.ts';
import { readStatus } from './status-command.ts';
import { partsOf } from './token-name.ts';

export interface InspectDependencies {
  readonly cluster: ClusterView;
  readonly output: PluginOutput;
}

/** Prints everything about one token, except the token. Throws CommandFailed where it is unhealthy. */
export async function inspectCommand(
  name: string,
  { scope, format }: { readonly scope: Scope; readonly format: Format },
  { cluster, output }: InspectDependencies,
): Promise<void> {
  const status = await readStatus(scope, cluster, output);
  const token = await tokenOrReason(status, name, cluster);
  const { namespace, secret } = partsOf(token);
  const [resource, consumers, events] = await Promise.all([
    orMessage(accessTokenOf(token, cluster).then((found) => found && askedBy(found))),
    orMessage(cluster.pods(namespace).then((pods) => consumersOf(pods, secret))),
    orMessage(cluster.events(namespace, secret)),
  ]);
  const messages = [resource, consumers, events].filter((found) => typeof found === 'string');
  const inspection: Inspection = {
    token,
    ...(typeof resource === 'object' && { access_token: resource }),
    consumers: typeof consumers === 'string' ? [] : consumers,
    events: typeof events === 'string' ? [] : events,
    not_shown: messages,
  };
  const now = acquirerOf(status, token)?.now ?? '';
  show(inspection, inspectView(inspection, now), format, output);
  if (!isHealthy(token)) throw new CommandFailed(EXIT.failed, '');
}

/** What a user may not read is said, and the rest is shown. */
async function orMessage<Value>(reading: Promise<Value>): Promise<Value | string> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return messageOf(error);
  }
}
