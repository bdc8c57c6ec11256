import type { EpochMs } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import { readAcquirerLine } from './acquirer-log.ts';
import { APPS, type App, GATEWAY_CLIENT, type Secrets, TOKEN_LIFETIME } from './cast.ts';
import type { ChildMessage } from './child.ts';
import type { Child, Children } from './children.ts';
import { readClientLine } from './client-log.ts';
import { acquirerCommand, clientAppCommand, type Part, partCommand } from './commands.ts';
import { configurationFor } from './configuration.ts';
import { type Happening, prefixOf } from './demo-event.ts';
import { ofKind } from './evidence.ts';
import type { GatewayVerdict } from './gateway.ts';
import type { Ledger } from './ledger.ts';
import type { AuthorizationServerInstructions, GatewayInstructions } from './messages.ts';
import type { TokenRequestSeen } from './token-endpoint-front.ts';
import { type Workspace, writeConfiguration } from './workspace.ts';

/** Where everything answers: URLs. */
export interface Addresses {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly service: string;
  readonly gateway: string;
  readonly reissue: string;
  readonly status: string;
}

export interface Ingredients {
  readonly clock: Clock;
  readonly children: Children;
  readonly ledger: Ledger;
  readonly workspace: Workspace;
  readonly secrets: Secrets;
  /** Put into the environment of every process of this demo. */
  readonly mark: string;
}

export interface Parts {
  readonly addresses: Addresses;
  readonly authorizationServer: Child;
  readonly gateway: Child;
}

const START_WITHIN = 30_000;

/** Starts all but the client apps, each as soon as those are up that it needs. */
export async function startParts(ingredients: Ingredients): Promise<Parts> {
  const { workspace } = ingredients;
  startPart(ingredients, 'incident-desk', {});
  const authorizationServer = startAuthorizationServer(ingredients);
  const [service, issuer, tokenEndpoint] = await Promise.all([
    listening(ingredients, 'incident-desk', 'url'),
    listening(ingredients, 'authorization-server', 'issuer'),
    listening(ingredients, 'authorization-server', 'tokenEndpoint'),
  ]);
  const gatewayPart = startGateway(ingredients, service, issuer);
  writeConfiguration(workspace, configurationFor(workspace, tokenEndpoint));
  startAcquirer(ingredients);
  const [gateway, reissue, status] = await Promise.all([
    listening(ingredients, 'gateway', 'url'),
    listening(ingredients, 'token-acquirer', 'reissue'),
    listening(ingredients, 'token-acquirer', 'status'),
  ]);
  const addresses = { issuer, tokenEndpoint, service, gateway, reissue, status };
  return { addresses, authorizationServer, gateway: gatewayPart };
}

export function startApp({ children, ledger, workspace, mark }: Ingredients, app: App, addresses: Addresses): Child {
  return children.start(clientAppCommand(app, workspace, addresses, mark), {
    line: (line) => enter(ledger, readClientLine(app.name, line)),
  });
}

function startAuthorizationServer(ingredients: Ingredients): Child {
  const { secrets, ledger, workspace } = ingredients;
  const clients = APPS.map((app) => ({
    clientId: app.name,
    clientSecret: secrets.of(app).clientSecret,
    grants: [app.grant],
  }));
  const users = APPS.flatMap((app) => secrets.of(app).user ?? []);
  const gateway = { clientId: GATEWAY_CLIENT, clientSecret: secrets.gateway, grants: [] };
  const instructions: AuthorizationServerInstructions = {
    clients: [...clients, gateway],
    users,
    accessTokenLifetime: TOKEN_LIFETIME,
    leftovers: workspace.folders,
  };
  return startPart<TokenRequestSeen>(
    ingredients,
    'authorization-server',
    instructions,
    ({ clientId, letThrough }, at) => ledger.enter({ kind: 'token-requested', app: clientId, letThrough }, at),
  );
}

function startGateway(ingredients: Ingredients, service: string, issuer: string): Child {
  const instructions: GatewayInstructions = {
    service,
    introspectionEndpoint: `${issuer}/token/introspection`,
    clientId: GATEWAY_CLIENT,
    clientSecret: ingredients.secrets.gateway,
  };
  return startPart<GatewayVerdict>(ingredients, 'gateway', instructions, ({ sha256, status }, at) => {
    ingredients.ledger.enter({ kind: 'verdict', hash: sha256 && prefixOf(sha256), status }, at);
  });
}

function startAcquirer({ children, ledger, workspace, mark }: Ingredients): void {
  children.start(acquirerCommand(workspace, mark), { line: (line) => enter(ledger, readAcquirerLine(line)) });
}

function startPart<Report>(
  { children, ledger, mark }: Ingredients,
  part: Part,
  instructions: object,
  onReport: (report: Report, at: EpochMs) => void = () => {},
): Child {
  const child = children.start(partCommand(part, mark), {
    message: (message) => {
      const received = message as ChildMessage<Report>;
      if (received.kind === 'report') onReport(received.report, received.at);
      else
        for (const [what, url] of Object.entries(received.urls))
          ledger.enter({ kind: 'listening', who: part, what, url });
    },
  });
  child.send(instructions);
  return child;
}

function enter(ledger: Ledger, happening: Happening | undefined): void {
  if (happening !== undefined) ledger.enter(happening);
}

function listening({ ledger }: Ingredients, who: string, what: string): Promise<string> {
  return ledger.until(
    (events) => ofKind(events, 'listening').find((event) => event.who === who && event.what === what)?.url,
    { what: `The address of the ${who}`, within: START_WITHIN },
  );
}
