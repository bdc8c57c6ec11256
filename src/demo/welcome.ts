import { APPS, type App, BILLING, NAMESPACE, REPORT, TOKEN, TOKEN_LIFETIME } from './cast.ts';
import type { Addresses } from './parts.ts';
import type { Workspace } from './workspace.ts';

export interface Surroundings {
  readonly addresses: Addresses;
  readonly workspace: Workspace;
  /** Of the demo's own acts. */
  readonly control: string;
  readonly page: string;
}

const CLI = 'npm run -s token-acquirer --';

/** What is running where, and what to try, as lines. */
export function welcome({ addresses, workspace, control, page }: Surroundings): string[] {
  const { issuer, gateway, service, reissue, status } = addresses;
  const volume = workspace.volumeOf(BILLING);
  return [
    '',
    'Running, each in its own process:',
    ...pairs([
      ['authorization server', `${issuer} (tokens live ${TOKEN_LIFETIME} s)`],
      ['API gateway', `${gateway} (checks every token at the authorization server)`],
      ['external service', `${service}/incidents (behind the gateway)`],
      ['token-acquirer', `${reissue} (reissue), ${status} (status, metrics)`],
      ...APPS.map((app): Pair => [app.name, `reads ${workspace.volumeOf(app)}`]),
    ]),
    '',
    `See it live, and act on it: ${page}`,
    '',
    'To try in another terminal, from this folder:',
    ...pairs([
      ['see the tokens', `${CLI} status --status-url ${status}`],
      ['set the interval', `${CLI} interval set ${BILLING.name} 5s --credentials ${workspace.credentials}`],
      ['ask for a reissue', `${CLI} reissue ${reissueArguments(BILLING, { addresses, workspace })}`],
      ['revoke a token', `curl -X POST ${control}/revoke/${BILLING.name}`],
      ['stop, start an app', `curl -X POST ${control}/stop/${REPORT.name}   …/start/${REPORT.name}`],
      ['have an outage', `curl -X POST ${control}/outage/on   …/outage/off`],
      ['call by hand', `curl -H "Authorization: Bearer $(cat ${volume}/${TOKEN})" ${gateway}/incidents`],
    ]),
    '',
    'The demo revokes a token every 30 s until you act on the page. Press Ctrl-C to stop.',
    '',
  ];
}

function reissueArguments(app: App, { addresses, workspace }: Pick<Surroundings, 'addresses' | 'workspace'>): string {
  const urls = `--url ${addresses.reissue} --status-url ${addresses.status}`;
  return `${NAMESPACE}/${app.name}/${TOKEN} --caller-token ${workspace.callerTokenFileOf(app)} ${urls}`;
}

type Pair = readonly [label: string, text: string];

function pairs(entries: readonly Pair[]): string[] {
  const width = Math.max(...entries.map(([label]) => label.length));
  return entries.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`);
}
