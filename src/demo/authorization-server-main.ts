// The authorization server's process.
import { startAuthorizationServer } from './authorization-server.ts';
import { announce, exitWithParent, instructions, onOrder, report } from './child.ts';
import type { AuthorizationServerInstructions, TokenEndpointOrder } from './messages.ts';
import { startTokenEndpointFront, type TokenRequestSeen } from './token-endpoint-front.ts';
import { removeFolders } from './workspace.ts';

const folders: string[] = [];
exitWithParent(() => removeFolders(folders));

const { clients, users, accessTokenLifetime, leftovers } = await instructions<AuthorizationServerInstructions>();
folders.push(...leftovers);
const { issuer } = await startAuthorizationServer({ clients, users, accessTokenLifetime });
const front = await startTokenEndpointFront(issuer, (seen) => report<TokenRequestSeen>(seen));
onOrder<TokenEndpointOrder>(({ state }) => front.set(state));
announce({ issuer, tokenEndpoint: `${front.url}/token` });
