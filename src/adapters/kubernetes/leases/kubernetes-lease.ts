import type { V1Lease, V1LeaseSpec } from '@kubernetes/client-node';
import { StoreError } from '../../../core/errors.ts';
import type { LeaseClaim, LeaseRecord } from '../../../core/lease.ts';
import type { EpochMs } from '../../../core/token.ts';
import type { Lease } from '../../../ports/lease.ts';
import { apiFailure, statusOf } from '../api/api-failure.ts';
import type { ApiServer } from '../api/api-server.ts';
import { CoordinationV1Api, V1MicroTime } from '../api/client-library.ts';
import { ObjectObservation, type ObservationOptions, type ObservedObject } from '../api/object-observation.ts';

/** Where others reach the holder's reissue endpoint. */
const ADDRESS = 'token-acquirer.dev/address';
/** Which shards the holder acts on. */
const SHARDS = 'token-acquirer.dev/shards';
/** `host:port`, with an IPv6 address in brackets. Anyone who may edit the Lease may have written it. */
const HOST_AND_PORT = /^(?:[0-9A-Za-z.-]{1,253}|\[[0-9a-f:.]{2,45}\]):[0-9]{1,5}$/;
const FIELD_MANAGER = 'token-acquirer';

interface LeaseName {
  readonly namespace: string;
  readonly name: string;
}

/**
 * A Lease of the API server. It needs the verbs get, update and watch on it, by name: the manifests make it, without a
 * holder. A write replaces the Lease of one resourceVersion, so that of two writers one gets it. Labels and annotations of others
 * stay.
 */
export function createKubernetesLease(api: ApiServer, place: LeaseName, options: ObservationOptions): Lease {
  const coordination = new CoordinationV1Api(api.configuration);
  let latest: V1Lease | undefined;

  function noted(lease: V1Lease): LeaseRecord {
    latest = lease;
    return recordOf(lease);
  }

  return {
    async read() {
      try {
        return noted(await coordination.readNamespacedLease(place));
      } catch (error) {
        throw leaseFailure(place, 'read', error);
      }
    },
    async write(claim, version) {
      if (latest?.metadata?.resourceVersion !== version) return undefined;
      const body = withClaim(latest, claim);
      try {
        return noted(await coordination.replaceNamespacedLease({ ...place, body, fieldManager: FIELD_MANAGER }));
      } catch (error) {
        if (statusOf(error) === 409) return undefined;
        throw leaseFailure(place, 'written', error);
      }
    },
    watch(changed) {
      const observation = new ObjectObservation(api, objectOf(place), { ...options, changed });
      void observation.run();
      return () => observation.stop();
    },
  };
}

function recordOf({ metadata, spec }: V1Lease): LeaseRecord {
  const address = metadata?.annotations?.[ADDRESS];
  const seconds = spec?.leaseDurationSeconds;
  return {
    version: metadata?.resourceVersion ?? '',
    // Empty where it was given back.
    holder: spec?.holderIdentity || undefined,
    address: address !== undefined && HOST_AND_PORT.test(address) ? address : undefined,
    assignment: metadata?.annotations?.[SHARDS],
    duration: seconds === undefined ? undefined : seconds * 1000,
    acquiredAt: timeOf(spec?.acquireTime),
    renewedAt: timeOf(spec?.renewTime),
    transitions: spec?.leaseTransitions ?? 0,
  };
}

/** `undefined` for one that is none: it would differ from itself. The library declares a Date and gives the text. */
function timeOf(time: Date | string | undefined): EpochMs | undefined {
  const at = time === undefined ? Number.NaN : new Date(time).getTime();
  return Number.isNaN(at) ? undefined : at;
}

/** Other fields of the Lease stay as they were read. */
function withClaim(lease: V1Lease, claim: LeaseClaim): V1Lease {
  const { [ADDRESS]: _address, [SHARDS]: _shards, ...others } = lease.metadata?.annotations ?? {};
  const annotations = {
    ...others,
    ...(claim.address !== undefined && { [ADDRESS]: claim.address }),
    ...(claim.assignment !== undefined && { [SHARDS]: claim.assignment }),
  };
  const spec: V1LeaseSpec = {
    holderIdentity: claim.holder,
    leaseDurationSeconds: Math.round(claim.duration / 1000),
    acquireTime: new V1MicroTime(claim.acquiredAt),
    renewTime: new V1MicroTime(claim.renewedAt),
    leaseTransitions: claim.transitions,
  };
  const { apiVersion = 'coordination.k8s.io/v1', kind = 'Lease' } = lease;
  // The library's objects are instances of classes.
  return {
    apiVersion,
    kind,
    metadata: Object.assign({}, lease.metadata, { annotations }),
    spec: Object.assign({}, lease.spec, spec),
  };
}

/** The sentence for an error. `verb` is what could not be done. */
function leaseFailure({ namespace, name }: LeaseName, verb: 'read' | 'written', error: unknown): StoreError {
  if (statusOf(error) !== 404) return apiFailure(`The Lease ${namespace}/${name} cannot be ${verb}`, error);
  return new StoreError(
    `There is no Lease ${name} in the namespace ${namespace}, and the token-acquirer may not make it. Make it with \`helm upgrade\`, or run: kubectl create --namespace ${namespace} --filename - <<< '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"${name}"}}'.`,
    { missing: true },
  );
}

function objectOf({ namespace, name }: LeaseName): ObservedObject {
  return {
    path: `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`,
    name,
    title: `The Lease ${namespace}/${name}`,
    remedy: `Allow it by a Role in the namespace ${namespace} (verb watch, resource leases, resourceNames ${name}) and a RoleBinding.`,
    otherwise: 'Without a watch, the next leader takes over up to 20 s later.',
  };
}
