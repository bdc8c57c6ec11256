export interface KrewOrder {
  readonly version: string;
  /** Name and SHA-256 of the archive. */
  readonly archive: string;
  readonly sha256: string;
  readonly repository: string | undefined;
}

/** Stands for an address where there is none: `kubectl krew install --archive FILE` does not use it. */
const NOWHERE = 'https://token-acquirer.invalid';

/** Returns the manifest by which krew installs the plugin, with the same archive for every platform. */
export function krewManifest({ version, archive, sha256, repository = NOWHERE }: KrewOrder): object {
  return {
    apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
    kind: 'Plugin',
    metadata: { name: 'token-acquirer' },
    spec: {
      version: `v${version}`,
      homepage: repository,
      shortDescription: 'Show and operate token-acquirers',
      description: DESCRIPTION,
      caveats: CAVEATS,
      platforms: [
        {
          selector: { matchExpressions: [{ key: 'os', operator: 'In', values: ['linux', 'darwin'] }] },
          uri: `${repository}/releases/download/v${version}/${archive}`,
          sha256,
          bin: 'kubectl-token_acquirer',
        },
      ],
    },
  };
}

const DESCRIPTION = `Shows the OAuth access tokens that token-acquirer renews in a cluster, those that need attention first.
It inspects one token with its conditions, events and consumers, requests a new one,
and sets renewal intervals and credentials. It never shows a token or a credential.
`;

const CAVEATS = `Needs Node 24 or later on the PATH.
For completion by kubectl, put kubectl_complete-token_acquirer of the archive on the PATH.
`;
