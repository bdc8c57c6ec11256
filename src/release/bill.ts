import { createHash } from 'node:crypto';

/** A CycloneDX bill of materials, as far as it is read here. */
export interface Bill {
  readonly metadata: object;
}

/**
 * Returns the bill with the time of the release and a serial number that follows from its contents. `npm sbom` draws
 * both anew, so that two bills of one commit differ.
 */
export function steadyBill<B extends Bill>(bill: B, time: number): B {
  const metadata = { ...bill.metadata, timestamp: new Date(time * 1000).toISOString() };
  const steady = { ...bill, serialNumber: '', metadata };
  return { ...steady, serialNumber: `urn:uuid:${uuidOf(JSON.stringify(steady))}` };
}

/** Returns the bill of the client package, which has no dependency. */
export function clientBill(version: string) {
  const name = 'token-acquirer-client';
  const ref = `${name}@${version}`;
  const licenses = [{ license: { id: 'Apache-2.0' } }];
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      component: { type: 'library', 'bom-ref': ref, name, version, purl: `pkg:npm/${ref}`, licenses },
    },
    components: [],
    dependencies: [{ ref, dependsOn: [] }],
  };
}

/** A UUID of version 8 (RFC 9562): the first bits of a hash. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
