import type { SecretReference } from '../../../core/token.ts';
import type { AuthorityStore, StoredAuthority } from '../../../ports/authority-store.ts';
import { apiFailure, statusOf } from '../api/api-failure.ts';
import type { ApiServer } from '../api/api-server.ts';
import { CoreV1Api, PatchStrategy, setHeaderOptions } from '../api/client-library.ts';
import { secretFailure } from './secret-requests.ts';

const KEY = 'authorities.json';
const FIELD_MANAGER = 'token-acquirer';
/** The answer to a save has no need to bring the keys back. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json';
const NO_DATA = 'no data';

/**
 * The CA of the reissue endpoint in the key `authorities.json` of a Secret of the acquirer's own, which the manifests
 * make empty. It needs the verbs get and patch on that Secret. Other keys are left alone.
 *
 * A save is a JSON Patch (RFC 6902) that tests the resourceVersion first: where anything of the Secret was changed
 * since, it fails, to be tried again. Throws StoreError, permanent where someone must act.
 */
export function createSecretAuthorityStore(api: ApiServer, { namespace, secret }: SecretReference): AuthorityStore {
  const core = new CoreV1Api(api.configuration);
  const name = `the Secret ${namespace}/${secret}`;
  const target = { namespace, name: secret };

  async function load(): Promise<StoredAuthority> {
    try {
      const { data, metadata } = await core.readNamespacedSecret(target);
      const value = data?.[KEY];
      const text = value === undefined ? undefined : Buffer.from(value, 'base64').toString();
      // What a patch may add depends on it, so it belongs to what is expected.
      const version = [metadata?.resourceVersion ?? '', ...(data === undefined ? [NO_DATA] : [])].join(' ');
      return { text, version };
    } catch (error) {
      if (statusOf(error) === 404) throw secretFailure({ namespace, secret }, 'read', error);
      throw apiFailure(`The CA of the reissue endpoint cannot be read from ${name}`, error);
    }
  }

  async function save(text: string, version: string): Promise<void> {
    const [resourceVersion = '', ...noData] = version.split(' ');
    const body = [
      { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
      ...(noData.length > 0 ? [{ op: 'add', path: '/data', value: {} }] : []),
      { op: 'add', path: `/data/${KEY}`, value: Buffer.from(text).toString('base64') },
    ];
    const asPatch = setHeaderOptions('Content-Type', PatchStrategy.JsonPatch);
    try {
      const options = setHeaderOptions('Accept', METADATA_ONLY, asPatch);
      await core.patchNamespacedSecret({ ...target, body, fieldManager: FIELD_MANAGER }, options);
    } catch (error) {
      if (statusOf(error) === 404) throw secretFailure({ namespace, secret }, 'written', error);
      throw apiFailure(`The CA of the reissue endpoint cannot be saved in ${name}`, error);
    }
  }

  return { place: `the key ${KEY} of ${name}`, load, save };
}
