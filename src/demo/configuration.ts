import { APPS, type App, NAMESPACE, TOKEN } from './cast.ts';
import type { Workspace } from './workspace.ts';

/** Returns the configuration of token-acquirer for the demo: the grants, renewal and callers of both apps. */
export function configurationFor(workspace: Workspace, tokenEndpoint: string): object {
  return {
    authorizationServers: { demo: { tokenEndpoint, clientAuthentication: 'client_secret_basic' } },
    tokens: APPS.map((app) => tokenFor(workspace, app)),
  };
}

function tokenFor(workspace: Workspace, app: App): object {
  return {
    name: TOKEN,
    authorizationServer: 'demo',
    credential: app.name,
    grant: app.grant,
    renewal: { at: '67%' },
    secret: { namespace: NAMESPACE, name: app.name },
    clients: [{ name: app.name, tokenFile: workspace.knownCallerFileOf(app) }],
    clientApp: { pidFile: workspace.pidFileOf(app) },
  };
}
