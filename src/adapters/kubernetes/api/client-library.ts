/**
 * All that comes from the cluster's client library, which is half of what the token-acquirer brings along: it is bundled
 * into a file of its own from here (src/build.ts), and loaded in a cluster alone. Types are imported at the source.
 */
export {
  ApiException,
  AuthenticationV1Api,
  CoreV1Api,
  createConfiguration,
  HttpMethod,
  KubeConfig,
  OpenidApi,
  PatchStrategy,
  ResponseContext,
  SelfDecodingBody,
  ServerConfiguration,
  setHeaderOptions,
  Watch,
  WellKnownApi,
  wrapHttpLibrary,
} from '@kubernetes/client-node';
// The library's own instance of it: its errors are known by their class.
export { Agent, errors } from 'undici';
