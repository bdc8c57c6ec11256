import { z } from 'zod';
import type { ApiServer } from './api-server.ts';
import { ApiException, HttpMethod } from './client-library.ts';

export interface Release {
  readonly major: number;
  readonly minor: number;
}

export interface ApiVersion extends Release {
  /** As the distribution has it: `v1.36.3`, `v1.29.14-gke.1`. */
  readonly name: string;
}

/** `29+` is how some distributions say that it is their own. */
const number = z
  .string()
  .regex(/^\d+/)
  .transform((text) => Number.parseInt(text, 10));
const versionSchema = z.object({ major: number, minor: number, gitVersion: z.string().regex(/^[\w.+-]{1,100}$/) });

/** The first with which the project is tested. */
const OLDEST: Release = { major: 1, minor: 29 };

/** Which Kubernetes this is. Throws what `apiFailure` understands. */
export async function readVersion({ configuration }: ApiServer, signal?: AbortSignal): Promise<ApiVersion> {
  const request = configuration.baseServer.makeRequestContext('/version', HttpMethod.GET);
  if (signal !== undefined) request.setSignal(signal);
  const { httpStatusCode, body } = await configuration.httpApi.send(request).toPromise();
  const text = await body.text();
  if (httpStatusCode !== 200) throw new ApiException(httpStatusCode, '', text, {});
  const { major, minor, gitVersion } = versionSchema.parse(JSON.parse(text));
  return { major, minor, name: gitVersion.slice(0, 40) };
}

export function isOlder({ major, minor }: Release, than: Release): boolean {
  return major < than.major || (major === than.major && minor < than.minor);
}

/** Returns a sentence if Kubernetes is older than supported; `undefined` if it is not, or if the version is unknown. */
export async function oldVersionWarning(api: ApiServer, signal: AbortSignal): Promise<string | undefined> {
  try {
    const version = await readVersion(api, signal);
    if (!isOlder(version, OLDEST)) return undefined;
    return `This is Kubernetes ${version.name}; the token-acquirer is made for 1.29 or later, and nothing is known of how it does here. Upgrade the cluster.`;
  } catch {
    // Every other request reports an API server that is unavailable or rejects it.
    return undefined;
  }
}
