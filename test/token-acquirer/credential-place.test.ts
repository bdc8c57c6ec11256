import { describe, expect, it } from 'vitest';
import type { CredentialLack } from '../../src/core/credential-needs.ts';
import { UsageError } from '../../src/core/errors.ts';
import {
  type CredentialPlace,
  type CredentialSecret,
  lackSentence,
  originSentence,
} from '../../src/token-acquirer/cli/credential-place.ts';
import { withCredentialSecret } from '../../src/token-acquirer/cli/credential-secret-option.ts';

const POD = { kind: 'cluster', namespace: 'identity', secrets: new Map() } as const;
const DIRECTORY: CredentialPlace = { kind: 'directory', root: './credentials' };
const FOLDER = '/credentials/dynamics';

function podWith(...options: string[]): CredentialPlace {
  let secrets: ReadonlyMap<string, CredentialSecret> = new Map();
  for (const option of options) secrets = withCredentialSecret(option, secrets);
  return { ...POD, secrets };
}

function lack(given: Partial<CredentialLack>): CredentialLack {
  const keys = ['client_id', 'client_secret'] as const;
  return { credential: 'dynamics', folder: FOLDER, lacks: 'all', keys, found: '', ...given };
}

describe('the sentence on an incomplete credential in a pod', () => {
  it.each<[string, CredentialPlace, Partial<CredentialLack>, string]>([
    [
      'names the Secret, the keys and the command if it is empty',
      POD,
      {},
      'The credential "dynamics" is empty. Create the Secret dynamics-credentials in the namespace identity with the keys client_id and client_secret. Put each value into a file named as its key, and run: kubectl create secret generic dynamics-credentials --namespace identity --from-file=client_id --from-file=client_secret.',
    ],
    [
      'names the only key that workload identity needs',
      POD,
      { keys: ['client_id'] },
      'The credential "dynamics" is empty. Create the Secret dynamics-credentials in the namespace identity with the key client_id. Put each value into a file named as its key, and run: kubectl create secret generic dynamics-credentials --namespace identity --from-file=client_id.',
    ],
    [
      'names the Secret of the values and what it holds',
      podWith('dynamics=crm'),
      { keys: ['client_id'], found: 'It holds nothing that is read, only notes.' },
      'The credential "dynamics" is empty. It holds nothing that is read, only notes. Create the Secret crm in the namespace identity with the key client_id. Put each value into a file named as its key, and run: kubectl create secret generic crm --namespace identity --from-file=client_id.',
    ],
    [
      'names the keys in the Secret of all others and the command if it is empty',
      podWith('crm=x', '*=credentials'),
      {},
      'The credential "dynamics" is empty. Add the keys dynamics.client_id and dynamics.client_secret to the Secret credentials in the namespace identity. Run: token-acquirer credentials set dynamics --key client_id client_secret --namespace identity.',
    ],
    [
      'names a missing key in the Secret of all others',
      podWith('*=credentials'),
      { lacks: 'keys', keys: ['private_key'] },
      'The credential "dynamics" has no private_key. Add the key dynamics.private_key to the Secret credentials in the namespace identity. Run: token-acquirer credentials set dynamics --key private_key --namespace identity < private_key.pem.',
    ],
    [
      'names its own Secret although one of all others exists',
      podWith('*=credentials', 'dynamics=crm'),
      { keys: ['client_id'] },
      'The credential "dynamics" is empty. Create the Secret crm in the namespace identity with the key client_id. Put each value into a file named as its key, and run: kubectl create secret generic crm --namespace identity --from-file=client_id.',
    ],
    [
      'has the command for a key that is missing',
      POD,
      { lacks: 'keys', keys: ['client_secret'] },
      'The credential "dynamics" has no client_secret. Add the key client_secret to the Secret dynamics-credentials in the namespace identity. Run: token-acquirer credentials set dynamics --key client_secret --namespace identity.',
    ],
    [
      'pipes a key of many lines into the command, in the Secret of the values',
      podWith('other=x', 'dynamics=crm'),
      { lacks: 'keys', keys: ['username', 'password', 'private_key'] },
      'The credential "dynamics" has no username and no password and no private_key. Add the keys username, password and private_key to the Secret crm in the namespace identity. Run: token-acquirer credentials set dynamics --key username password --secret crm --namespace identity and token-acquirer credentials set dynamics --key private_key --secret crm --namespace identity < private_key.pem.',
    ],
    [
      'names the keys as the Secret has them',
      podWith('dynamics=crm,client_id=appId,client_secret=client_secret'),
      {},
      'The credential "dynamics" is empty. Create the Secret crm in the namespace identity with the keys appId and client_secret. Put each value into a file named as its key, and run: kubectl create secret generic crm --namespace identity --from-file=appId --from-file=client_secret.',
    ],
    [
      'has no command that would write another key than the mounted one',
      podWith('dynamics=crm,client_id=appId'),
      { lacks: 'keys', keys: ['client_id'] },
      'The credential "dynamics" has no client_id. Add the key appId to the Secret crm in the namespace identity.',
    ],
    [
      'names the Secret to mount if the folder is missing',
      POD,
      { lacks: 'folder', found: 'Existing folders: orders.' },
      `There is no credential folder ${FOLDER}. Existing folders: orders. Mount the Secret dynamics-credentials in the namespace identity there, or correct the name.`,
    ],
  ])('%s', (_what, place, given, sentence) => {
    expect(lackSentence(place, lack(given))).toBe(sentence);
  });
});

describe('an incomplete credential without a cluster', () => {
  it.each<[string, Partial<CredentialLack>, string]>([
    [
      'is made by a command',
      { lacks: 'folder', found: 'Existing folders: orders.' },
      `There is no credential folder ${FOLDER}. Existing folders: orders. Correct the name, or create the folder with the files client_id and client_secret. Run: token-acquirer credentials set dynamics --key client_id client_secret --credentials ./credentials.`,
    ],
    [
      'is filled by a command',
      { keys: ['client_id', 'certificate'] },
      `The credential folder ${FOLDER} is empty. Put the files client_id and certificate there. Run: token-acquirer credentials set dynamics --key client_id --credentials ./credentials and token-acquirer credentials set dynamics --key certificate --credentials ./credentials < certificate.pem.`,
    ],
    [
      'gets one more file by a command',
      { lacks: 'keys', keys: ['password'] },
      `The credential folder ${FOLDER} has no password. Put the file password there. Run: token-acquirer credentials set dynamics --key password --credentials ./credentials.`,
    ],
  ])('%s', (_what, given, sentence) => {
    expect(lackSentence(DIRECTORY, lack(given))).toBe(sentence);
  });
});

describe('a value that cannot be used', () => {
  it('is changed in its Secret, in a pod', () => {
    expect(originSentence(podWith('dynamics=crm'), 'dynamics', 'values')).toBe(
      'The files are those of the Secret crm in the namespace identity: change it there.',
    );
    expect(originSentence(POD, 'dynamics', 'interval')).toBe(
      'Run: token-acquirer interval set dynamics 10m --namespace identity.',
    );
  });

  it('is changed in its file without a cluster', () => {
    expect(originSentence(DIRECTORY, 'dynamics', 'values')).toBeUndefined();
  });
});

describe('--credential-secret', () => {
  it.each(['', 'dynamics', 'dynamics=', '=crm', 'dynamics=crm,', 'dynamics=crm,client_id', 'a=b=c'])(
    'rejects "%s"',
    (text) => {
      expect(() => withCredentialSecret(text, new Map())).toThrow(UsageError);
    },
  );
});
