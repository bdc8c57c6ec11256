import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/core/errors.ts';
import { type DestinationOptions, destinationOf } from '../../src/token-acquirer/cli/destination.ts';

const nowhere = { kubeconfig: undefined, context: undefined };

describe('the destination of a set command', () => {
  it.each<[string, DestinationOptions, 'credentials' | 'interval', object]>([
    ['is the named folder', { credentials: './credentials' }, 'credentials', { kind: 'folder', root: './credentials' }],
    [
      'is the Secret of the credential',
      { namespace: 'identity' },
      'credentials',
      { kind: 'secret', namespace: 'identity', secret: 'dynamics-credentials', ...nowhere },
    ],
    [
      'is the Secret of its interval',
      { namespace: 'identity' },
      'interval',
      { kind: 'secret', namespace: 'identity', secret: 'dynamics-interval', ...nowhere },
    ],
    [
      'is the named Secret in the named cluster',
      { namespace: 'identity', secret: 'crm.example', kubeconfig: '/k', context: 'test' },
      'interval',
      { kind: 'secret', namespace: 'identity', secret: 'crm.example', kubeconfig: '/k', context: 'test' },
    ],
  ])('%s', (_sentence, options, ending, expected) => {
    expect(destinationOf('dynamics', options, ending)).toEqual(expected);
  });

  it.each<[string, DestinationOptions, string]>([
    [
      'nowhere',
      {},
      'Name the place of the credential: --namespace NAMESPACE for a Secret in a cluster, or --credentials DIR',
    ],
    [
      'two places',
      { namespace: 'identity', credentials: './credentials' },
      '--namespace is for a Secret in a cluster, --credentials for a folder: give one of the two.',
    ],
    ['a Secret without a namespace', { secret: 'x' }, '--secret is for a Secret in a cluster: name its namespace'],
    ['a cluster without a namespace', { kubeconfig: '/k' }, '--kubeconfig is for a Secret in a cluster'],
    ['a context without a namespace', { context: 'x' }, '--context is for a Secret in a cluster'],
    [
      'a folder with a Secret',
      { credentials: './credentials', secret: 'x' },
      '--secret is for a Secret in a cluster: name its namespace with --namespace.',
    ],
    ['an invalid namespace', { namespace: 'a/b' }, '--namespace must be a namespace'],
    ['a namespace without a name', { namespace: '' }, '--namespace must be a namespace'],
    ['an invalid Secret', { namespace: 'a', secret: '../b' }, 'The name of a Secret may have only lower-case letters'],
    ['a Secret without a name', { namespace: 'a', secret: '' }, 'Correct --secret.'],
  ])('cannot be %s', (_sentence, options, sentence) => {
    const decide = (): unknown => destinationOf('dynamics', options, 'credentials');
    expect(decide).toThrow(UsageError);
    expect(decide).toThrow(sentence);
  });

  it.each(['Dynamics', 'dynamics_crm', 'a/b', '../x', '', 'x'.repeat(250)])(
    'cannot be the Secret of a credential "%s", whose name is not valid for a Secret',
    (credential) => {
      const decide = (): unknown => destinationOf(credential, { namespace: 'identity' }, 'credentials');
      expect(decide).toThrow(
        'The name of the credential has other characters: correct it, or name its Secret with --secret.',
      );
      if (credential !== '') expect(decide).not.toThrow(credential);
    },
  );
});
