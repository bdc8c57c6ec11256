import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSecretProcessMark } from '../../../src/adapters/kubernetes/secrets/secret-process-mark.ts';
import { StoreError } from '../../../src/core/errors.ts';
import type { ProcessMark } from '../../../src/ports/process-mark.ts';
import { type FakeKubernetesApi, type JsonObject, startKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { failure } from '../../support/failure.ts';
import { secret } from '../../support/secrets.ts';

const PATH = '/api/v1/namespaces/token-acquirer/secrets/token-acquirer-state';
const PLACE = { namespace: 'token-acquirer', secret: 'token-acquirer-state' };

let fake: FakeKubernetesApi;
let mark: ProcessMark;

beforeEach(async () => {
  fake = await startKubernetesApi();
  fake.objects.put(PATH, { type: 'Opaque', data: { chain: Buffer.from(secret('chain')).toString('base64') } });
  mark = createSecretProcessMark(fake.connect(), PLACE);
});
afterEach(() => fake.stop());

const annotations = (): unknown => (fake.objects.get(PATH)?.['metadata'] as JsonObject | undefined)?.['annotations'];

describe('a mark in a Secret', () => {
  it('is missing at first, then the last one that was written', async () => {
    expect(await mark.read()).toBeUndefined();
    await mark.write('pod-a/1');
    expect(await mark.read()).toBe('pod-a/1');
    await mark.write('pod-b/2');
    expect(await mark.read()).toBe('pod-b/2');
  });

  it('leaves other annotations and the data alone', async () => {
    const data = fake.objects.get(PATH)?.['data'];
    fake.objects.put(PATH, {
      type: 'Opaque',
      ...(data !== undefined && { data }),
      metadata: { annotations: { a: 'b' } },
    });
    await mark.write('pod-a/1');
    expect(annotations()).toEqual({ a: 'b', 'token-acquirer.dev/writer': 'pod-a/1' });
    expect(fake.objects.get(PATH)?.['data']).toEqual(data);
  });

  it('is read and written without the data of the Secret', async () => {
    await mark.write('pod-a/1');
    await mark.read();
    expect(fake.requests.map(({ accept }) => accept)).toEqual([
      expect.stringContaining('as=PartialObjectMetadata'),
      expect.stringContaining('as=PartialObjectMetadata'),
    ]);
  });

  it('fails with the command that creates the Secret if that is missing', async () => {
    fake.objects.delete(PATH);
    for (const act of [() => mark.read(), () => mark.write('pod-a/1')]) {
      const error = await failure(act());
      expect(error).toBeInstanceOf(StoreError);
      expect(error).toMatchObject({
        missing: true,
        permanent: true,
        message: expect.stringContaining(
          'kubectl create secret generic token-acquirer-state --namespace token-acquirer',
        ),
      });
    }
  });

  it.each(['get', 'patch'] as const)('fails without the permission to %s and names it', async (verb) => {
    fake.deny({ verb, resource: 'secrets' });
    const error = await failure(verb === 'get' ? mark.read() : mark.write('pod-a/1'));
    expect(error).toMatchObject({ missing: false, permanent: true, message: expect.stringContaining(`verb ${verb}`) });
  });
});
