/**
 * Everything from the cluster's client library, which is half of the token-acquirer's code. src/build.ts bundles it into a
 * separate file, and it is only loaded in a cluster. Types are imported from the library itself.
 */
export {
  ApiException,
  AuthenticationV1Api,
  CoordinationV1Api,
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
  V1MicroTime,
  Watch,
  WellKnownApi,
  wrapHttpLibrary,
} from '@kubernetes/client-node';
// The library's own instance of it: its errors are known by their class.
export { Agent, errors } from 'undici';
