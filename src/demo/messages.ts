import type { User } from './password-grant.ts';
import type { RegisteredClient } from './provider-configuration.ts';

// The instructions of the demo's own children, by IPC. Secrets go this way, which no other process can read.

export interface AuthorizationServerInstructions {
  readonly clients: readonly RegisteredClient[];
  readonly users: readonly User[];
  /** Seconds. */
  readonly accessTokenLifetime: number;
  /** Folders to remove when the demo has ended. If it was killed, it cannot remove them, and they hold secrets. */
  readonly leftovers: readonly string[];
}

/** What befalls token requests before they reach the authorization server. */
export type TokenEndpointState = 'normal' | 'down' | 'failing' | 'slow';

export interface TokenEndpointOrder {
  readonly state: TokenEndpointState;
}

export interface GatewayInstructions {
  readonly service: string;
  readonly introspectionEndpoint: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface GatewayOrder {
  readonly rejectAll: boolean;
}
