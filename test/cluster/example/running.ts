import type { TestCluster } from '../cluster.ts';
import { ExampleDeployment } from './deployment.ts';
import { loadImages } from './images.ts';

/** The example as it runs, from its first successful call on. */
export interface RunningExample {
  readonly example: ExampleDeployment;
  /** Puts the names of the images in the cluster into manifests. */
  readonly images: (text: string) => string;
  readonly applied: Date;
  /** Whether the client's pod was seen to wait for its first token. */
  readonly waited: boolean;
}

/** Installs the example anew, and waits until its client app calls with success. */
export async function installExample(cluster: TestCluster): Promise<RunningExample> {
  const example = new ExampleDeployment(cluster);
  const images = await loadImages(cluster);
  await example.remove();
  await example.applyServices(images);
  const applied = new Date();
  let waited = false;
  // While it is applied, too: on a busy machine the first token may exist before kubectl ends.
  const applying = example.apply(images);
  const calling = example.until('the client app calls with success', async () => {
    const [pod] = await example.pods('billing', 'billing-app');
    if (pod?.phase === 'Pending' && (await example.storedToken()) === undefined) waited = true;
    if (pod?.phase !== 'Running') return undefined;
    return (await example.calls(applied)).some(({ ok }) => ok) || undefined;
  });
  await Promise.all([applying, calling]);
  return { example, images, applied, waited };
}
