import type { TestCluster } from '../cluster.ts';
import { ExampleDeployment } from './deployment.ts';
import { loadImages } from './images.ts';

/** The example as it runs, from its first successful call on. */
export interface RunningExample {
  readonly example: ExampleDeployment;
  /** Puts the names of the images in the cluster into manifests. */
  readonly images: (text: string) => string;
  readonly applied: Date;
}

/** Installs the example anew, its client app before its token-acquirer, and waits until the client app calls with success. */
export async function installExample(cluster: TestCluster): Promise<RunningExample> {
  const example = new ExampleDeployment(cluster);
  const images = await loadImages(cluster);
  await example.remove();
  await example.applyServices(images);
  const applied = new Date();
  await example.applyClient(images);
  // Nobody has stored a token yet, so its volume cannot be mounted.
  await example.until('the pod of the client app waits', async () => (await example.isWaiting()) || undefined);
  await example.apply(images);
  await example.until('the client app calls with success', async () => {
    const [pod] = await example.pods('billing', 'billing-app');
    if (pod?.phase !== 'Running') return undefined;
    return (await example.calls(applied)).some(({ ok }) => ok) || undefined;
  });
  return { example, images, applied };
}
