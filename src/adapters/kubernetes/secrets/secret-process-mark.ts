import type { SecretReference } from '../../../core/token.ts';
import type { ProcessMark } from '../../../ports/process-mark.ts';
import type { ApiServer } from '../api/api-server.ts';
import { annotateSecret, readAnnotations, secretFailure } from './secret-requests.ts';

const ANNOTATION = 'token-acquirer.dev/writer';

/** The mark as an annotation of a Secret. Needs get and patch on it; no data of the Secret is read. */
export function createSecretProcessMark(api: ApiServer, secret: SecretReference): ProcessMark {
  return {
    place: secret,
    async read() {
      try {
        return (await readAnnotations(api, secret))[ANNOTATION];
      } catch (error) {
        throw secretFailure(secret, 'read', error);
      }
    },
    async write(mark) {
      try {
        await annotateSecret(api, secret, { [ANNOTATION]: mark });
      } catch (error) {
        throw secretFailure(secret, 'written', error);
      }
    },
  };
}
