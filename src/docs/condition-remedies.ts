import type { ConditionType, ProcessConditionType } from '../core/conditions.ts';

/** What to do about an unhealthy condition. `Suspended` is healthy either way. */
export const CONDITION_REMEDIES: Readonly<Record<Exclude<ConditionType, 'Suspended'> | ProcessConditionType, string>> =
  {
    Ready: 'See `Renewed`, and the last error in the status.',
    Renewed: 'Look up the [error code](errors.md).',
    Stored: 'Follow the message. The token stays in memory and is written once that works.',
    ExecutionStateKnown:
      'Check the permission to list and watch pods, or the health URL. The token is requested anyway.',
    CredentialUsable: 'Create or correct the Secret, or the folder, that the message names. It is read every 30 s.',
    CredentialExpiryKnown: 'Write a date or a time into `expires_at`, or remove it. Tokens are renewed in any case.',
    SecretCurrent:
      'Put the value of `client_secret_next` into `client_secret`. The condition ends with the next token request.',
    CaUsable: 'Correct the file. It is read every 30 s, also while the token is suspended.',
    ServerReachable:
      'Check DNS, the network and the CA. token-acquirer tries at least every 30 s, without a credential.',
    SelectorMatches:
      'Correct `clientApp.selector`, or the labels of the pods. Until then those pods count as the client app.',
    PodsFollow: 'Mount the Secret as a whole volume.',
    VolumeFollowsInTime: 'Choose one of the [remedies](../explain/propagation.md#remedies).',
    ReplacedTokenRevoked: 'Follow the message. If the old token must end now, revoke it at the authorization server.',
    EvidenceFollowed:
      'Follow the message: create the Role, or name the right container. See [evidence](../operate/evidence.md#permissions).',
    LifetimeStated: 'Set `defaultLifetime` of the authorization server.',
    IntervalValid: 'Set it again with `token-acquirer interval set`.',
    ClockAgrees: 'Synchronize both clocks by NTP.',
    CallersKnown:
      'Add the line in the message to `clients`, or stop the caller. The condition ends 3 min after the last call.',
    ConfigurationInForce: 'Correct the file, or restart token-acquirer.',
    AuthorityStored: 'Create the Secret again, or correct the permissions for it.',
    StateStored: 'Create the Secret again before you restart token-acquirer, which has the refresh tokens in memory.',
    ShardsOwned: 'Start the Deployment that the message names, or set `shards` to a smaller number.',
    ShardsAgree: 'Wait for that shard to load the configuration, or delete its pod with the command in the message.',
    ShardConfigured: 'Set `shards` to the number in the message, or stop the process.',
    Elected: 'Follow the message: create the Lease or its permissions, or remove what holds the Lease.',
  };
